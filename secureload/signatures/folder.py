"""Signatures over a folder: from the signed manifest to each file in quarantine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from secureload.flow import (
    DetachedSignature,
    Link,
    Listing,
    SignatureResult,
    SignatureStatus,
    Snapshot,
)
from secureload.signatures import bundles, manifest, model_signing
from secureload.signatures.kinds import Judgement, Memory, judged_with_memory
from secureload.signatures.manifest import Compared, MalformedManifestError, Manifest
from secureload.signatures.trust import TrustRoots

_SHOWN = 20
"""Files named one by one in a chain of problems; the others are counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """One signature over the folder, its links, and the files that it does not cover."""

    result: SignatureResult
    links: list[Link]
    unsigned: tuple[str, ...] = ()

    @property
    def covers(self) -> bool:
        """Whether files are covered at all: somebody trusted signed."""
        return self.result.status is SignatureStatus.VERIFIED


@dataclass(frozen=True, kw_only=True, slots=True)
class Folder:
    """Files in quarantine, and who is trusted to have signed them.

    `ignored`, `ignore_unsigned` and `seen` are as in `bind`; `moment` is when expiry is judged
    (None: now).
    """

    snapshot: Snapshot
    trust: TrustRoots
    ignored: tuple[str, ...] = ()
    ignore_unsigned: bool = False
    moment: datetime | None = None
    seen: Memory | None = None

    def check(self, detached: Iterable[DetachedSignature]) -> list[Checked]:
        """Judge every signature over the folder, each by itself."""
        found = [one for one in detached if _is_one(one)]
        names = {one.path for one in found if one.path is not None}
        return [self._check(one, names) for one in found]

    def _check(self, detached: DetachedSignature, signatures: set[str]) -> Checked:
        if detached.problem:
            judged = Judgement(status=SignatureStatus.BAD_SIGNATURE, detail=detached.problem)
        else:
            judged = judged_with_memory(
                model_signing.SIGNATURE,
                b"",
                detached.data,
                self.trust,
                self.snapshot.listing.source.repository,
                self.moment,
                self.seen,
            )
        result = SignatureResult(
            kind=model_signing.NAME,
            subject=detached.name,
            status=judged.status,
            signer=judged.signer,
            root=judged.root,
            detail=judged.detail,
        )
        links = [_signature_link(result, detached.data)]
        if judged.status is not SignatureStatus.VERIFIED:
            return Checked(result=result, links=links)
        unsigned: set[str] | None = None
        for bundle in bundles.parse(detached.data):
            try:
                promised = manifest.parse(bundle.payload)
            except MalformedManifestError as error:
                links.append(_manifest_link(result, "", str(error)))
                continue
            links.append(_manifest_link(result, promised.digest, ""))
            compared = self._compare(promised, signatures)
            links += self._links(compared)
            left = set(compared.unsigned)
            unsigned = left if unsigned is None else unsigned & left
        return Checked(result=result, links=links, unsigned=tuple(sorted(unsigned or ())))

    def _compare(self, promised: Manifest, signatures: set[str]) -> Compared:
        listing = self.snapshot.listing
        compared = manifest.compare(
            promised,
            (claim.path for claim in listing.claims),
            {file.path: file for file in self.snapshot.files},
            self.snapshot.root,
            ignored=self.ignored,
            signatures=signatures,
            claimed={claim.path: claim.sha256 for claim in listing.claims if claim.sha256},
            ignore_unsigned=self.ignore_unsigned,
        )
        if promised.follows_links:
            return compared
        links = {path: _LINK for path in _links_in(listing) if path not in compared.unsigned}
        return replace(compared, problems={**compared.problems, **links})

    def _links(self, compared: Compared) -> Iterator[Link]:
        for file in self.snapshot.files:
            if file.path in compared.covered and file.path not in compared.problems:
                digest = f"sha256:{file.sha256}"
                yield Link(kind="bytes", subject=file.path, digest=digest, ok=True)
        for number, (path, what) in enumerate(sorted(compared.problems.items())):
            if number == _SHOWN:
                what = f"and {len(compared.problems) - _SHOWN} files more"
                yield Link(kind="bytes", subject="...", digest="", ok=False, detail=what)
                return
            yield Link(kind="bytes", subject=path, digest="", ok=False, detail=what)


_LINK = "a symbolic link, and the signer followed none"


def _is_one(detached: DetachedSignature) -> bool:
    """Whether a file is taken for a signature over the model, right or wrong."""
    if detached.asked or bundles.is_well_known(detached.name):
        return True
    return bundles.is_about_model(detached.data)


def _signature_link(result: SignatureResult, data: bytes) -> Link:
    signer = f" by {result.signer}" if result.signer else ""
    return Link(
        kind="signature",
        subject=f"{result.subject}{signer}",
        digest=f"sha256:{hashlib.sha256(data).hexdigest()}",
        ok=result.status is SignatureStatus.VERIFIED,
        detail=result.detail,
    )


def _manifest_link(result: SignatureResult, digest: str, problem: str) -> Link:
    return Link(
        kind="manifest",
        subject=result.subject,
        digest=f"sha256:{digest}" if digest else "",
        ok=not problem,
        detail=problem,
    )


def _links_in(listing: Listing) -> Iterator[str]:
    """Files of a local folder that are reached by symbolic links.

    Except in the Hugging Face cache, whose snapshots are links into its own store.
    """
    if listing.source.kind != "local":
        return
    folder = Path(listing.source.location)
    if "snapshots" in folder.parts and any(one.startswith("models--") for one in folder.parts):
        return
    if folder.is_dir():
        yield from (one.path for one in listing.claims if (folder / one.path).is_symlink())
