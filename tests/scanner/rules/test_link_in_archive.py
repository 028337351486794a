"""An archive holds something that is no plain file."""

from __future__ import annotations

import pytest

from scanner.facts import MemberFact
from scanner.findings import Where
from scanner.rules.link_in_archive import RULE


def kind(name: str) -> MemberFact:
    return MemberFact(where=Where(), name="x", kind=name, size=0, compressed_size=0, target="/y")


@pytest.mark.parametrize("name", ["symlink", "hardlink", "device", "other", "external-link"])
def test_fires(name: str) -> None:
    (finding,) = RULE.apply(kind(name))
    assert "/y" in finding.message


@pytest.mark.parametrize("name", ["file", "directory"])
def test_stays_quiet(name: str) -> None:
    assert list(RULE.apply(kind(name))) == []
