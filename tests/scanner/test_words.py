"""One is singular; every other number is not."""

from __future__ import annotations

import pytest

from scanner.words import counted


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1_500, "1,500 files")]
)
def test_the_noun_follows_its_number(count: int, said: str) -> None:
    assert counted(count, "file") == said
