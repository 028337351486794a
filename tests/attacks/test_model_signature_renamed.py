"""A signed model whose files have changed names or places."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.secureload.signatures.conftest import model, shared_home, signed
from tests.secureload.signatures.models import SignedModel

__all__ = ["model", "shared_home", "signed"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("weights.bin", "Weights.bin"),
        ("weights.bin", "weights.bin "),
        ("sub/adapter.bin", "adapter.bin"),
        ("config.json", "sub/config.json"),
    ],
)
def test_a_file_of_another_name_breaks_the_chain(signed: SignedModel, old: str, new: str) -> None:
    (signed.folder / old).rename(signed.folder / new)

    said = signed.verify()

    assert said["status"] == "broken-chain"
    assert {link["subject"] for link in said["chain"] if not link["ok"]} == {old, new}


def test_two_files_that_changed_places_break_the_chain(signed: SignedModel) -> None:
    one, other = signed.folder / "config.json", signed.folder / "weights.bin"
    aside = Path(signed.folder / "aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)
    assert signed.status() == "broken-chain"
