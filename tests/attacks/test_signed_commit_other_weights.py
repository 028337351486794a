"""Weights replaced behind a signed commit: same path, same size, same listing."""

from __future__ import annotations

from pathlib import Path

from secureload.flow import SignatureStatus
from tests.secureload.signatures.helpers import FILES, Case
from tests.servers import keys


def test_replaced_weights_break_the_chain_of_a_verified_commit(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.trust(keys.openpgp("alice"))
    commit = case.repo.commit(FILES, sign=keys.openpgp("alice"))
    attestation = case.attest(commit)
    other = b"W" + FILES["pytorch_model.bin"][1:]
    case.repo.replace_lfs(FILES["pytorch_model.bin"], other)

    bound = case.bind(commit, attestation, {**FILES, "pytorch_model.bin": other})

    assert attestation.status is SignatureStatus.VERIFIED
    assert bound.status is SignatureStatus.BROKEN_CHAIN
    assert "pytorch_model.bin" in bound.detail
