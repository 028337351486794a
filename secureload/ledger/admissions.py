"""An admission read back whole, in plain SQL: every warm load waits for this.

Every admission has a `record`, a digest of all that its rows say, which the audit log has
too. It is computed again here, so rows edited behind our back are noticed before anything is
loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from secureload.errors import IntegrityError
from secureload.flow import AdmissionKey, Conversion, Source, Verdict, digest_of
from secureload.learned import learned
from secureload.ledger.canonical import canonical, digest
from secureload.ledger.plain import Rows
from secureload.ledger.records import Admitted, KeptDocument, KeptFile, Stamp


def read(rows: Rows, value: str, *, column: str = "id") -> Admitted | None:
    """Read the admission with this id, or this `folder`; None when there is none.

    Raises:
        IntegrityError: its rows do not say what they said when it was recorded.
    """
    row = _one(rows(f"SELECT * FROM admissions WHERE {column} = :value", value=value))
    if row is None:
        return None
    files = tuple(
        KeptFile(
            path=file.path,
            size=file.size,
            sha256=file.sha256,
            blake3=file.blake3,
            stamp=Stamp(
                device=file.device,
                inode=file.inode,
                size=file.size,
                mtime_ns=file.mtime_ns,
                ctime_ns=file.ctime_ns,
            ),
        )
        for file in sorted(  # here, because servers sort text as their country does
            rows("SELECT * FROM admission_files WHERE admission_id = :id", id=row.id),
            key=lambda file: str(file.path),
        )
    )
    verdict = _one(rows("SELECT document FROM verdicts WHERE id = :id", id=row.verdict_id))
    made = rows(
        "SELECT document FROM conversions WHERE admission_id = :id ORDER BY position", id=row.id
    )
    documents = [conversion.document for conversion in made]
    log = _one(rows("SELECT * FROM audit WHERE sequence = :number", number=row.audit_sequence))
    record = record_of(row, files, verdict.document if verdict else "", documents)
    if verdict is None or record != row.record or not _logged(log, row):
        raise _edited(row.id)
    try:
        key = msgspec.json.decode(row.key, type=learned(AdmissionKey))
        decoded = msgspec.json.decode(verdict.document, type=learned(Verdict))
        conversions = tuple(
            msgspec.json.decode(text, type=learned(Conversion)) for text in documents
        )
        listed = msgspec.json.decode(row.evidence, type=learned(tuple[tuple[str, int, str], ...]))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _edited(row.id) from error
    if key.digest != row.id or row.artifact != artifact_digest(files):
        raise _edited(row.id)
    return Admitted(
        id=row.id,
        folder=row.folder,
        key=key,
        source=Source(kind=key.kind, location=key.repository, revision=row.revision),
        files=files,
        verdict=decoded,
        conversions=conversions,
        admitted_at=row.admitted_at,
        evidence=tuple(KeptDocument(name=n, size=size, sha256=sha) for n, size, sha in listed),
        verifier=row.verifier,
    )


def converted(rows: Rows, snapshot: str, key: AdmissionKey) -> Iterator[tuple[Admitted, str]]:
    """Admissions made here of the same bytes in the same way, each with its sandbox tier.

    `snapshot` is the digest of all source files. The audit log has to say that it was theirs,
    and in what confinement they were read and converted; admissions recorded before it said so
    are left out, and so are those whose rows are not as they were written.
    """
    for row in rows(
        "SELECT a.id, log.detail FROM admissions a"
        " JOIN verdicts v ON v.id = a.verdict_id JOIN snapshots s ON s.id = v.snapshot_id"
        " JOIN audit log ON log.sequence = a.audit_sequence"
        " WHERE s.digest = :snapshot AND a.verifier = '' ORDER BY a.audit_sequence DESC",
        snapshot=snapshot,
    ):
        try:
            admitted = read(rows, row.id)
            detail = msgspec.json.decode(row.detail, type=learned(dict[str, Any]))
        except (IntegrityError, msgspec.MsgspecError):
            continue
        if (
            admitted is not None
            and detail.get("snapshot") == snapshot
            and (admitted.key.converter, admitted.key.selection) == (key.converter, key.selection)
        ):
            yield admitted, str(detail.get("confinement", ""))


def _one(found: Sequence[Any]) -> Any:
    """The row, where there is one; None where there is none."""
    return found[0] if found else None


def record_of(row: Any, files: Iterable[KeptFile], verdict: str, conversions: Sequence[str]) -> str:
    """The digest of all that an admission says, given its rows."""
    said = {
        "id": row.id,
        "folder": row.folder,
        "kind": row.kind,
        "repository": row.repository,
        "revision": row.revision,
        "commit": row.commit,
        "key": row.key,
        "artifact": row.artifact,
        "verdict": verdict,
        "conversions": list(conversions),
        "files": sorted((f.path, f.size, f.sha256, f.blake3) for f in files),
        "admitted_at": row.admitted_at,
    }
    # Admissions recorded before there was evidence have a record without these two.
    if row.evidence != "[]":
        said["evidence"] = row.evidence
    if row.verifier:
        said["verifier"] = row.verifier
    return hashlib.sha256(canonical(said).encode("ascii")).hexdigest()


def _logged(log: Any, row: Any) -> bool:
    if log is None or log.digest != digest(log):
        return False
    detail = msgspec.json.decode(log.detail)
    return (
        log.event == "admitted"
        and log.subject == row.id
        and isinstance(detail, dict)
        and detail.get("record") == row.record
    )


def _edited(admission_id: str) -> IntegrityError:
    return IntegrityError(
        f"the ledger's rows of admission {admission_id[:12]} are not as they were written",
        hint="`secureload cache verify` lists what is wrong; "
        f"`secureload cache rm {admission_id[:12]}` removes it, to be admitted afresh",
    )


def artifact_digest(files: Iterable[KeptFile]) -> str:
    """The digest of an admitted folder's files."""
    return digest_of((file.sha256, file.size, file.path) for file in files)
