"""The evidence of an admission, as it lies in the cache."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from secureload.errors import EvidenceError, IntegrityError
from secureload.flow import CacheEntry, EvidenceFile

VSA = "vsa.json"
"""The verification summary, a DSSE envelope around an in-toto statement."""

BOM = "bom.json"
"""The CycloneDX bill of materials."""

MODEL_SIGNATURE = "model.sig"
"""The OpenSSF model-signing signature, a Sigstore bundle."""

_MEDIA_TYPES = {
    BOM: "application/vnd.cyclonedx+json",
    MODEL_SIGNATURE: "application/vnd.dev.sigstore.bundle.v0.3+json",
}


def media_type(name: str) -> str:
    """What an HTTP server calls the document of this name."""
    return _MEDIA_TYPES.get(name, "application/vnd.dsse.envelope.v1+json")


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """The documents of one admission, by name; empty when none were written."""

    files: tuple[EvidenceFile, ...]

    def __bool__(self) -> bool:
        return bool(self.files)

    @property
    def names(self) -> tuple[str, ...]:
        """The documents there are, sorted."""
        return tuple(file.name for file in self.files)

    def read(self, name: str) -> bytes:
        """The bytes of one document, compared with the digest in the ledger.

        Raises:
            EvidenceError: there is no such document.
            IntegrityError: it is missing from the disk, or its bytes are others.
        """
        for file in self.files:
            if file.name == name:
                return _bytes_of(file)
        raise EvidenceError(
            f"this admission has no `{name}`",
            hint="`secureload init` makes an operator key; what was admitted before gets its "
            "evidence from `secureload admit --again`",
        )

    def statement(self, name: str = VSA) -> dict[str, Any]:
        """The in-toto statement inside one document, not verified again.

        Raises:
            EvidenceError: there is no such document, or it holds no statement.
            IntegrityError: its bytes are not those recorded.
        """
        try:
            outer = json.loads(self.read(name))
            envelope = outer.get("dsseEnvelope", outer)
            statement: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise EvidenceError(f"`{name}` holds no statement") from error
        return statement


def of(entry: CacheEntry) -> Evidence:
    """The evidence of an admitted model; `false` when it was admitted without a key."""
    return Evidence(files=tuple(sorted(entry.evidence, key=lambda file: file.name)))


def _bytes_of(file: EvidenceFile) -> bytes:
    hint = "`secureload cache verify` lists what is wrong; admit the model afresh"
    try:
        data = file.path.read_bytes()
    except OSError as error:
        raise IntegrityError(f"evidence `{file.name}`: {error.strerror}", hint=hint) from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise IntegrityError(
            f"evidence `{file.name}` has other bytes than were recorded", hint=hint
        )
    return data
