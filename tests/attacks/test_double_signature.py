"""Several signatures where one belongs: a stranger's good one must not carry the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from secureload.flow import SignatureStatus
from tests.secureload.signatures.helpers import FILES, Case
from tests.servers import keys


@pytest.mark.parametrize("trusted_first", [True, False])
def test_two_signatures_in_one_armor_are_refused(tmp_path: Path, trusted_first: bool) -> None:
    case = Case(tmp_path)
    case.trust(keys.openpgp("alice"))
    alice, mallory = keys.openpgp("alice"), keys.openpgp("mallory")

    def sign(payload: bytes) -> str:
        both = [alice.sign(b"something else"), mallory.sign(payload)]
        return keys.together(*(both if trusted_first else reversed(both)))

    assert case.attest(case.repo.commit(FILES, sign=sign)).status is SignatureStatus.BAD_SIGNATURE


def test_two_signature_headers_are_refused(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.trust(keys.openpgp("alice"))
    first = keys.openpgp("alice").sign(b"something else")

    commit = case.repo.commit(
        FILES, sign=keys.openpgp("alice"), headers=[("gpgsig", first)], branch=None
    )

    attestation = case.attest(commit)
    assert attestation.status is SignatureStatus.BROKEN_CHAIN
    assert "two headers" in attestation.detail


def test_two_armors_in_one_header_are_refused(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.trust(keys.openpgp("alice"))
    case.trust(keys.ssh("carol"))

    def sign(payload: bytes) -> str:
        return keys.ssh("carol").sign(payload) + keys.ssh("mallory").sign(payload)

    assert case.attest(case.repo.commit(FILES, sign=sign)).status is SignatureStatus.BAD_SIGNATURE
