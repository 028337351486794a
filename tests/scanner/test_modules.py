"""A package's modules, as `pkgutil` finds them."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

import scanner.formats
import scanner.reports
import scanner.rules
from scanner.modules import names


@pytest.mark.parametrize(
    "package", [scanner.formats, scanner.reports, scanner.rules], ids=lambda it: str(it.__name__)
)
def test_the_same_as_pkgutil_finds(package: ModuleType) -> None:
    found = [module.name for module in pkgutil.iter_modules(package.__path__)]
    assert list(names(package.__path__)) == [name for name in found if name[0] != "_"]


def test_compiled_modules_count_and_other_files_do_not(tmp_path: Path) -> None:
    for name in ("b.py", "a.pyc", "_own.py", "__init__.py", "notes.txt", "c.py.orig"):
        (tmp_path / name).touch()
    assert names([str(tmp_path)]) == ("a", "b")
