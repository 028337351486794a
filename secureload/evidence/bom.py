"""The bill of materials: the model, its files, and what they were before.

Source: CycloneDX 1.6, component types `machine-learning-model`, `data` (a dataset) and
`application` (a Space), by way of `cyclonedx-python-lib`. Where weights were converted, the
pedigree names the pickle.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from secureload.evidence.statement import uri_of
from secureload.flow import AdmissionKey, Artifact, ArtifactFile, Conversion

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

_NAMESPACE = uuid.UUID("3f0b1f6e-6c0c-5d0a-9a55-2b8f3f9a7a10")
"""Makes serial numbers of admission ids, so that one admission has one BOM."""


def make(key: AdmissionKey, artifact: Artifact, *, version: str, at: datetime) -> bytes:
    """The BOM of one admission, in JSON."""
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType, Pedigree
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    source = artifact.snapshot.listing.source
    address = uri_of(source, key.commit)
    files = [_component(file, artifact) for file in artifact.files]
    converted = {name for conversion in artifact.conversions for name in conversion.inputs}
    ancestors = [
        _plain(file.path, file.sha256, f"ancestor:{file.path}")
        for file in artifact.snapshot.files
        if file.path in converted
    ]
    model = Component(
        type={
            "model": ComponentType.MACHINE_LEARNING_MODEL,
            "dataset": ComponentType.DATA,
            "space": ComponentType.APPLICATION,
        }[source.repo_type],
        # Of a local folder only its own name: where it lay is nobody else's business.
        name=Path(source.location).name if source.kind == "local" else source.repository,
        version=key.commit,
        bom_ref=address,
        purl=PackageURL.from_string(address) if address.startswith("pkg:") else None,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=artifact.digest)],
        pedigree=Pedigree(ancestors=ancestors, notes="\n".join(_notes(artifact.conversions)))
        if ancestors
        else None,
    )
    bom = Bom(components=files, serial_number=uuid.uuid5(_NAMESPACE, key.digest))
    bom.metadata.timestamp = at
    bom.metadata.component = model
    bom.metadata.tools.components.add(
        Component(type=ComponentType.APPLICATION, name="secureload", version=version)
    )
    bom.register_dependency(model, files)
    text: str = JsonV1Dot6(bom).output_as_string()
    return text.encode()


def _component(file: ArtifactFile, artifact: Artifact) -> Component:
    from cyclonedx.model.component import Pedigree

    made = next((one for one in artifact.conversions if file.path in one.outputs), None)
    component = _plain(file.path, file.sha256, f"file:{file.path}")
    if made is not None:
        before = {one.path: one.sha256 for one in artifact.snapshot.files}
        component.pedigree = Pedigree(
            ancestors=[
                _plain(path, before[path], f"before:{file.path}:{path}")
                for path in made.inputs
                if path in before
            ],
            notes=f"converted by {made.converter}",
        )
    return component


def _plain(path: str, sha256: str, reference: str) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType

    return Component(
        type=ComponentType.FILE,
        name=path,
        bom_ref=reference,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)],
    )


def _notes(conversions: tuple[Conversion, ...]) -> list[str]:
    return [
        f"{', '.join(one.inputs)} -> {', '.join(one.outputs)} by {one.converter}"
        for one in conversions
    ]
