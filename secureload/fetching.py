"""The stages that bring a model here: ask who signed it, fetch it, bind the two."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from secureload import history, quarantine, signatures, sources
from secureload.errors import TamperedError, UsageError
from secureload.flow import (
    Attestation,
    DetachedSignature,
    Link,
    Listing,
    Selection,
    SignatureStatus,
    Snapshot,
)
from secureload.surroundings import Surroundings


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a caller of `verify` says about signatures over the folder.

    `signature` is the file that holds it, wherever it lies; absent, the model's own are
    found. `ignored` are paths in the model that need no signature, `ignore_unsigned` lets
    every file pass that the signature does not mention.
    """

    signature: Path | None = None
    ignored: tuple[str, ...] = ()
    ignore_unsigned: bool = False


def attest(within: Surroundings, listing: Listing, work: Path) -> Attestation:
    """Ask who signed the commit, and follow the chain to the ids of its files.

    Raises:
        SecureloadError: the question could not be answered.
    """
    context = within.connections
    return signatures.attest(
        listing,
        sources.git_remote(listing, context),
        within.trust,
        work / "git",
        offline=context.no_network,
        now=within.keys_expire_by,
        seen=history.first_seen(within, listing.source),
    )


def fetch(
    within: Surroundings,
    listing: Listing,
    attestation: Attestation,
    selected: Selection,
    work: Path,
    asked: Asked | None = None,
) -> tuple[Attestation, Snapshot | None]:
    """Fetch, and bind the attestation; no snapshot when bytes are not those promised."""
    asked = asked or Asked()
    try:
        snapshot = into_quarantine(within, listing, attestation, selected.paths, work / "files")
        detached = _detached(within, listing, attestation, work, asked)
    except TamperedError as error:
        return _broken(attestation, error), None
    bound = signatures.bind(
        attestation,
        snapshot,
        within.trust,
        detached,
        ignored=asked.ignored,
        ignore_unsigned=asked.ignore_unsigned,
        now=within.keys_expire_by,
        seen=history.first_seen(within, listing.source),
    )
    return bound, snapshot


def into_quarantine(
    within: Surroundings,
    listing: Listing,
    attestation: Attestation,
    paths: Iterable[str],
    root: Path,
) -> Snapshot:
    """Fetch these paths into `root`, which is made, and measure them against what was promised.

    Raises:
        TamperedError: bytes are not those promised.
        SecureloadError: they could not be fetched.
    """
    root.mkdir()
    return quarantine.fetch(
        listing,
        Selection(paths=tuple(paths)),
        attestation.blobs,
        root,
        within.connections,
        shelf=within.cache.shelf,
    )


def _detached(
    within: Surroundings, listing: Listing, attestation: Attestation, work: Path, asked: Asked
) -> list[DetachedSignature]:
    """The signatures over the folder: the one asked for, or those that lie in it."""
    if asked.signature is not None:
        return [_read_signature(asked.signature, listing)]
    claims = [claim for claim in listing.claims if signatures.is_candidate(claim.path)]
    small = [claim.path for claim in claims if claim.size <= signatures.BUNDLE_BYTES]
    found = [
        DetachedSignature(
            name=claim.path, data=b"", path=claim.path, problem="the signature is too large"
        )
        for claim in claims
        if claim.size > signatures.BUNDLE_BYTES
    ]
    if small:
        root = work / "signatures"
        into_quarantine(within, listing, attestation, small, root)
        found += [
            DetachedSignature(name=path, data=(root / path).read_bytes(), path=path)
            for path in small
        ]
    return sorted(found, key=lambda one: one.name)


def _read_signature(path: Path, listing: Listing) -> DetachedSignature:
    """A signature that the caller named; where it lies in the model, it is no part of it."""
    inside = None
    folder = Path(listing.source.location)
    if listing.source.kind == "local" and folder.is_dir():
        with contextlib.suppress(ValueError, OSError):
            inside = path.resolve().relative_to(folder.resolve()).as_posix()
    try:
        with path.open("rb") as stream:
            data = stream.read(signatures.BUNDLE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"the signature {path}: {error.strerror or error}") from error
    return DetachedSignature(name=path.name, data=data, path=inside, asked=True)


def _broken(attestation: Attestation, error: TamperedError) -> Attestation:
    """The attestation once fetched bytes turned out not to be those promised."""
    links = tuple(
        Link(kind="bytes", subject=path, digest="", ok=False, detail=detail)
        for path, detail in error.problems.items()
    )
    return dataclasses.replace(
        attestation,
        status=SignatureStatus.BROKEN_CHAIN,
        chain=(*attestation.chain, *links),
        detail=error.message,
    )
