"""A signed model with one byte changed, in any file, of the same size or not."""

from __future__ import annotations

import pytest

from tests.secureload.signatures.conftest import model, shared_home, signed
from tests.secureload.signatures.models import FILES, SignedModel

__all__ = ["model", "shared_home", "signed"]


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("longer", [False, True])
def test_a_changed_byte_breaks_the_chain(signed: SignedModel, name: str, longer: bool) -> None:
    data = bytearray(FILES[name])
    data[len(data) // 2] ^= 1
    (signed.folder / name).write_bytes(bytes(data) + b"\0" * longer)

    said = signed.verify()

    assert said["status"] == "broken-chain"
    assert [link["subject"] for link in said["chain"] if not link["ok"]] == [name]
