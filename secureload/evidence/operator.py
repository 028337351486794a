"""The operator's key: what this installation signs its evidence with.

A file in PKCS #8, ECDSA on P-256 (the curve that OpenSSF model-signing verifies), readable
by its owner alone. What signs is an `Operator`, so a key in hardware needs another way to
make one and nothing else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from secureload.errors import EvidenceError

_MAX_KEY_BYTES = 100_000
"""Largest key file read; a P-256 key has 241 bytes."""


class Signs(Protocol):
    """Whatever holds a private key: a file, a token, a service."""

    def sign(self, payload: bytes) -> bytes:
        """An ECDSA signature (DER) over SHA-256 of the payload."""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """A key that signs: its public half in PEM, its id (64 hex digits), and the signer."""

    public: bytes
    keyid: str
    signs: Signs


def key_file(home: Path) -> Path:
    """Where `secureload init` puts the private key; the public one lies beside it."""
    return home / "operator" / "key.pem"


def configured(home: Path, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The private key's file if there is one: `$SECURELOAD_OPERATOR_KEY`, else the home's.

    A path that the environment names counts whether or not anything lies there.
    """
    named = environment.get("SECURELOAD_OPERATOR_KEY")
    if named:
        return Path(named).expanduser()
    default = key_file(home)
    return default if default.exists() else None


def create(path: Path) -> Operator:
    """Make a new key at `path` (mode 0600) and `key.pub` beside it; nothing is overwritten.

    Raises:
        EvidenceError: there is a file already, or it cannot be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    secret = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    operator = _operator(private)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_new(path, secret, 0o600)
        public_file(path).unlink(missing_ok=True)  # of a key that is gone
        _write_new(public_file(path), operator.public, 0o644)
    except FileExistsError as error:
        raise EvidenceError(
            f"{path} is there already",
            hint="evidence signed with it needs its public half: move both away to start anew",
        ) from error
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror or error}") from error
    return operator


def public_file(path: Path) -> Path:
    """Where the public half of the key at `path` lies."""
    return path.with_suffix(".pub")


def load(path: Path) -> Operator:
    """Read the private key.

    Raises:
        EvidenceError: it is missing, readable by others, or no P-256 key in PEM.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        with path.open("rb") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            secret = stream.read(_MAX_KEY_BYTES)
    except OSError as error:
        raise EvidenceError(
            f"operator key {path}: {error.strerror or error}", hint="`secureload init` makes one"
        ) from error
    if mode & 0o077:
        raise EvidenceError(
            f"operator key {path} is open to others (mode {mode:o})",
            hint=f"chmod 600 {path}; if others may have read it, make a new one",
        )
    try:
        private = serialization.load_pem_private_key(secret, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise EvidenceError(f"operator key {path}: no private key in PEM ({error})") from error
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
        raise EvidenceError(
            f"operator key {path} is not ECDSA on P-256",
            hint="model-signing verifies no other kind; `secureload init` makes one",
        )
    return _operator(private)


def _operator(private: object) -> Operator:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    assert isinstance(private, ec.EllipticCurvePrivateKey)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Operator(public=public, keyid=keyid_of(public), signs=_FileKey(private))


class _FileKey:
    def __init__(self, private: object) -> None:
        self._private = private

    def sign(self, payload: bytes) -> bytes:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        assert isinstance(self._private, ec.EllipticCurvePrivateKey)
        return self._private.sign(payload, ec.ECDSA(hashes.SHA256()))


def keyid_of(public: bytes) -> str:
    """A key's id: SHA-256 of its public half in DER, 64 hex digits.

    Raises:
        ValueError: these bytes are no public key in PEM.
    """
    import hashlib

    from cryptography.hazmat.primitives import serialization

    der = serialization.load_pem_public_key(public).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()


def _write_new(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
