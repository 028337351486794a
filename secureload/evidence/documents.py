"""All documents of one admission, made together: the summary names the digests of the others."""

from __future__ import annotations

import hashlib
from datetime import datetime

from secureload.errors import EvidenceError
from secureload.evidence import bom, model_signature, provenance, summary
from secureload.evidence.envelope import canonical, seal
from secureload.evidence.kept import BOM, MODEL_SIGNATURE, VSA
from secureload.evidence.operator import Operator
from secureload.flow import AdmissionKey, Artifact, Decided
from secureload.settings import version


def make(
    key: AdmissionKey, artifact: Artifact, decided: Decided, operator: Operator, *, at: datetime
) -> dict[str, bytes]:
    """The documents by name, to be published with the admission.

    Raises:
        EvidenceError: something in them cannot be said, a name that is no Unicode above all.
    """
    try:
        return _make(key, artifact, decided, operator, at)
    except ValueError as error:
        raise EvidenceError(
            f"no evidence can be written for {decided.listing.source}: {error}",
            hint="a file or tensor has a name that is not valid Unicode",
        ) from error


def _make(
    key: AdmissionKey, artifact: Artifact, decided: Decided, operator: Operator, at: datetime
) -> dict[str, bytes]:
    release = version()
    made = {BOM: bom.make(key, artifact, version=release, at=at)}
    made[MODEL_SIGNATURE] = model_signature.make(artifact.files, key.repository, operator)
    for number, conversion in enumerate(artifact.conversions, 1):
        payload = provenance.make(
            conversion, key, decided.verdict, artifact,
            operator=operator.keyid, version=release, at=at,
        )  # fmt: skip
        made[f"provenance-{number}.json"] = canonical(seal(payload, operator))
    said = summary.make(
        key,
        decided.verdict,
        artifact.files,
        revision=decided.listing.source.revision,
        status=decided.attestation.status,
        confinement=artifact.confinement,
        inputs={name: hashlib.sha256(data).hexdigest() for name, data in made.items()},
        operator=operator.keyid,
        at=at,
    )
    made[VSA] = canonical(seal(said, operator))
    return made
