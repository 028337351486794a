"""DSSE envelopes: what is signed is the payload together with its type.

Source: Dead Simple Signing Envelope 1.0 (github.com/secure-systems-lab/dsse), by way of
`securesystemslib.dsse`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from secureload.evidence.operator import Operator, keyid_of

IN_TOTO = "application/vnd.in-toto+json"
"""The payload type of in-toto statements."""


class NotSignedError(ValueError):
    """An envelope is malformed, or no trusted key signed it; the message says which."""


def canonical(value: Any) -> bytes:
    """JSON with sorted keys, no spaces and ASCII only: equal values, equal bytes."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode("ascii")


def seal(payload: bytes, operator: Operator, *, payload_type: str = IN_TOTO) -> dict[str, Any]:
    """Sign a payload, and return the envelope as plain values."""
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import Signature

    envelope = Envelope(payload, payload_type, {})
    signature = operator.signs.sign(envelope.pae())
    envelope.signatures[operator.keyid] = Signature(operator.keyid, signature.hex())
    plain: dict[str, Any] = envelope.to_dict()
    return plain


def unseal(data: bytes, keys: Sequence[bytes], *, payload_type: str = IN_TOTO) -> tuple[bytes, str]:
    """The payload of an envelope and the id of the key that signed it.

    `keys` are public keys in PEM. An envelope is opened when one of them made one of its
    signatures over exactly this payload and type; other signatures in it are no harm.

    Raises:
        NotSignedError: none did, the envelope is malformed, or of another type.
    """
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey

    try:
        envelope = Envelope.from_dict(json.loads(data))
    # Foreign code on foreign bytes: whatever it raises, this is no envelope.
    except Exception as error:
        raise NotSignedError(f"no DSSE envelope ({type(error).__name__})") from error
    if envelope.payload_type != payload_type:
        raise NotSignedError(f"the envelope holds `{envelope.payload_type}`, not `{payload_type}`")
    trusted = [SSlibKey.from_crypto(load_pem_public_key(pem), keyid=keyid_of(pem)) for pem in keys]
    if not trusted:
        raise NotSignedError("there is no trusted key to verify it with")
    try:
        accepted = envelope.verify(trusted, 1)
    except VerificationError as error:
        signers = ", ".join(sorted(keyid[:16] for keyid in envelope.signatures)) or "nobody"
        raise NotSignedError(f"no trusted key signed this (signed by {signers})") from error
    return envelope.payload, next(iter(accepted))
