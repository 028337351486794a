"""An unsigned commit on top of a signed one: the parent vouches for itself alone."""

from __future__ import annotations

from pathlib import Path

from secureload.flow import SignatureStatus
from tests.secureload.signatures.helpers import FILES, Case
from tests.servers import keys


def test_a_signed_parent_does_not_vouch_for_its_child(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.trust(keys.openpgp("alice"))
    parent = case.repo.commit(FILES, sign=keys.openpgp("alice"))
    child = case.repo.commit({**FILES, "pytorch_model.bin": b"other"})

    assert case.attest(parent).status is SignatureStatus.VERIFIED
    assert case.attest(child).status is SignatureStatus.UNSIGNED


def test_the_parents_signature_pasted_into_the_child_is_bad(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.trust(keys.openpgp("alice"))
    parent = case.repo.commit(FILES, sign=keys.openpgp("alice"))
    pasted = case.repo.signature_of(parent)

    child = case.repo.commit({**FILES, "more.txt": b"x"}, sign=lambda _: pasted)

    assert case.attest(child).status is SignatureStatus.BAD_SIGNATURE
