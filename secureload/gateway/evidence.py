"""The documents that are served beside a model, at `.secureload/<name>`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from secureload.ledger.records import Admitted

if TYPE_CHECKING:
    from secureload.gateway.revisions import View

FOLDER = ".secureload"
"""Where clients find them. They are in no listing, so that a snapshot holds the model alone."""


def documents(view: View, admitted: Admitted) -> dict[str, bytes]:
    """What is known of an admission, each document as the bytes of a JSON file."""
    return {
        "admission.json": _json(admission(view, admitted)),
        "verdict.json": _json(admitted.verdict),
        "conversions.json": _json(admitted.conversions),
    }


def admission(view: View, admitted: Admitted) -> dict[str, Any]:
    """Where a revision comes from, and what it depends on."""
    return {
        "schema": "secureload.admission/1",
        "admission": admitted.id,
        "repository": view.repository,
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
