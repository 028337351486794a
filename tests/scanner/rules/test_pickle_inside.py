"""A pickle in a file that is none is told once, whatever it would do."""

from __future__ import annotations

import gzip
import pickle

import pytest

from scanner.findings import Severity
from scanner.rules.pickle_inside import RULE
from tests.builders.zips import plain
from tests.scanner.rules.problems import HERE, said
from tests.scanner.told import CLEAN, tell

BENIGN = pickle.dumps({"label": [1, 2, 3]})


def inside(data: bytes, name: str) -> list[str]:
    return [finding.message for finding in tell(data, name).findings if finding.rule == RULE.id]


def test_fires() -> None:
    (finding,) = said(RULE, "pickle-inside")
    assert (finding.severity, finding.where) == (Severity.INFO, HERE)


@pytest.mark.parametrize("kind", ["polyglot", "unrecognised"])
def test_stays_quiet(kind: str) -> None:
    assert said(RULE, kind) == []


def test_it_is_told_once_however_many_and_however_deep() -> None:
    many = plain({f"{index}.pickle": BENIGN for index in range(50)})
    assert inside(many, "samples.zip") == ["holds a pickle (pickle)"]
    assert inside(gzip.compress(many), "samples.zip.gz") == ["holds a pickle (pickle)"]
    assert tell(many, "samples.zip").verdict is CLEAN


def test_a_pickle_itself_and_an_archive_of_data_are_silent() -> None:
    assert inside(BENIGN, "x.pkl") == []
    assert inside(plain({"a.json": b"{}", "b.txt": b"words"}), "samples.zip") == []
