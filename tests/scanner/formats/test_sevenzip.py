"""Archives without a reader here are named and never clean."""

from __future__ import annotations

import pytest

from tests.scanner.told import ERROR, tell


@pytest.mark.parametrize(
    ("magic", "name"), [(b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07", "rar")]
)
def test_is_an_error_that_names_the_archive(magic: bytes, name: str) -> None:
    result = tell(magic + bytes(64))
    assert (result.format, result.verdict) == (name, ERROR)
