"""Decisions and admissions, written whole; `admissions` reads one back."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from secureload.flow import (
    AdmissionKey,
    Conversion,
    Decided,
    Snapshot,
    Verdict,
)
from secureload.learned import learned
from secureload.ledger import admissions, audit, plain, tables
from secureload.ledger.canonical import canonical
from secureload.ledger.records import Admitted, KeptDocument, KeptFile, Stamp

_ENCODER = msgspec.json.Encoder(enc_hook=lambda value: _plain(value))


def record_decision(session: Session, decided: Decided, at: str) -> str:
    """Write snapshot, findings, attestation and verdict; return the verdict's id."""
    listing, verdict = decided.listing, decided.verdict
    row = tables.Verdict(
        id=uuid.uuid4().hex,
        snapshot_id=_record_snapshot(session, decided.snapshot, at) if decided.snapshot else None,
        kind=listing.source.kind,
        repository=listing.source.repository,
        revision=listing.source.revision,
        commit=listing.commit,
        decision=verdict.decision.value,
        policy=verdict.policy.name,
        policy_digest=verdict.policy.digest,
        ruleset=verdict.ruleset,
        confinement=decided.confinement,
        document=_document(verdict),
        decided_at=at,
    )
    session.add(row)
    session.flush()
    session.add(_attestation_row(row.id, decided))
    position = 0
    for file in decided.report.files if decided.report else ():
        for finding in file.findings or (None,):
            session.add(
                tables.Finding(
                    verdict_id=row.id,
                    position=position,
                    path=file.path,
                    format=file.format,
                    status=file.status.value,
                    rule=finding.rule if finding else None,
                    severity=str(finding.severity) if finding else None,
                    document=_document(finding) if finding else None,
                )
            )
            position += 1
    _record_waivers(session, row.id, verdict, at)
    return row.id


def record_admission(
    session: Session,
    key: AdmissionKey,
    decided: Decided,
    files: Sequence[KeptFile],
    conversions: Sequence[Conversion],
    *,
    folder: str,
    at: str,
    evidence: Sequence[KeptDocument] = (),
    verifier: str = "",
    reused: str = "",
) -> None:
    """Write an admission in place of an older one of the same key, and its audit row.

    `reused` is the admission whose conversion this one has taken over.
    """
    delete_admission(session, key.digest)
    verdict_id = record_decision(session, decided, at)
    content: list[KeptFile | KeptDocument] = [*files, *evidence]
    for kept in content:
        blob = tables.Blob(sha256=kept.sha256, size=kept.size, blake3=kept.blake3, stored_at=at)
        if session.get(tables.Blob, kept.sha256) is None:
            session.add(blob)
            session.flush()
    source = decided.listing.source
    row = tables.Admission(
        id=key.digest,
        folder=folder,
        kind=key.kind,
        repository=key.repository,
        revision=source.revision,
        commit=key.commit,
        key=_document(key),
        artifact=admissions.artifact_digest(files),
        verdict_id=verdict_id,
        audit_sequence=0,
        record="",
        admitted_at=at,
        evidence=canonical(sorted((one.name, one.size, one.sha256) for one in evidence)),
        verifier=verifier,
    )
    documents = [_document(conversion) for conversion in conversions]
    row.record = admissions.record_of(row, files, _document(decided.verdict), documents)
    detail = {
        "commit": key.commit,
        "record": row.record,
        "artifact": row.artifact,
        "policy": decided.verdict.policy.digest,
        "repository": key.repository,
        "signature": decided.attestation.status.value,
        "confinement": decided.confinement,
    }
    if decided.snapshot is not None:
        detail["snapshot"] = decided.snapshot.digest
    if verifier:
        detail["verifier"] = verifier
    if reused:
        detail["reused"] = reused
    row.audit_sequence = audit.append(session, at, "admitted", row.id, detail)
    session.add(row)
    session.flush()
    for position, (conversion, document) in enumerate(zip(conversions, documents, strict=True)):
        session.add(
            tables.Conversion(
                admission_id=row.id,
                position=position,
                converter=conversion.converter,
                document=document,
            )
        )
    for file in files:
        stamp = file.stamp
        session.add(
            tables.AdmissionFile(
                admission_id=row.id,
                path=file.path,
                sha256=file.sha256,
                size=file.size,
                blake3=file.blake3,
                device=stamp.device,
                inode=stamp.inode,
                mtime_ns=stamp.mtime_ns,
                ctime_ns=stamp.ctime_ns,
            )
        )


