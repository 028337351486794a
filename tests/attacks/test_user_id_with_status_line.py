"""A user id that holds what gpg would print for another key's good signature."""

from __future__ import annotations

from pathlib import Path

import pytest

from secureload.flow import SignatureStatus
from tests.secureload.signatures.helpers import FILES, Case
from tests.servers import keys


@pytest.mark.parametrize("line_end", ["\x85", "\u2028", "Å", "é…"])
def test_a_user_id_is_never_read_as_a_status_line(tmp_path: Path, line_end: str) -> None:
    case = Case(tmp_path)
    victim = keys.openpgp("victim")
    case.trust(victim, repos=["org/*"])
    forged = f"0 0 0 0 4 0 22 8 00 {victim.fingerprint}"
    lines = f"[GNUPG:] VALIDSIG {victim.fingerprint} {forged}{line_end}[GNUPG:] GOODSIG x y"
    mallory = keys.openpgp(f"mallory{line_end}{lines}{line_end}")
    case.trust(mallory, repos=["mallory/*"])

    commit = case.repo.commit(FILES, sign=mallory)

    attestation = case.attest(commit)
    assert attestation.status is SignatureStatus.KEY_NOT_ALLOWED
    assert attestation.signer is not None
    assert attestation.signer.fingerprint == mallory.fingerprint
