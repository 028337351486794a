"""JSON schemas written from the published specifications, for statements of ours.

in-toto Attestation Framework, spec v1: Statement and ResourceDescriptor.
SLSA v1.0: Verification Summary Attestation v1, Provenance v1; the fields, which of them are
required, and their types are those of slsa.dev/spec/v1.0/verification_summary and
slsa.dev/spec/v1.0/provenance. Fields that the specification lacks are errors here.
"""

from __future__ import annotations

from typing import Any


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": sorted(required),
        "additionalProperties": False,
    }


_URI = {"type": "string", "pattern": "^[a-zA-Z][a-zA-Z0-9+.-]*:[^ ]+$"}
_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
_DIGESTS = {
    "type": "object",
    "minProperties": 1,
    "properties": {
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        # A DigestSet maps names of algorithms to digests; tensors have this one.
        "blake3": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "gitCommit": {"type": "string", "pattern": "^[0-9a-f]{40}([0-9a-f]{24})?$"},
    },
    "additionalProperties": False,
}
_RESOURCE = _object(
    {},
    {
        "name": {"type": "string"},
        "uri": _URI,
        "digest": _DIGESTS,
        "content": {"type": "string"},
        "downloadLocation": _URI,
        "mediaType": {"type": "string"},
        "annotations": {"type": "object"},
    },
) | {"anyOf": [{"required": [field]} for field in ("name", "uri", "digest")]}


def statement(predicate_type: str, predicate: dict[str, Any]) -> dict[str, Any]:
    subject = {**_RESOURCE, "required": ["digest"]}
    return _object(
        {
            "_type": {"const": "https://in-toto.io/Statement/v1"},
            "subject": {"type": "array", "minItems": 1, "items": subject},
            "predicateType": {"const": predicate_type},
            "predicate": predicate,
        }
    )


VSA = statement(
    "https://slsa.dev/verification_summary/v1",
    _object(
        {
            "verifier": _object({"id": _URI}),
            "timeVerified": _TIME,
            "resourceUri": _URI,
            "policy": _object({"uri": _URI}, {"digest": _DIGESTS}),
            "verificationResult": {"enum": ["PASSED", "FAILED"]},
            "verifiedLevels": {
                "type": "array",
                # Values of one's own must not begin with SLSA_.
                "items": {"type": "string", "pattern": "^(?!SLSA_)[A-Z0-9_]+$"},
            },
        },
        {
            "inputAttestations": {
                "type": "array",
                "items": _object({"uri": {"type": "string"}, "digest": _DIGESTS}),
            },
            "dependencyLevels": {"type": "object", "additionalProperties": {"type": "integer"}},
            "slsaVersion": {"type": "string", "pattern": r"^\d+\.\d+$"},
        },
    ),
)

PROVENANCE = statement(
    "https://slsa.dev/provenance/v1",
    _object(
        {
            "buildDefinition": _object(
                {"buildType": _URI, "externalParameters": {"type": "object"}},
                {
                    "internalParameters": {"type": "object"},
                    "resolvedDependencies": {"type": "array", "items": _RESOURCE},
                },
            ),
            "runDetails": _object(
                {
                    "builder": _object(
                        {"id": _URI},
                        {
                            "version": {
                                "type": "object",
                                "additionalProperties": {"type": "string"},
                            },
                            "builderDependencies": {"type": "array", "items": _RESOURCE},
                        },
                    )
                },
                {
                    "metadata": _object(
                        {},
                        {
                            "invocationId": {"type": "string"},
                            "startedOn": _TIME,
                            "finishedOn": _TIME,
                        },
                    ),
                    "byproducts": {"type": "array", "items": _RESOURCE},
                },
            ),
        }
    ),
)
