"""An LFS pointer swapped for another: in the listing, and in a commit made to look signed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from secureload.flow import SignatureStatus
from tests.secureload.signatures.helpers import FILES, Case, changed, pointed
from tests.servers import keys

OTHER = b"evil weights" * 50


def test_a_listing_that_points_elsewhere_is_no_longer_the_signed_commit(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.trust(keys.openpgp("alice"))
    commit = case.repo.commit(FILES, sign=keys.openpgp("alice"))
    lie = changed(
        case.listing(commit),
        "pytorch_model.bin",
        sha256=hashlib.sha256(OTHER).hexdigest(),
        size=len(OTHER),
    )

    assert case.attest(commit, listing=lie).status is SignatureStatus.BROKEN_CHAIN
    with_its_pointer = changed(lie, "pytorch_model.bin", git_oid=pointed(OTHER))
    assert case.attest(commit, listing=with_its_pointer).status is SignatureStatus.BROKEN_CHAIN


def test_a_commit_with_another_pointer_and_the_old_signature_is_bad(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.trust(keys.openpgp("alice"))
    commit = case.repo.commit(FILES, sign=keys.openpgp("alice"))
    old = case.repo.git("rev-parse", f"{commit}^{{tree}}")
    new = case.repo.tree({**FILES, "pytorch_model.bin": OTHER})
    forged = case.repo.edited(commit, old.encode(), new.encode())

    assert case.attest(forged).status is SignatureStatus.BAD_SIGNATURE
