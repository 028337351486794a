"""A sigstore of one's own: certificate authority, certificate log, transparency log, time stamps.

Its keys exist while a test runs. What it writes is what the public one writes: certificates
with an embedded SCT (RFC 6962), log entries of Rekor's versions 1 and 2 with inclusion proof
and checkpoint, time stamps of RFC 3161, which OpenSSL's own authority makes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.builders import model_signatures as made

OTHERS = 6
"""Entries of others that the log begins with."""

_FULCIO = "1.3.6.1.4.1.57264.1."
_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_START = {"start": "2020-01-01T00:00:00Z"}
_ORIGIN = "log.example.org"

_TSA = """
[tsa]
default_tsa = this
[this]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.3.6.1.4.1.57264.2
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


class Sigstore:
    """Certificates bear the time `issued_at`, log entries `logged_at`; None: now."""

    def __init__(self) -> None:
        self.root_key, self.ct_key, self.log_key, stamp_root_key, self.stamp_key = (
            ec.generate_private_key(ec.SECP256R1()) for _ in range(5)
        )
        self.root = made.certificate("fulcio", self.root_key, ca=True)
        self.stamp_root = made.certificate("time", stamp_root_key, ca=True)
        self.stamper = _stamper(self.stamp_key, (self.stamp_root, stamp_root_key))
        self.issued_at: datetime | None = None
        self.logged_at: datetime | None = None
        self.leaves = [b"somebody else's entry %d" % number for number in range(OTHERS)]

    def trusted_root(self) -> bytes:
        """What verifies the bundles of this sigstore, in JSON."""
        return json.dumps(self.trusted()).encode()

    def trusted(self) -> dict[str, Any]:
        """The same, as plain values."""
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_instance(self.log_key)],
            "certificateAuthorities": [_authority("fulcio", self.root)],
            "ctlogs": [_instance(self.ct_key)],
            "timestampAuthorities": [_authority("time", self.stamper, self.stamp_root)],
        }

    def bundle(
        self, said: Mapping[str, Any], *, identity: str = made.IDENTITY, issuer: str = made.ISSUER
    ) -> dict[str, Any]:
        """A statement signed by an identity with a key that nobody keeps."""
        private = ec.generate_private_key(ec.SECP256R1())
        leaf = self.certify(private.public_key(), identity, issuer)
        payload = json.dumps(said).encode()
        signature = made.sign(private, made.pae(payload))
        material = {
            "certificate": {"rawBytes": _b64(_der(leaf))},
            "tlogEntries": [self.log_envelope(payload, signature, made.pem(leaf))],
        }
        return made.bundle(payload, private, signature=signature, material=material)

    # -- who ---------------------------------------------------------------------------------

    def certify(
        self, public: ec.EllipticCurvePublicKey, identity: str, issuer: str
    ) -> x509.Certificate:
        """A certificate of ten minutes for an identity that `issuer` vouched for."""
        moment = self.issued_at or datetime.now(UTC)
        named = x509.UniformResourceIdentifier if "://" in identity else x509.RFC822Name
        base = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.root.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment - timedelta(minutes=1))
            .not_valid_after(moment + timedelta(minutes=9))
            .add_extension(made.usage(ca=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.root_key.public_key()),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName([named(identity)]), critical=True)
            .add_extension(_fulcio(1, issuer.encode()), critical=False)
            .add_extension(_fulcio(8, _tlv(0x0C, issuer.encode())), critical=False)
        )
        precertificate = base.sign(self.root_key, hashes.SHA256()).tbs_certificate_bytes
        listed = _sized(_sized(self._sct(precertificate, moment)))
        extension = x509.UnrecognizedExtension(_SCT_LIST, _tlv(0x04, listed))
        return base.add_extension(extension, critical=False).sign(self.root_key, hashes.SHA256())

    def _sct(self, precertificate: bytes, moment: datetime) -> bytes:
        stamp = int(moment.timestamp() * 1000).to_bytes(8, "big")
        logged = (
            b"\0\0" + stamp + b"\0\1" + hashlib.sha256(_spki(self.root_key)).digest()
            + len(precertificate).to_bytes(3, "big") + precertificate + b"\0\0"
        )  # fmt: skip
        log = hashlib.sha256(_spki(self.ct_key)).digest()
        return b"\0" + log + stamp + b"\0\0\4\3" + _sized(made.sign(self.ct_key, logged))

    # -- when --------------------------------------------------------------------------------

    def stamp(self, query: bytes) -> bytes:
        """The answer of a time-stamping authority."""
        with tempfile.TemporaryDirectory(prefix="tsa-") as name:
            folder = made.write(
                Path(name),
                {
                    "query": query,
                    "serial": b"01\n",
                    "tsa.cnf": _TSA.format(folder=name).encode(),
                    "key.pem": made.private_pem(self.stamp_key),
                    "signer.pem": made.pem(self.stamper),
                    "root.pem": made.pem(self.stamp_root),
                },
            )
            command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query"]
            command += ["-signer", "signer.pem", "-inkey", "key.pem", "-out", "reply"]
            subprocess.run(
                [*command, "-chain", "root.pem"], cwd=folder, check=True, capture_output=True
            )
            return (folder / "reply").read_bytes()

    # -- what ----------------------------------------------------------------------------

    def log_envelope(self, payload: bytes, signature: bytes, verifier: bytes) -> dict[str, Any]:
        """An entry of version 1: the digest of an envelope, and its promise of when."""
        digest = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
        body = _canonical(
            {
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {
                    "envelopeHash": digest,
                    "payloadHash": digest,
                    "signatures": [{"signature": _b64(signature), "verifier": _b64(verifier)}],
                },
            }
        )
        entry = self._log(body, "dsse", "0.0.1")
        moment = int((self.logged_at or datetime.now(UTC)).timestamp())
        promise = {
            "body": _b64(body),
            "integratedTime": moment,
            "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
            "logIndex": int(entry["logIndex"]),
        }
        signed = made.sign(self.log_key, _canonical(promise))
        return {
            **entry,
            "integratedTime": str(moment),
            "inclusionPromise": {"signedEntryTimestamp": _b64(signed)},
        }

    def log_digest(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """An entry of version 2: a signed digest, without a time of its own."""
        said = {"algorithm": "SHA2_256", "digest": asked["digest"]}
        spec = {"hashedRekordV002": {"data": said, "signature": asked["signature"]}}
        body = _canonical({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": spec})
        return self._log(body, "hashedrekord", "0.0.2")

    def _log(self, body: bytes, kind: str, version: str) -> dict[str, Any]:
        index = len(self.leaves)
        self.leaves.append(body)
        log = hashlib.sha256(_spki(self.log_key)).digest()
        root = _b64(_head(self.leaves))
        note = f"{_ORIGIN}\n{index + 1}\n{root}\n"
        noted = _b64(log[:4] + made.sign(self.log_key, note.encode()))
        return {
            "logIndex": str(index),
            "logId": {"keyId": _b64(log)},
            "kindVersion": {"kind": kind, "version": version},
            "inclusionProof": {
                "logIndex": str(index),
                "rootHash": root,
                "treeSize": str(index + 1),
                "hashes": [_b64(one) for one in _path(index, self.leaves)],
                "checkpoint": {"envelope": f"{note}\n\u2014 {_ORIGIN} {noted}\n"},
            },
            "canonicalizedBody": _b64(body),
        }


def _stamper(private: made.Key, issuer: tuple[x509.Certificate, made.Key]) -> x509.Certificate:
    now = datetime.now(UTC)
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string("CN=stamper"))
        .issuer_name(issuer[0].subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(made.usage(ca=False), critical=True)
        .add_extension(purposes, critical=True)
        .sign(issuer[1], hashes.SHA256())
    )


# -- RFC 6962, section 2.1 ---------------------------------------------------------------


def _head(leaves: Sequence[bytes]) -> bytes:
    """The hash at the top of a Merkle tree."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = _half(len(leaves))
    return hashlib.sha256(b"\1" + _head(leaves[:half]) + _head(leaves[half:])).digest()


def _path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """The hashes that lead from one leaf to the top."""
    if len(leaves) == 1:
        return []
    half = _half(len(leaves))
    if index < half:
        return [*_path(index, leaves[:half]), _head(leaves[half:])]
    return [*_path(index - half, leaves[half:]), _head(leaves[:half])]


def _half(count: int) -> int:
    """The largest power of two below a count."""
    return int(1 << (count - 1).bit_length() - 1)


# -- encodings ---------------------------------------------------------------------------


def _instance(private: made.Key) -> dict[str, Any]:
    spki = _spki(private)
    held = {"rawBytes": _b64(spki), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": _START}
    return {
        "baseUrl": f"https://{_ORIGIN}",
        "hashAlgorithm": "SHA2_256",
        "publicKey": held,
        "logId": {"keyId": _b64(hashlib.sha256(spki).digest())},
    }


def _authority(name: str, *chain: x509.Certificate) -> dict[str, Any]:
    return {
        "subject": {"organization": "example", "commonName": name},
        "uri": f"https://{name}.example.org",
        "certChain": {"certificates": [{"rawBytes": _b64(_der(one))} for one in chain]},
        "validFor": _START,
    }


def _fulcio(number: int, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(f"{_FULCIO}{number}"), value)


def _tlv(tag: int, value: bytes) -> bytes:
    """DER: a tag, a length, a value."""
    assert len(value) < 256
    return bytes([tag, *([0x81] if len(value) > 127 else []), len(value)]) + value


def _sized(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _der(one: x509.Certificate) -> bytes:
    return one.public_bytes(serialization.Encoding.DER)


def _spki(private: made.Key) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
