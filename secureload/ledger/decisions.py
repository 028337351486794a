"""Recorded decisions with all they were made of, to be made again under another policy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from scanner import FileResult, Finding, Report, Status
from secureload import flow
from secureload.errors import IntegrityError
from secureload.flow import (
    Attestation,
    Circumstances,
    FileClaim,
    Link,
    Listing,
    Reading,
    SignatureResult,
    SignatureStatus,
    Signer,
    Snapshot,
    Source,
    StoredFile,
    Upstream,
    Verdict,
)
from secureload.learned import learned
from secureload.ledger import tables

# msgspec looks names up where a class is written, and `flow` imports no datetime by itself.
vars(flow).setdefault("datetime", datetime)


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    signer: Signer | None = None
    chain: tuple[Link, ...] = ()
    detail: str = ""
    signatures: tuple[SignatureResult, ...] = ()
    unsigned: tuple[str, ...] = ()
    circumstances: Circumstances = Circumstances()
    upstream: Upstream | None = None
    reading: Reading | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """One decision: what was asked, who signed, which files, what was found, the answer.

    The snapshot's files are no longer there; its `root` is a name only. `confinement` and
    `reading` are as in `Decided`.
    """

    verdict_id: str
    attestation: Attestation
    snapshot: Snapshot
    report: Report
    verdict: Verdict
    decided_at: str
    circumstances: Circumstances
    confinement: str
    reading: Reading | None

    @property
    def listing(self) -> Listing:
        """What was decided on, as far as its files were fetched."""
        return self.snapshot.listing


def newest(session: Session, source: Source | None = None) -> tuple[Decision, ...]:
    """The newest decision on each snapshot, oldest first.

    Those taken over from elsewhere are left out, since what was found is not here.

    Raises:
        IntegrityError: a row cannot be read.
    """
    row = tables.Verdict
    elsewhere = select(tables.Attestation.verdict_id).where(
        tables.Attestation.signer_kind == "verifier"
    )
    query = (
        select(row)
        .where(row.snapshot_id.is_not(None), row.id.not_in(elsewhere))
        .order_by(row.decided_at)
    )
    if source is not None:
        query = query.where(row.kind == source.kind, row.repository == source.repository)
    last = {verdict.snapshot_id: verdict for verdict in session.execute(query).scalars()}
    found = []
    for verdict in sorted(last.values(), key=lambda verdict: verdict.decided_at):
        try:
            found.append(_decision(session, verdict))
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            raise IntegrityError(
                f"the ledger's rows of verdict {verdict.id[:12]} are not as they were written",
                hint="`secureload cache verify` lists what is wrong",
            ) from error
    return tuple(found)


def _decision(session: Session, row: tables.Verdict) -> Decision:
    source = Source(kind=row.kind, location=row.repository, revision=row.revision)  # type: ignore[arg-type]
    of_it = tables.File.snapshot_id == row.snapshot_id
    files = tuple(
        StoredFile(path=file.path, size=file.size, sha256=file.sha256, git_oid=file.git_oid)
        for file in sorted(
            session.execute(select(tables.File).where(of_it)).scalars(), key=lambda file: file.path
        )
    )
    claims = tuple(FileClaim(path=file.path, size=file.size) for file in files)
    signed = session.get(tables.Attestation, row.id)
    said = msgspec.json.decode(signed.document, type=learned(_Said)) if signed else _Said()
    listing = Listing(source=source, commit=row.commit, claims=claims, upstream=said.upstream)
    return Decision(
        verdict_id=row.id,
        attestation=Attestation(
            status=SignatureStatus(signed.status) if signed else SignatureStatus.UNSIGNED,
            signer=said.signer,
            chain=said.chain,
            detail=said.detail,
            signatures=said.signatures,
            unsigned=said.unsigned,
        ),
        snapshot=Snapshot(listing=listing, root=Path(row.snapshot_id or ""), files=files),
        report=Report(files=_results(session, row.id, files), ruleset=row.ruleset),
        verdict=msgspec.json.decode(row.document, type=learned(Verdict)),
        decided_at=row.decided_at,
        circumstances=said.circumstances,
        confinement=row.confinement,
        reading=said.reading,
    )


def _results(
    session: Session, verdict_id: str, files: tuple[StoredFile, ...]
) -> tuple[FileResult, ...]:
    known = {file.path: file for file in files}
    row = tables.Finding
    found = session.execute(select(row).where(row.verdict_id == verdict_id)).scalars()
    in_order = sorted(found, key=lambda row: (row.path, row.position))
    results = []
    for path, rows in groupby(in_order, key=lambda row: row.path):
        listed = list(rows)
        file = known.get(path)
        results.append(
            FileResult(
                path=path,
                format=listed[0].format,
                size=file.size if file else 0,
                sha256=file.sha256 if file else None,
                status=Status(listed[0].status),
                findings=tuple(
                    msgspec.json.decode(one.document, type=learned(Finding))
                    for one in listed
                    if one.document is not None
                ),
            )
        )
    return tuple(results)
