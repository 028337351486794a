"""DSSE: the signature covers payload and type, and nothing else opens the envelope."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from secureload.evidence import operator
from secureload.evidence.envelope import NotSignedError, canonical, seal, unseal
from secureload.evidence.operator import Operator

PAYLOAD = b'{"a": 1}'


@pytest.fixture(scope="module")
def alice(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return operator.create(tmp_path_factory.mktemp("alice") / "key.pem")


@pytest.fixture(scope="module")
def mallory(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return operator.create(tmp_path_factory.mktemp("mallory") / "key.pem")


def test_a_sealed_payload_is_opened_by_its_key(alice: Operator, mallory: Operator) -> None:
    sealed = canonical(seal(PAYLOAD, alice))
    assert unseal(sealed, [mallory.public, alice.public]) == (PAYLOAD, alice.keyid)


def test_the_signature_is_the_one_that_dsse_defines(alice: Operator) -> None:
    envelope = seal(PAYLOAD, alice, payload_type="text/plain")
    key = serialization.load_pem_public_key(alice.public)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    encoded = b"DSSEv1 10 text/plain 8 " + PAYLOAD
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    key.verify(signature, encoded, ec.ECDSA(hashes.SHA256()))


def test_nobody_elses_key_opens_it(alice: Operator, mallory: Operator) -> None:
    for keys in ([mallory.public], []):
        with pytest.raises(NotSignedError):
            unseal(canonical(seal(PAYLOAD, alice)), keys)


def test_claiming_a_trusted_key_id_is_not_enough(alice: Operator, mallory: Operator) -> None:
    envelope = seal(PAYLOAD, mallory)
    envelope["signatures"][0]["keyid"] = alice.keyid
    with pytest.raises(NotSignedError):
        unseal(canonical(envelope), [alice.public])


def test_a_type_cannot_be_swapped(alice: Operator) -> None:
    envelope = seal(PAYLOAD, alice, payload_type="text/plain")
    with pytest.raises(NotSignedError, match="text/plain"):
        unseal(canonical(envelope), [alice.public])
    envelope["payloadType"] = "application/vnd.in-toto+json"
    with pytest.raises(NotSignedError, match="no trusted key"):
        unseal(canonical(envelope), [alice.public])


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"{}", b'{"payload": 1}', b"\xff\xfe",
        b'{"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": []}',
        b'{"payload": "e30=", "payloadType": "application/vnd.in-toto+json", "signatures": {}}',
        b'{"payload": "*", "payloadType": [], "signatures": [{"sig": "", "keyid": 3}]}',
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_envelope_is_one_clear_no(alice: Operator, data: bytes) -> None:
    with pytest.raises(NotSignedError):
        unseal(data, [alice.public])


@pytest.mark.parametrize("field", ["payload", "sig"])
def test_one_changed_byte_closes_it(alice: Operator, field: str) -> None:
    envelope = json.loads(canonical(seal(PAYLOAD, alice)))
    holder = envelope if field == "payload" else envelope["signatures"][0]
    data = bytearray(base64.b64decode(holder[field]))
    data[-2] ^= 1
    holder[field] = base64.b64encode(data).decode()
    with pytest.raises(NotSignedError):
        unseal(canonical(envelope), [alice.public])


def test_a_key_id_is_the_digest_of_the_public_half(tmp_path: Path, alice: Operator) -> None:
    assert len(alice.keyid) == 64
    with pytest.raises(ValueError, match="PEM"):
        operator.keyid_of(b"no key")
