"""The verification summary: somebody decided that these files pass this policy.

Source: SLSA 1.0, Verification Summary Attestation v1 (slsa.dev/spec/v1.0/verification_summary).
Its first subject is the admitted folder, whose annotations say what the admission depends on;
the other subjects are the files in it. Whoever trusts the key can take the decision over.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import msgspec

from secureload.evidence.envelope import NotSignedError
from secureload.evidence.statement import read, resource, statement, uri_of
from secureload.flow import (
    AdmissionKey,
    ArtifactFile,
    Reason,
    SignatureStatus,
    Source,
    Verdict,
    Waived,
    digest_of,
)
from secureload.learned import learned

PREDICATE = "https://slsa.dev/verification_summary/v1"
FOLDER = "secureload:folder"
"""The subject that stands for the whole folder; its digest is `Artifact.digest`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What a verification summary says, its shape checked and its parts agreeing.

    `inputs` maps the names of the other documents to their SHA-256.
    """

    key: AdmissionKey
    revision: str | None
    signature: SignatureStatus
    files: tuple[ArtifactFile, ...]
    policy_name: str
    warnings: tuple[Reason, ...]
    waived: tuple[Waived, ...]
    inputs: Mapping[str, str]
    passed: bool
    verified_at: str


def make(
    key: AdmissionKey,
    verdict: Verdict,
    files: Sequence[ArtifactFile],
    *,
    revision: str | None,
    status: SignatureStatus,
    confinement: str,
    inputs: Mapping[str, str],
    operator: str,
    at: datetime,
) -> bytes:
    """The statement for one admission; `inputs` are the other documents' digests by name."""
    source = _source(key)
    about = {
        "key": asdict(key),
        "revision": revision or "",
        "signature": status.value,
        "warnings": [asdict(warning) for warning in verdict.warnings],
        "waived": [asdict(waived) for waived in verdict.waived],
    }
    folder = digest_of((file.sha256, file.size, file.path) for file in files)
    subjects = [resource(FOLDER, sha256=folder, annotations=about)]
    subjects += [
        resource(file.path, sha256=file.sha256, annotations={"size": file.size}) for file in files
    ]
    predicate = {
        "verifier": {"id": f"urn:secureload:operator:{operator}"},
        "timeVerified": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "resourceUri": uri_of(source, key.commit),
        "policy": {
            "uri": f"urn:secureload:policy:{verdict.policy.name}",
            "digest": {"sha256": verdict.policy.digest.removeprefix("sha256:")},
        },
        "inputAttestations": [
            {"uri": name, "digest": {"sha256": sha256}} for name, sha256 in sorted(inputs.items())
        ],
        "verificationResult": "PASSED",
        "verifiedLevels": list(_levels(status, confinement)),
    }
    _check_shape(predicate)
    return statement(subjects, PREDICATE, predicate)


def parse(payload: bytes) -> Claim:
    """Read a verified payload.

    Raises:
        NotSignedError: it is no such statement, or its parts disagree.
    """
    plain = read(payload, PREDICATE)
    try:
        predicate = plain["predicate"]
        _check_shape(predicate)
        folder, *subjects = plain["subject"]
        about = folder["annotations"]
        key = msgspec.convert(about["key"], learned(AdmissionKey))
        files = tuple(_file(subject) for subject in subjects)
        claim = Claim(
            key=key,
            revision=str(about["revision"]) or None,
            signature=SignatureStatus(about["signature"]),
            files=files,
            policy_name=str(predicate["policy"]["uri"]).rpartition(":")[2],
            warnings=msgspec.convert(about["warnings"], learned(tuple[Reason, ...])),
            waived=msgspec.convert(about["waived"], learned(tuple[Waived, ...])),
            inputs={
                str(document["uri"]): str(document["digest"]["sha256"])
                for document in predicate.get("inputAttestations", ())
            },
            passed=predicate["verificationResult"] == "PASSED",
            verified_at=str(predicate["timeVerified"]),
        )
        agrees = (
            folder["name"] == FOLDER,
            folder["digest"]["sha256"] == digest_of((f.sha256, f.size, f.path) for f in files),
            predicate["policy"]["digest"]["sha256"] == key.policy.removeprefix("sha256:"),
            predicate["resourceUri"] == uri_of(_source(key), key.commit),
        )
    except (KeyError, TypeError, ValueError, AttributeError, msgspec.ValidationError) as error:
        raise NotSignedError(f"no verification summary of secureload ({error})") from error
    if not all(agrees):
        raise NotSignedError("the parts of the verification summary disagree")
    return claim


def _check_shape(predicate: Mapping[str, Any]) -> None:
    """Compare with the published protocol buffer.

    Raises:
        ValueError: a field is unknown, or of another type.
    """
    from google.protobuf import json_format

    if not isinstance(predicate["verifiedLevels"], list):
        raise ValueError("`verifiedLevels` is no list")  # the parser takes other sequences too
    try:
        json_format.ParseDict(predicate, message()())
    except json_format.Error as error:
        raise ValueError(str(error)) from error


@functools.cache
def message() -> Any:
    """The published protocol buffer's class, as in-toto/attestation has it since its issue 425.

    Releases of `in-toto-attestation` up to 0.9.3 were generated before: there
    `verified_levels` is one string, where the specification always had a list of them. A
    later release is taken as it is.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from in_toto_attestation.predicates.vsa.v1 import vsa_pb2

    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto.FromString(vsa_pb2.DESCRIPTOR.serialized_pb)
    summary = next(one for one in file.message_type if one.name == "VerificationSummary")
    next(one for one in summary.field if one.name == "verified_levels").label = field.LABEL_REPEATED
    pool = descriptor_pool.DescriptorPool()
    for needed in vsa_pb2.DESCRIPTOR.dependencies:
        pool.AddSerializedFile(needed.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName(f"{file.package}.VerificationSummary")
    )


def _file(subject: dict[str, Any]) -> ArtifactFile:
    size = subject["annotations"]["size"]
    if size != int(size) or size < 0:
        raise ValueError("a file's size is no number of bytes")
    return ArtifactFile(
        path=str(subject["name"]), size=int(size), sha256=str(subject["digest"]["sha256"])
    )


def _source(key: AdmissionKey) -> Source:
    return Source(kind=key.kind, location=key.repository)


def _levels(status: SignatureStatus, confinement: str) -> tuple[str, ...]:
    """Words of our own; those beginning with SLSA_ are the specification's."""
    levels = ["SECURELOAD_ADMITTED"]
    if status is SignatureStatus.VERIFIED:
        levels.append("SECURELOAD_SIGNED_BY_PUBLISHER")
    if confinement != "none":
        levels.append(f"SECURELOAD_CONFINED_{re.sub('[^A-Z0-9]+', '_', confinement.upper())}")
    return tuple(levels)
