"""The provenance of a conversion: which bytes became which, by what, under which policy.

Source: SLSA Provenance v1 (slsa.dev/spec/v1.0/provenance). Each tensor's digest is a
byproduct, so anyone with the input can compare tensor by tensor.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from secureload.evidence.envelope import NotSignedError
from secureload.evidence.statement import read, resource, statement, uri_of
from secureload.flow import AdmissionKey, Artifact, Conversion, TensorProof, Verdict
from secureload.learned import learned

PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:secureload:conversion:1"


def make(
    conversion: Conversion,
    key: AdmissionKey,
    verdict: Verdict,
    artifact: Artifact,
    *,
    operator: str,
    version: str,
    at: datetime,
) -> bytes:
    """The statement for one conversion of an admission.

    Raises:
        ValueError: it would not be as the published schema demands.
    """
    from google.protobuf import json_format
    from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance

    listing = artifact.snapshot.listing
    kept = {file.path: file for file in artifact.files}
    inputs = {file.path: file for file in artifact.snapshot.files}
    algorithm = "gitCommit" if key.kind != "local" else "sha256"
    commit = {
        "uri": uri_of(listing.source, key.commit),
        "digest": {algorithm: key.commit.removeprefix("local-")},
    }
    predicate: dict[str, Any] = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "source": uri_of(listing.source, key.commit),
                "policy": {"name": verdict.policy.name, "digest": verdict.policy.digest},
                "inputs": list(conversion.inputs),
            },
            "internalParameters": {
                "converter": conversion.converter,
                "confinement": artifact.confinement,
                "ruleset": key.ruleset,
                "notes": list(conversion.notes),
                **({"reused": artifact.reused} if artifact.reused else {}),
            },
            "resolvedDependencies": [
                commit,
                *(resource(path, sha256=inputs[path].sha256) for path in conversion.inputs
                  if path in inputs),
            ],
        },
        "runDetails": {
            "builder": {
                "id": f"urn:secureload:operator:{operator}",
                "version": {"secureload": version, "converters": key.converter},
            },
            "metadata": {
                "invocationId": key.digest,
                "finishedOn": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            },
            "byproducts": [_tensor(tensor) for tensor in conversion.tensors],
        },
    }  # fmt: skip
    subjects = [
        resource(path, sha256=kept[path].sha256) for path in conversion.outputs if path in kept
    ]
    try:
        json_format.ParseDict(predicate, Provenance())
    except json_format.Error as error:
        raise ValueError(str(error)) from error
    return statement(subjects, PREDICATE, predicate)


def parse(payload: bytes) -> Conversion:
    """The conversion that a verified payload tells of.

    Raises:
        NotSignedError: it is no such statement.
    """
    plain = read(payload, PREDICATE)
    try:
        definition = plain["predicate"]["buildDefinition"]
        if definition["buildType"] != BUILD_TYPE:
            raise ValueError(f"a build of type {definition['buildType']!r}")
        internal = definition["internalParameters"]
        return Conversion(
            converter=str(internal["converter"]),
            inputs=msgspec.convert(
                definition["externalParameters"]["inputs"], learned(tuple[str, ...])
            ),
            outputs=tuple(str(subject["name"]) for subject in plain["subject"]),
            tensors=tuple(
                TensorProof(
                    name=str(tensor["name"]),
                    dtype=str(tensor["annotations"]["dtype"]),
                    shape=tuple(int(size) for size in tensor["annotations"]["shape"]),
                    source=str(tensor["annotations"]["source"]),
                    blake3=str(tensor["digest"].get("blake3", "")),
                    sha256=str(tensor["digest"].get("sha256", "")),
                )
                for tensor in plain["predicate"]["runDetails"].get("byproducts", ())
            ),
            notes=msgspec.convert(internal["notes"], learned(tuple[str, ...])),
        )
    except (KeyError, TypeError, ValueError, AttributeError, msgspec.ValidationError) as error:
        raise NotSignedError(f"no provenance of secureload ({error})") from error


def inputs(payload: bytes) -> tuple[str, ...]:
    """SHA-256 of each file that a verified payload names as an input.

    Raises:
        NotSignedError: it is no such statement.
    """
    plain = read(payload, PREDICATE)
    try:
        dependencies = plain["predicate"]["buildDefinition"]["resolvedDependencies"]
        return tuple(str(one["digest"]["sha256"]) for one in dependencies if "name" in one)
    except (KeyError, TypeError) as error:
        raise NotSignedError(f"no provenance of secureload ({error})") from error


def _tensor(tensor: TensorProof) -> dict[str, Any]:
    about = {"dtype": tensor.dtype, "shape": list(tensor.shape), "source": tensor.source}
    return {**resource(tensor.name, annotations=about), "digest": tensor.digests}