def admission(session: Session, admission_id: str) -> Admitted | None:
    """Read an admission, or None when there is none; see `admissions.read`.

    Raises:
        IntegrityError: its rows do not say what they said when it was recorded.
    """
    return admissions.read(plain.of_session(session), admission_id)


def record(session: Session, admission_id: str) -> str | None:
    """The digest of all that an admission says, or None when there is none."""
    query = select(tables.Admission.record).where(tables.Admission.id == admission_id)
    return session.execute(query).scalar()


def admission_ids(session: Session, prefix: str = "") -> tuple[str, ...]:
    """The ids of all admissions that begin with `prefix`, oldest first."""
    query = select(tables.Admission.id).order_by(tables.Admission.audit_sequence)
    return tuple(i for i in session.execute(query).scalars() if i.startswith(prefix))


def folders(session: Session) -> dict[str, str]:
    """Each admission's folder name and the admission's id."""
    query = select(tables.Admission.folder, tables.Admission.id)
    return {row.folder: row.id for row in session.execute(query)}


def remove(session: Session, admission_id: str, at: str) -> None:
    """Delete an admission; its verdict, its loads and the audit log stay."""
    row = session.get(tables.Admission, admission_id)
    if row is not None:
        audit.append(session, at, "removed", admission_id, {"record": row.record})
        delete_admission(session, admission_id)


def restamp(session: Session, before: Stamp, after: Stamp) -> None:
    """Note how a file looks now, wherever it looked like `before`."""
    row = tables.AdmissionFile
    session.execute(
        update(row)
        .where(
            row.device == before.device,
            row.inode == before.inode,
            row.size == before.size,
            row.mtime_ns == before.mtime_ns,
            row.ctime_ns == before.ctime_ns,
        )
        .values(device=after.device, inode=after.inode, mtime_ns=after.mtime_ns,
                ctime_ns=after.ctime_ns)
    )  # fmt: skip


def restamp_file(session: Session, admission_id: str, path: str, stamp: Stamp) -> None:
    """Note how one file of an admission looks, its bytes having just been checked."""
    row = session.get(tables.AdmissionFile, (admission_id, path))
    if row is not None:
        row.device, row.inode = stamp.device, stamp.inode
        row.mtime_ns, row.ctime_ns = stamp.mtime_ns, stamp.ctime_ns


def stamps(session: Session, sha256: str) -> frozenset[Stamp]:
    """How files with these bytes looked when they were last checked."""
    row = tables.AdmissionFile
    query = select(row.device, row.inode, row.size, row.mtime_ns, row.ctime_ns)
    return frozenset(
        Stamp(
            device=found.device,
            inode=found.inode,
            size=found.size,
            mtime_ns=found.mtime_ns,
            ctime_ns=found.ctime_ns,
        )
        for found in session.execute(query.where(row.sha256 == sha256))
    )


def blob(session: Session, *, sha256: str | None, git_oid: str | None) -> str | None:
    """The SHA-256 of a blob known by either name, if the cache should have it.

    When both are given, both must name the same bytes.
    """
    found = select(tables.Blob.sha256)
    if sha256 is not None:
        found = found.where(tables.Blob.sha256 == sha256)
    if git_oid is not None:
        by_oid = select(tables.File.sha256).where(tables.File.git_oid == git_oid)
        found = found.where(tables.Blob.sha256.in_(by_oid))
    if sha256 is None and git_oid is None:
        return None
    return session.execute(found.limit(1)).scalar()


def blobs(session: Session) -> dict[str, int]:
    """Every blob on record, and its size in bytes."""
    query = select(tables.Blob.sha256, tables.Blob.size)
    return {row.sha256: row.size for row in session.execute(query)}


def used_blobs(session: Session) -> frozenset[str]:
    """The blobs that some admission needs, its evidence included."""
    files = session.execute(select(tables.AdmissionFile.sha256).distinct()).scalars()
    return frozenset(files) | frozenset(_evidence_blobs(session))


