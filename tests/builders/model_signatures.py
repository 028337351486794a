"""Signatures over models, made part by part, so that any one of them can be wrong.

The model-signing tool makes those that are right; these are for what it would never write.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PREDICATE = "https://model_signing/signature/v1.0"
ISSUER = "https://accounts.example.org"
IDENTITY = "publisher@example.org"

Key = ec.EllipticCurvePrivateKey
_CURVES = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
_HASHES = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}


def key(name: str = "publisher", curve: str = "p256") -> Key:
    """An elliptic-curve key, the same for the same name and curve."""
    return _key(name, curve)


@functools.cache
def _key(name: str, curve: str) -> Key:
    del name
    return ec.generate_private_key(_CURVES[curve])


def private_pem(private: Key) -> bytes:
    """The private key as the model-signing tool reads it."""
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_pem(private: Key) -> bytes:
    """The public key as a trust root holds it."""
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def resource(name: str, data: bytes) -> dict[str, str]:
    """What a manifest says of one file."""
    return {"name": name, "algorithm": "sha256", "digest": hashlib.sha256(data).hexdigest()}


def statement(
    resources: Sequence[Mapping[str, str]], *, ignored: Sequence[str] = (), **changes: Any
) -> dict[str, Any]:
    """A statement over these resources; `changes` replace parts of it."""
    total = hashlib.sha256(b"".join(bytes.fromhex(one["digest"]) for one in resources))
    serialization_: dict[str, Any] = {
        "method": "files",
        "hash_type": "sha256",
        "allow_symlinks": False,
    }
    if ignored:
        serialization_["ignore_paths"] = list(ignored)
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": total.hexdigest()}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": {**serialization_, **changes.pop("serialization", {})},
            "resources": list(resources),
        },
        **changes,
    }


def over(files: Mapping[str, bytes], **changes: Any) -> dict[str, Any]:
    """A statement over these files."""
    return statement([resource(name, files[name]) for name in sorted(files)], **changes)


def pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """DSSE's pre-authentication encoding."""
    return f"DSSEv1 {len(payload_type)} {payload_type} {len(payload)} ".encode() + payload


def pae_before_v1(payload: bytes) -> bytes:
    """What releases of the tool before 1.0 signed instead."""
    return f"DSSEV1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload)} {payload!r}".encode()


def sign(private: Key, data: bytes, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    """An ECDSA signature over data, with the hash of the curve's size unless told otherwise."""
    return private.sign(data, ec.ECDSA(algorithm or _HASHES[private.curve.key_size]))


def bundle(
    said: Mapping[str, Any] | bytes,
    private: Key,
    *,
    material: Mapping[str, Any] | None = None,
    payload_type: str = PAYLOAD_TYPE,
    media_type: str = MEDIA_TYPE,
    signature: bytes | None = None,
) -> dict[str, Any]:
    """A bundle over a statement, signed by a bare key unless `material` says otherwise."""
    payload = said if isinstance(said, bytes) else json.dumps(said, indent=2).encode()
    made = sign(private, pae(payload, payload_type)) if signature is None else signature
    hint = hashlib.sha256(public_pem(private)).hexdigest()
    return {
        "mediaType": media_type,
        "verificationMaterial": dict(material or {"publicKey": {"hint": hint}, "tlogEntries": []}),
        "dsseEnvelope": {
            "payload": _b64(payload),
            "payloadType": payload_type,
            "signatures": [{"sig": _b64(made), "keyid": ""}],
        },
    }


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below a folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


# -- certificates ------------------------------------------------------------------------


def certificate(
    subject: str,
    private: Key,
    issuer: tuple[x509.Certificate, Key] | None = None,
    *,
    days: tuple[int, int] = (-1, 365),
    ca: bool = False,
    signs_code: bool = True,
    digest: hashes.HashAlgorithm | None = None,
) -> x509.Certificate:
    """A certificate valid from `days[0]` to `days[1]` from now, of its own issuer if none."""
    now = datetime.now(UTC)
    by, signer = issuer or (None, private)
    name = _name(subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by.subject if by else name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(usage(ca=ca), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if signs_code and not ca:
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        builder = builder.add_extension(purposes, critical=False)
    return builder.sign(signer, digest or hashes.SHA256())


def pem(*certificates: x509.Certificate) -> bytes:
    """Certificates as a trust root holds them."""
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def chain(*certificates: x509.Certificate) -> dict[str, Any]:
    """The material of a bundle signed with a certificate, the leaf first."""
    raw = [{"rawBytes": _b64(one.public_bytes(serialization.Encoding.DER))} for one in certificates]
    return {"x509CertificateChain": {"certificates": raw}, "tlogEntries": []}


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def usage(*, ca: bool) -> x509.KeyUsage:
    """What a certificate's key is for: signing certificates, or anything else."""
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
