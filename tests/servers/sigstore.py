"""Sigstore's services on loopback: the model-signing tool signs with them as with the public ones.

Source: fulcio's API version 2, rekor's versions 1 and 2, time stamps over HTTP (RFC 3161). What
the services must refuse they refuse: a token of another issuer, a request that its key did not
sign, an entry whose signature does not hold.
"""

from __future__ import annotations

import base64
import json
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.builders import model_signatures as made
from tests.builders.sigstore import Sigstore
from tests.servers.issuer import Issuer
from tests.servers.loopback import Loopback

AUDIENCE = "sigstore"


class LocalSigstore(Loopback):
    """`sigstore` says what is written, `issuer` who is signed in, `asked` what was asked for."""

    def __init__(self) -> None:
        self.sigstore = Sigstore()
        self.issuer = Issuer()
        self.asked: list[str] = []
        super().__init__(_handler(self))

    def __enter__(self) -> Self:
        self.issuer.__enter__()
        return super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self.issuer.__exit__(kind, error, trace)

    def token(self, identity: str) -> str:
        """What the issuer gives to whoever is signed in."""
        return self.issuer.sign({"aud": AUDIENCE, "sub": identity})

    def trust_config(self, *, version: int = 1, stamps: bool = False) -> bytes:
        """What a client needs to sign here, with a log of a version, and with time stamps."""
        services = {
            "caUrls": [self._service(self.url, 1)],
            "oidcUrls": [self._service(self.issuer.url, 1)],
            "rekorTlogUrls": [self._service(self.url, version)],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": [self._service(f"{self.url}/stamp", 1)] if stamps else [],
            "tsaConfig": {"selector": "ANY"},
        }
        media_type = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
                "trustedRoot": self.sigstore.trusted(),
                "signingConfig": {"mediaType": media_type, **services},
            }
        ).encode()

    def _service(self, url: str, version: int) -> dict[str, Any]:
        start = {"start": "2020-01-01T00:00:00Z"}
        about = {"majorApiVersion": version, "validFor": start, "operator": "example.org"}
        return {"url": url, **about}

    # -- what it answers -----------------------------------------------------------------

    def certify(self, asked: dict[str, Any], token: str) -> dict[str, Any]:
        """Fulcio: a certificate for the identity in a token and the key of a request."""
        keys = KeySet(list(self.issuer.keys))
        claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
        assert (claims["iss"], claims["aud"]) == (self.issuer.url, AUDIENCE)
        pem = base64.b64decode(asked["certificateSigningRequest"])
        request = x509.load_pem_x509_csr(pem)
        assert request.is_signature_valid
        public = request.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        leaf = self.sigstore.certify(public, claims["sub"], claims["iss"])
        chain = [made.pem(one).decode() for one in (leaf, self.sigstore.root)]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}

    def log(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Rekor 1: an entry for an envelope, in the shape of that version's answers."""
        proposed = asked["spec"]["proposedContent"]
        envelope = json.loads(proposed["envelope"])
        payload = base64.b64decode(envelope["payload"])
        signature = base64.b64decode(envelope["signatures"][0]["sig"])
        verifier = base64.b64decode(proposed["verifiers"][0])
        signer = _key_of(x509.load_pem_x509_certificate(verifier))
        signer.verify(signature, made.pae(payload), ec.ECDSA(hashes.SHA256()))
        entry = self.sigstore.log_envelope(payload, signature, verifier)
        proof = entry["inclusionProof"]
        answer = {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logID": _hex(entry["logId"]["keyId"]),
            "logIndex": int(entry["logIndex"]),
            "verification": {
                "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
                "inclusionProof": {
                    "logIndex": int(proof["logIndex"]),
                    "rootHash": _hex(proof["rootHash"]),
                    "treeSize": int(proof["treeSize"]),
                    "hashes": [_hex(one) for one in proof["hashes"]],
                    "checkpoint": proof["checkpoint"]["envelope"],
                },
            },
        }
        return {f"{int(entry['logIndex']):064x}": answer}

    def log_again(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Rekor 2: an entry for a signed digest."""
        said = asked["hashedRekordRequestV002"]
        raw = base64.b64decode(said["signature"]["verifier"]["x509Certificate"]["rawBytes"])
        signature = base64.b64decode(said["signature"]["content"])
        digest = base64.b64decode(said["digest"])
        signer = _key_of(x509.load_der_x509_certificate(raw))
        signer.verify(signature, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        return self.sigstore.log_digest(said)


def _key_of(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    public = certificate.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return public


def _hex(text: str) -> str:
    return base64.b64decode(text).hex()


def _handler(service: LocalSigstore) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            service.asked.append(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/stamp":
                self._send(200, "application/timestamp-reply", service.sigstore.stamp(body))
                return
            asked = json.loads(body)
            try:
                if self.path == "/api/v2/signingCert":
                    token = self.headers["Authorization"].removeprefix("Bearer ")
                    answer = service.certify(asked, token)
                elif self.path == "/api/v1/log/entries":
                    answer = service.log(asked)
                else:
                    answer = service.log_again(asked)
            except Exception as error:  # a client is told, and the server stays
                self._send(400, "application/json", json.dumps({"message": repr(error)}).encode())
                return
            self._send(201, "application/json", json.dumps(answer).encode())

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Say nothing."""

    return Handler