def forget_blobs(session: Session, digests: Iterable[str]) -> None:
    """Delete the rows of blobs that are gone."""
    for digest in digests:
        session.execute(delete(tables.Blob).where(tables.Blob.sha256 == digest))


def unlogged(session: Session) -> list[str]:
    """Say which admissions of the audit log have vanished without having been removed."""
    standing: dict[str, None] = {}
    query = select(tables.Audit.event, tables.Audit.subject).order_by(tables.Audit.sequence)
    for event, subject in session.execute(query):
        if event == "admitted":
            standing[subject] = None
        elif event in {"removed", "revoked"}:
            standing.pop(subject, None)
    present = set(admission_ids(session))
    return [admission_id for admission_id in standing if admission_id not in present]


def _evidence_blobs(session: Session) -> Iterator[str]:
    for text in session.execute(select(tables.Admission.evidence)).scalars():
        try:
            listed = msgspec.json.decode(text, type=learned(tuple[tuple[str, int, str], ...]))
        except msgspec.MsgspecError:
            continue  # an edited row, which reading the admission reports
        yield from (sha256 for _, _, sha256 in listed)


def _record_waivers(session: Session, verdict_id: str, verdict: Verdict, at: str) -> None:
    for waived in verdict.waived:
        session.add(
            tables.WaiverUse(
                id=uuid.uuid4().hex,
                verdict_id=verdict_id,
                waiver=waived.waiver,
                path=waived.path,
                rule=waived.rule,
                fingerprint=waived.fingerprint,
                used_at=at,
            )
        )
        detail = {"verdict": verdict_id, "file": waived.path, "fingerprint": waived.fingerprint}
        audit.append(session, at, "waived", waived.waiver, detail)


def waiver_uses(session: Session) -> dict[str, tuple[int, str]]:
    """How often each waiver excused a finding, and when last, by the waiver's name."""
    row = tables.WaiverUse
    query = select(row.waiver, func.count(), func.max(row.used_at)).group_by(row.waiver)
    return {waiver: (count, last) for waiver, count, last in session.execute(query)}


def _record_snapshot(session: Session, snapshot: Snapshot, at: str) -> str:
    source, commit = snapshot.listing.source, snapshot.listing.commit
    known = session.execute(
        select(tables.Snapshot.id).where(
            tables.Snapshot.kind == source.kind,
            tables.Snapshot.repository == source.repository,
            tables.Snapshot.commit == commit,
            tables.Snapshot.digest == snapshot.digest,
        )
    ).scalar()
    if known is not None:
        return known
    row = tables.Snapshot(
        id=uuid.uuid4().hex,
        kind=source.kind,
        repository=source.repository,
        commit=commit,
        digest=snapshot.digest,
        taken_at=at,
    )
    session.add(row)
    session.flush()
    for file in snapshot.files:
        session.add(
            tables.File(
                snapshot_id=row.id,
                path=file.path,
                size=file.size,
                sha256=file.sha256,
                git_oid=file.git_oid,
            )
        )
    return row.id


def _attestation_row(verdict_id: str, decided: Decided) -> tables.Attestation:
    attestation, upstream = decided.attestation, decided.listing.upstream
    signer = attestation.signer
    document = {
        "signer": signer,
        "signatures": attestation.signatures,
        "unsigned": attestation.unsigned,
        "chain": attestation.chain,
        "detail": attestation.detail,
        "circumstances": decided.circumstances,
        "upstream": upstream,
        "reading": decided.reading,
    }
    return tables.Attestation(
        verdict_id=verdict_id,
        status=attestation.status.value,
        signer_kind=signer.kind if signer else None,
        fingerprint=signer.fingerprint if signer else None,
        document=_document(document),
    )


def delete_admission(session: Session, admission_id: str) -> None:
    """Delete an admission's rows; whoever does so writes to the audit log why."""
    for table in (tables.AdmissionFile, tables.Conversion):
        session.execute(delete(table).where(table.admission_id == admission_id))
    session.execute(delete(tables.Admission).where(tables.Admission.id == admission_id))
    session.flush()
    session.expire_all()


def _document(value: Any) -> str:
    return _ENCODER.encode(value).decode("utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, (MappingProxyType, Mapping)):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be recorded")
