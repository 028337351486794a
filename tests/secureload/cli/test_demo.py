"""`secureload demo`: everything it claims happens, or it says which step did not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secureload.cli import demo
from tests.secureload.cli.shell import ROOT, Shell, spawn


def test_the_demonstration_ends_well_and_leaves_nothing(tmp_path: Path) -> None:
    before = os.environ["SECURELOAD_HOME"]
    said = spawn("demo", TMPDIR=str(tmp_path))
    assert said.code == 0, said.out + said.err
    for words in (
        "each proven equal, nothing executed",
        "equal to what transformers gave",
        "from the cache",
        "posix.system",
        "does not exist: nothing was run",
        "Every step did what it should.",
    ):
        assert words in said.out
    assert list(tmp_path.glob("secureload-demo-*")) == []
    assert not Path(before).exists()


def test_without_torch_it_says_what_to_install(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo.importlib.util, "find_spec", lambda _: None)
    said = shell("demo")
    assert said.code == 2
    assert "admitted in" in said.out
    assert "does not exist: nothing was run" in said.out
    assert "pip install 'secureload[load]'" in said.err


def test_a_step_that_goes_wrong_is_not_passed_over(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(demo, "_write_malicious", lambda *_: None)
    said = shell("demo")
    assert said.code == 2
    assert "the malicious checkpoint was admitted" in said.err


def test_its_checkpoint_is_small_and_inside_the_package() -> None:
    data = ROOT / "secureload" / "demo_data"
    assert sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) < 200_000
