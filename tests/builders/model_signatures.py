"""Signatures over models, made part by part, so that any one of them can be wrong.

The model-signing tool makes those that are right; these are for what it would never write.
`Sigstore` is a whole sigstore of one's own: a certificate authority, a certificate log and a
transparency log, with keys that exist while a test runs.
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
        .add_extension(_usage(ca=ca), critical=True)
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


def _usage(*, ca: bool) -> x509.KeyUsage:
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


# -- a sigstore --------------------------------------------------------------------------


class Sigstore:
    """A sigstore: issues a certificate to an identity, logs it, and logs what it signs."""

    def __init__(self) -> None:
        self.root_key, self.ct_key, self.rekor_key = (
            ec.generate_private_key(ec.SECP256R1()) for _ in range(3)
        )
        self.root = certificate("fulcio", self.root_key, ca=True)
        self.now = int(datetime.now(UTC).timestamp())

    def trusted_root(self) -> bytes:
        """What verifies the bundles of this sigstore, in JSON."""
        start = {"start": "2020-01-01T00:00:00Z"}
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
                "tlogs": [self._log(self.rekor_key, start)],
                "certificateAuthorities": [
                    {
                        "subject": {"organization": "example", "commonName": "fulcio"},
                        "uri": "https://fulcio.example.org",
                        "certChain": {"certificates": [{"rawBytes": _b64(_der(self.root))}]},
                        "validFor": start,
                    }
                ],
                "ctlogs": [self._log(self.ct_key, start)],
                "timestampAuthorities": [],
            }
        ).encode()

    def bundle(
        self, said: Mapping[str, Any], *, identity: str = IDENTITY, issuer: str = ISSUER
    ) -> dict[str, Any]:
        """A statement signed by an identity with a key that nobody keeps."""
        private = ec.generate_private_key(ec.SECP256R1())
        leaf = self._issue(private, identity, issuer)
        payload = json.dumps(said).encode()
        signature = sign(private, pae(payload))
        return bundle(
            payload,
            private,
            signature=signature,
            material={
                "certificate": {"rawBytes": _b64(_der(leaf))},
                "tlogEntries": [self._entry(payload, signature, leaf)],
            },
        )

    def _log(self, private: Key, start: Mapping[str, str]) -> dict[str, Any]:
        spki = _spki(private)
        return {
            "baseUrl": "https://log.example.org",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": _b64(spki),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": start,
            },
            "logId": {"keyId": _b64(hashlib.sha256(spki).digest())},
        }

    def _issue(self, private: Key, identity: str, issuer: str) -> x509.Certificate:
        moment = datetime.fromtimestamp(self.now, UTC)
        base = (
            x509.CertificateBuilder()
            .subject_name(_name(""))
            .issuer_name(self.root.subject)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment - timedelta(minutes=1))
            .not_valid_after(moment + timedelta(minutes=9))
            .add_extension(_usage(ca=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.root_key.public_key()),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName([x509.RFC822Name(identity)]), critical=True)
            .add_extension(
                x509.UnrecognizedExtension(
                    x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1"), issuer.encode()
                ),
                critical=False,
            )
        )
        precertificate = base.sign(self.root_key, hashes.SHA256()).tbs_certificate_bytes
        stamp = (self.now * 1000).to_bytes(8, "big")
        logged = (
            b"\0\0" + stamp + b"\0\1" + hashlib.sha256(_spki(self.root_key)).digest()
            + len(precertificate).to_bytes(3, "big") + precertificate + b"\0\0"
        )  # fmt: skip
        signed = sign(self.ct_key, logged)
        sct = (
            b"\0" + hashlib.sha256(_spki(self.ct_key)).digest() + stamp + b"\0\0\4\3"
            + len(signed).to_bytes(2, "big") + signed
        )  # fmt: skip
        listed = len(sct).to_bytes(2, "big") + sct
        listed = len(listed).to_bytes(2, "big") + listed
        assert len(listed) < 256
        octets = b"\x04" + (b"\x81" if len(listed) > 127 else b"") + bytes([len(listed)]) + listed
        oid = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
        extension = x509.UnrecognizedExtension(oid, octets)
        return base.add_extension(extension, critical=False).sign(self.root_key, hashes.SHA256())

    def _entry(self, payload: bytes, signature: bytes, leaf: x509.Certificate) -> dict[str, Any]:
        empty = {"algorithm": "sha256", "value": hashlib.sha256(b"").hexdigest()}
        body = _canonical(
            {
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {
                    "envelopeHash": empty,
                    "payloadHash": {**empty, "value": hashlib.sha256(payload).hexdigest()},
                    "signatures": [{"signature": _b64(signature), "verifier": _b64(pem(leaf))}],
                },
            }
        )
        log = hashlib.sha256(_spki(self.rekor_key)).digest()
        promise = {
            "body": _b64(body),
            "integratedTime": self.now,
            "logID": log.hex(),
            "logIndex": 0,
        }
        root = hashlib.sha256(b"\0" + body).digest()
        note = f"log.example.org\n1\n{_b64(root)}\n"
        noted = _b64(log[:4] + sign(self.rekor_key, note.encode()))
        return {
            "logIndex": "0",
            "logId": {"keyId": _b64(log)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(self.now),
            "inclusionPromise": {
                "signedEntryTimestamp": _b64(sign(self.rekor_key, _canonical(promise)))
            },
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": _b64(root),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": f"{note}\n\u2014 log.example.org {noted}\n"},
            },
            "canonicalizedBody": _b64(body),
        }


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _der(one: x509.Certificate) -> bytes:
    return one.public_bytes(serialization.Encoding.DER)


def _spki(private: Key) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
