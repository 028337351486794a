"""The documents that are served beside a model, at `.secureload/<name>`.

What was signed at the admission (`vsa.json`, `provenance-N.json`, `model.sig`, `bom.json`) comes
from the store like any content; the rest is what the ledger says, as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from secureload.evidence import media_type
from secureload.ledger.records import Admitted

if TYPE_CHECKING:
    from secureload.gateway.revisions import View

FOLDER = ".secureload"
"""Where clients find them. They are in no listing, so that a snapshot holds the model alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A document: its bytes, or the SHA-256 and size by which the store has them."""

    media_type: str
    content: bytes = b""
    sha256: str = ""
    size: int = 0


def documents(view: View, admitted: Admitted) -> dict[str, Document]:
    """Everything that is known of an admission, by name."""
    said = {
        "admission.json": admission(view, admitted),
        "verdict.json": admitted.verdict,
        "conversions.json": admitted.conversions,
    }
    found = {
        name: Document(media_type="application/json", content=_json(value))
        for name, value in said.items()
    }
    for kept in admitted.evidence:
        found[kept.name] = Document(
            media_type=media_type(kept.name), sha256=kept.sha256, size=kept.size
        )
    return found


def admission(view: View, admitted: Admitted) -> dict[str, Any]:
    """Where a revision comes from, and what it depends on."""
    return {
        "schema": "secureload.admission/1",
        "admission": admitted.id,
        "repository": view.repository,
        "repo_type": view.repo_type,
        "revision": view.id,
        "upstream": {"commit": admitted.key.commit, "revision": admitted.source.revision},
        "policy": admitted.verdict.policy,
        "ruleset": admitted.verdict.ruleset,
        "converter": admitted.key.converter,
        "admitted_at": admitted.admitted_at,
        "files": [
            {"path": file.path, "size": file.size, "sha256": file.sha256} for file in admitted.files
        ],
        "conversions": [
            {
                "converter": conversion.converter,
                "inputs": conversion.inputs,
                "outputs": conversion.outputs,
                "tensors": len(conversion.tensors),
                "notes": conversion.notes,
            }
            for conversion in admitted.conversions
        ],
        "warnings": admitted.verdict.warnings,
    }


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
