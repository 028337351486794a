"""A signed model without one of its files."""

from __future__ import annotations

import pytest

from tests.secureload.signatures.conftest import model, shared_home, signed
from tests.secureload.signatures.models import FILES, SignedModel

__all__ = ["model", "shared_home", "signed"]


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_that_is_gone_breaks_the_chain(signed: SignedModel, name: str) -> None:
    (signed.folder / name).unlink()

    said = signed.verify()

    assert said["status"] == "broken-chain"
    assert [link["subject"] for link in said["chain"] if not link["ok"]] == [name]
