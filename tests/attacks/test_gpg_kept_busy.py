"""A signature or key that keeps gpg busy for ever: there is an end, and it is no yes."""

from __future__ import annotations

from pathlib import Path

import pytest

from secureload.errors import ToolError
from secureload.flow import SignatureStatus
from secureload.signatures import gpg
from tests.secureload.signatures.helpers import FILES, Case
from tests.servers import keys


@pytest.mark.parametrize("busy_at", ["--import", "--verify"])
def test_a_gpg_that_does_not_answer_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy_at: str
) -> None:
    case = Case(tmp_path)
    case.trust(keys.openpgp("alice"))
    commit = case.repo.commit(FILES, sign=keys.openpgp("alice"))
    assert case.attest(commit).status is SignatureStatus.VERIFIED
    script = tmp_path / "bin" / "gpg"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\nfor a; do [ "$a" = {busy_at} ] && exec sleep 600; done\nexec /usr/bin/env '
        'PATH="${PATH#*:}" gpg "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(script.parent), prepend=":")
    monkeypatch.setattr(gpg, "SECONDS", 1.0)

    with pytest.raises(ToolError, match="no answer"):
        case.attest(commit)


def test_a_signature_of_many_bytes_is_not_given_to_gpg(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.trust(keys.openpgp("alice"))
    packets = keys.dearmor(keys.openpgp("alice").sign(b"x")) * 1_000
    commit = case.repo.commit(FILES, sign=lambda _: keys.armor(packets))
    attestation = case.attest(commit)
    assert attestation.status is SignatureStatus.BAD_SIGNATURE
    assert "bytes" in attestation.detail
