"""The operator's key: made once, for its owner's eyes, and of the kind that others verify."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from secureload.errors import EvidenceError
from secureload.evidence import operator


def test_a_key_is_its_owners_alone_and_reads_back(tmp_path: Path) -> None:
    path = operator.key_file(tmp_path)
    made = operator.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    read = operator.load(path)
    assert (read.keyid, read.public) == (made.keyid, made.public)
    assert operator.public_file(path).read_bytes() == made.public
    assert operator.keyid_of(made.public) == made.keyid


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = operator.key_file(tmp_path)
    made = operator.create(path)
    with pytest.raises(EvidenceError, match="there already"):
        operator.create(path)
    assert operator.load(path).keyid == made.keyid


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = operator.key_file(tmp_path)
    operator.create(path)
    path.chmod(0o640)
    with pytest.raises(EvidenceError, match="open to others"):
        operator.load(path)


@pytest.mark.parametrize("kind", ["missing", "garbage", "public", "ed25519", "p384", "encrypted"])
def test_what_is_no_such_key_is_an_error_with_a_hint(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "key.pem"
    secret = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    if kind == "garbage":
        path.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    elif kind == "public":
        path.write_bytes(operator.create(tmp_path / "other.pem").public)
    elif kind != "missing":
        lock = serialization.BestAvailableEncryption(b"secret") if kind == "encrypted" else plain
        curve = ec.SECP384R1() if kind == "p384" else ec.SECP256R1()
        private = (
            ed25519.Ed25519PrivateKey.generate()
            if kind == "ed25519"
            else ec.generate_private_key(curve)
        )
        path.write_bytes(private.private_bytes(serialization.Encoding.PEM, secret, lock))
    if path.exists():
        path.chmod(0o600)
    with pytest.raises(EvidenceError) as error:
        operator.load(path)
    assert "key.pem" in error.value.message


def test_the_environment_names_a_key_elsewhere(tmp_path: Path) -> None:
    assert operator.configured(tmp_path, {}) is None
    named = {"SECURELOAD_OPERATOR_KEY": str(tmp_path / "missing.pem")}
    assert operator.configured(tmp_path, named) == tmp_path / "missing.pem"
    operator.create(operator.key_file(tmp_path))
    assert operator.configured(tmp_path, {}) == operator.key_file(tmp_path)
