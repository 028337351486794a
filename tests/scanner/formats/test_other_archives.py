"""Archives without a reader here are named and never clean."""

from __future__ import annotations

import pytest

from tests.scanner.told import ERROR, tell


@pytest.mark.parametrize(
    ("magic", "name"), [(b"MSCF", "cabinet"), (b"Rar!\x1a\x07", "rar"), (b"!<arch>\n", "ar")]
)
def test_is_an_error_that_names_the_archive(magic: bytes, name: str) -> None:
    result = tell(magic + bytes(64))
    assert (result.format, result.verdict) == (name, ERROR)
