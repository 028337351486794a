"""Names that stay where they are put are quiet; those that could land elsewhere are not."""

from __future__ import annotations

import pytest

from scanner.names import name_problem


@pytest.mark.parametrize(
    "name", ["data.pkl", "archive/data/0", "..a/b..", "a/...", "modèle.bin", "with space", "a/"]
)
def test_stays_quiet(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "empty"),
        ("a\0.pkl", "NUL"),
        ("a\nb", "control"),
        ("a\x7fb", "control"),
        ("/etc/passwd", "absolute"),
        ("\\\\host\\share", "absolute"),
        ("C:evil", "absolute"),
        ("../up", "climbs"),
        ("a/../../up", "climbs"),
        ("a\\..\\up", "climbs"),
        ("a\\b", "backslash"),
    ],
    ids=repr,
)
def test_says_what_is_wrong(name: str, said: str) -> None:
    assert said in (name_problem(name) or "")
