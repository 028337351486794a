"""A listing holds only paths that are safe to create below one folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureload.errors import SourceError
from secureload.flow import FileClaim, Source
from secureload.sources import base

SOURCE = Source(kind="hub", location="org/model")


def listed(*paths: str) -> tuple[str, ...]:
    claims = [FileClaim(path=path, size=1) for path in paths]
    return tuple(claim.path for claim in base.listing(SOURCE, "0" * 40, claims).claims)


@pytest.mark.parametrize(
    "path",
    [
        "", "/etc/passwd", "../x", "a/../x", "a/./x", "a//x", "a/", ".git/config", "a/.GIT/x",
        "a\\x", "a\nb", "a\x00b", "a\u202eb", "x" * 256, "\udc80", "/".join(["x" * 200] * 11),
    ],
)  # fmt: skip
def test_a_path_that_is_not_plain_is_refused(path: str) -> None:
    with pytest.raises(SourceError, match="lists the file"):
        listed("config.json", path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Config.json", "config.json"),
        ("caf\u00e9", "cafe\u0301"),
        ("a/x", "A/y"),
        ("a", "a/x"),
        ("x", "x"),
        ("\N{LATIN SMALL LIGATURE FI}le", "file"),
        ("stra\u00dfe", "STRASSE"),
    ],
)
def test_two_names_for_one_file_are_refused(one: str, other: str) -> None:
    with pytest.raises(SourceError):
        listed(one, other)


def test_a_listing_is_sorted() -> None:
    assert listed("b", "a/b", "a/a") == ("a/a", "a/b", "b")


def test_a_listing_has_a_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "FILES", 3)
    assert len(listed("a", "b", "c")) == 3
    with pytest.raises(SourceError, match="more than 3 files"):
        listed("a", "b", "c", "d")


@given(st.text())
def test_an_accepted_path_stays_below_its_root(path: str) -> None:
    root = Path("/quarantine/root")
    if not base.path_problem(path):
        assert (root / path).parts[: len(root.parts)] == root.parts
        assert ".." not in Path(path).parts
        assert root / path != root
