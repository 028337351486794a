"""Nothing in the attack corpus is clean, and what acts in a known way is called malicious."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from scanner import FileVerdict
from tests.attacks import scorecard
from tests.builders.gadgets import Technique, corpus

ROOT = Path(__file__).parents[2]
FAMILIES = scorecard.families()


def test_the_corpus_is_as_large_as_promised() -> None:
    shown = [one for one in corpus() if is_shown(one)]

    assert len(shown) >= 900
    assert len(FAMILIES) >= 30
    assert len({(one.data, one.file, one.loader) for one in corpus()}) > 0.98 * len(corpus())


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_is_clean(family: str) -> None:
    clean = [one for one in scorecard.of(family) if one.verdict is FileVerdict.CLEAN]

    assert [one.technique.id for one in clean] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_as_many_are_malicious_as_ever(family: str) -> None:
    """A class without a floor fails: the floor comes with the class."""
    found = scorecard.tally(scorecard.of(family))[FileVerdict.MALICIOUS]

    assert found >= scorecard.FLOORS[family]


def test_floors_are_of_classes_that_exist() -> None:
    assert set(scorecard.FLOORS) == set(FAMILIES)


def test_the_scorecard_is_the_one_in_the_repository() -> None:
    assert scorecard.TARGET.read_text("utf-8") == scorecard.page()


def test_a_verdict_hangs_on_the_bytes_alone() -> None:
    """Scanning again gives the same results, in any order."""
    from scanner import scan_bytes

    some = scorecard.scores()[::-7]
    again = [scan_bytes(one.technique.data, name=one.technique.file) for one in some]

    assert again == [one.result for one in some]


def is_shown(one: Technique) -> bool:
    """Whether this technique can be shown to fire on this machine."""
    visible = bool(one.loader and one.proof) and (one.runs or one.proof != "file")
    return one.fires and visible and not missing(one)


def missing(one: Technique) -> bool:
    needs = (*one.needs, *(("joblib",) if one.loader == "joblib" else ()))
    return not all(map(_is_here, needs))


@cache
def _is_here(need: str) -> bool:
    """Whether a module, or an interpreter of this version, is here."""
    if need == "python3.11":
        return sys.version_info[:2] == (3, 11)
    for sign, holds in (("<", -1), (">=", 1)):
        name, found, version = need.partition(sign)
        if found:
            wanted = tuple(map(int, version.split(".")))
            if name == "numpy":
                import numpy

                have = tuple(map(int, numpy.__version__.split(".")[: len(wanted)]))
            else:
                have = sys.version_info[: len(wanted)]
            return have < wanted if holds < 0 else have >= wanted
    try:
        return importlib.util.find_spec(need) is not None
    except (ImportError, ValueError):
        return False


@pytest.fixture(scope="module")
def fired(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each technique that can be shown did, in one run of the driver."""
    folder = tmp_path_factory.mktemp("firing")
    scratch, files = folder / "scratch", folder / "files"
    scratch.mkdir()
    plan = []
    for number, one in enumerate(corpus()):
        if is_shown(one):
            path = files / str(number) / one.file
            path.parent.mkdir(parents=True)
            path.write_bytes(one.data)
            plan.append({"id": one.id, "path": str(path), "loader": one.loader, "proof": one.proof})
    (folder / "plan.json").write_text(json.dumps(plan))
    command = [sys.executable, "-m", "tests.attacks.firing"]
    subprocess.run(
        [*command, str(folder / "plan.json"), str(folder / "result.json")],
        check=True,
        cwd=scratch,
        env=os.environ | {"HOME": str(scratch), "PYTHONPATH": str(ROOT)},
        timeout=280,
        capture_output=True,
    )
    told: dict[str, str] = json.loads((folder / "result.json").read_text())
    return told


def test_every_technique_fires_under_its_loader(fired: dict[str, str]) -> None:
    assert len(fired) >= 900
    assert {name: why for name, why in fired.items() if why != "fired"} == {}
