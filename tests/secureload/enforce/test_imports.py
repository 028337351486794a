"""A hook runs after its module, before anybody else can bind a name of it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from secureload.enforce.imports import Finder


@pytest.fixture
def finder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finder:
    (tmp_path / "hooked_here.py").write_text("value = 1\n")
    (tmp_path / "binds_it.py").write_text("from hooked_here import value\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    made = Finder()
    monkeypatch.setattr(sys, "meta_path", [made, *sys.meta_path])
    for name in ("hooked_here", "binds_it"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return made


def raise_it(module: ModuleType) -> None:
    module.value += 1


def test_whoever_imports_a_name_gets_the_hooked_one(finder: Finder) -> None:
    finder.add("hooked_here", raise_it)

    assert importlib.import_module("binds_it").value == 2


def test_a_reload_is_hooked_again(finder: Finder) -> None:
    finder.add("hooked_here", raise_it)
    module = importlib.import_module("hooked_here")
    module.value = 7

    assert importlib.reload(module).value == 2


def test_a_module_that_is_there_already_is_hooked_at_once(finder: Finder) -> None:
    module = importlib.import_module("hooked_here")
    finder.add("hooked_here", raise_it)

    assert module.value == 2


def test_the_module_shows_its_own_loader(finder: Finder) -> None:
    finder.add("hooked_here", raise_it)
    module = importlib.import_module("hooked_here")

    assert type(module.__loader__).__name__ == "SourceFileLoader"
    assert module.__spec__ is not None
    assert module.__spec__.loader is module.__loader__


def test_the_finder_comes_back(finder: Finder) -> None:
    sys.meta_path.remove(finder)
    finder.stay()

    assert sys.meta_path[0] is finder
