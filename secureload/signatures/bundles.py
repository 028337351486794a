"""Sigstore bundles in JSON, as far as a signature over a model needs them.

The container is the Sigstore bundle (protobuf-specs, `sigstore_bundle.proto`), inside it a
DSSE envelope (secure-systems-lab/dsse, protocol version 1.0.2). Nothing here is verified:
whoever signed must still be asked for, which `model_signing` does.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

BUNDLE_BYTES = 64 << 20
"""Largest signature file read; a manifest of 100,000 shards has about 20 MiB."""

MEDIA_TYPES = frozenset(
    {
        "application/vnd.dev.sigstore.bundle.v0.3+json",
        "application/vnd.dev.sigstore.bundle+json;version=0.3",
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
    }
)
"""Bundle versions read. 0.1 has no inclusion proof, and no model was signed with it."""

PAYLOAD_TYPE = "application/vnd.in-toto+json"

Material = Literal["key", "certificate", "sigstore"]

_NAME = re.compile(r".+\.(?:sig|sigstore|sigstore\.json|bundle\.json)|claims\.jsonl", re.DOTALL)
_WELL_KNOWN = frozenset({"model.sig", "claims.jsonl"})


class MalformedBundleError(ValueError):
    """Bytes that are no bundle, or a bundle that is not as its specification says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """One signature with what is needed to check it.

    `material` says how it is to be checked: with a long-lived `key`, whose `hint` or
    `raw_key` names it; with a `certificate` chain, leaf first, in DER; or by `sigstore`, a
    short-lived certificate and its entry in a transparency log. `document` is the JSON
    object that all of this was read from.
    """

    material: Material
    hint: str
    raw_key: bytes
    certificates: tuple[bytes, ...]
    payload: bytes
    signature: bytes
    document: dict[str, Any]

    @property
    def signed(self) -> bytes:
        """What the signature is over: the payload in DSSE's pre-authentication encoding."""
        head = f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(self.payload)} "
        return head.encode("ascii") + self.payload

    @property
    def signed_before_v1(self) -> bytes:
        """What signatures of the tool's releases before 1.0 are over.

        They wrote the payload as Python shows bytes, and DSSE's name in capitals. The
        encoding is one to one, so nothing else can be passed off for it.
        """
        head = f"DSSEV1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(self.payload)} "
        return f"{head}{self.payload!r}".encode()


def is_candidate(path: str) -> bool:
    """Whether a file of this name, at the top of a model, may hold its signature."""
    return "/" not in path and _NAME.fullmatch(path) is not None


def is_well_known(path: str) -> bool:
    """Whether a file of this name is a signature, whatever is in it."""
    return path in _WELL_KNOWN


def is_about_model(data: bytes) -> bool:
    """Whether bytes are bundles over statements about a model, verified or not.

    Other bundles lie beside models too: a file's own signature, a build's provenance.
    """
    try:
        payloads = [one["dsseEnvelope"]["payload"] for one in _documents(data.decode("utf-8"))]
        return any(b"https://model_signing/" in _bytes(one, "payload") for one in payloads)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def parse(data: bytes) -> tuple[Bundle, ...]:
    """Read one bundle, or one a line.

    Raises:
        MalformedBundleError: these are no bundles.
    """
    if len(data) > BUNDLE_BYTES:
        raise MalformedBundleError(f"is larger than {BUNDLE_BYTES} bytes")
    try:
        documents = list(_documents(data.decode("utf-8")))
    except (ValueError, RecursionError) as error:
        raise MalformedBundleError(f"is no JSON: {error}") from error
    if not documents:
        raise MalformedBundleError("is empty")
    return tuple(_bundle(document) for document in documents)


def _documents(text: str) -> Iterator[Any]:
    try:
        yield json.loads(text, object_pairs_hook=unambiguous)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise
        for line in text.splitlines():
            if line.strip():
                yield json.loads(line, object_pairs_hook=unambiguous)


def unambiguous(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different; for `json.loads`.

    Raises:
        ValueError: a key is there twice, and two programs may take different values.
    """
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} is there twice")
        found[key] = value
    return found


def _bundle(document: Any) -> Bundle:
    media_type = _get(document, "mediaType", str)
    if media_type not in MEDIA_TYPES:
        raise MalformedBundleError(f"has the media type {media_type[:80]!r}, which is not read")
    envelope = _get(document, "dsseEnvelope", dict)
    payload_type = _get(envelope, "payloadType", str)
    if payload_type != PAYLOAD_TYPE:
        raise MalformedBundleError(
            f"holds a payload of type {payload_type[:80]!r}, not {PAYLOAD_TYPE}"
        )
    signatures = _get(envelope, "signatures", list)
    if len(signatures) != 1:
        raise MalformedBundleError(f"holds {len(signatures)} signatures, not one")
    material = _get(document, "verificationMaterial", dict)
    kind, hint, raw_key, certificates = _material(material)
    return Bundle(
        material=kind,
        hint=hint,
        raw_key=raw_key,
        certificates=certificates,
        payload=_bytes(_get(envelope, "payload", str), "payload"),
        signature=_bytes(_get(signatures[0], "sig", str), "sig"),
        document=document,
    )


def _material(material: dict[str, Any]) -> tuple[Material, str, bytes, tuple[bytes, ...]]:
    kinds = [
        name for name in ("publicKey", "x509CertificateChain", "certificate") if name in material
    ]
    if len(kinds) != 1:
        raise MalformedBundleError("names no single way to check it in `verificationMaterial`")
    held = _get(material, kinds[0], dict)
    if kinds[0] == "publicKey":
        hint, raw = held.get("hint") or "", held.get("rawBytes") or ""
        if not isinstance(hint, str) or not isinstance(raw, str):
            raise MalformedBundleError("names its key by something that is no text")
        return "key", hint, _bytes(raw, "rawBytes"), ()
    if kinds[0] == "certificate":
        if not material.get("tlogEntries"):
            raise MalformedBundleError("has a sigstore certificate and no log entry")
        return "sigstore", "", b"", (_bytes(_get(held, "rawBytes", str), "rawBytes"),)
    chain = _get(held, "certificates", list)
    if not 0 < len(chain) <= 16:
        raise MalformedBundleError(f"has a chain of {len(chain)} certificates")
    found = tuple(_bytes(_get(one, "rawBytes", str), "rawBytes") for one in chain)
    return "certificate", "", b"", found


def _get(value: Any, key: str, kind: type[Any]) -> Any:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, kind):
        raise MalformedBundleError(f"has no `{key}`, or one of another kind")
    return found


def _bytes(text: str, key: str) -> bytes:
    """Base64 as protobuf's JSON form allows it: either alphabet, padded or not."""
    plain = text.strip().translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedBundleError(f"has a `{key}` that is no base64") from error
