"""The ledger's tables: what was seen, decided, converted, admitted and loaded.

Times are UTC in ISO 8601 with microseconds, digests lower-case hex, sizes bytes. Values that
are only ever read whole (reasons, chains, tensor proofs) are JSON documents of the types in
`secureload.flow`; what is searched for has columns.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, MetaData, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """What all tables share: names for constraints, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: Text, int: BigInteger}  # noqa: RUF012  SQLAlchemy's way


class Snapshot(Base):
    """The fetched files of one commit; `digest` says which files and which bytes."""

    __tablename__ = "snapshots"
    __table_args__ = (UniqueConstraint("kind", "repository", "commit", "digest"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    repository: Mapped[str]
    commit: Mapped[str]
    digest: Mapped[str]
    taken_at: Mapped[str]


class File(Base):
    """One file of a snapshot, with the digests measured in quarantine."""

    __tablename__ = "files"
    __table_args__ = (Index(None, "sha256"), Index(None, "git_oid"))

    snapshot_id: Mapped[str] = mapped_column(ForeignKey("snapshots.id"), primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int]
    sha256: Mapped[str]
    git_oid: Mapped[str]


class Verdict(Base):
    """A decision on a snapshot; `snapshot_id` is null when the bytes were never complete."""

    __tablename__ = "verdicts"
    __table_args__ = (Index(None, "repository", "commit"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    snapshot_id: Mapped[str | None] = mapped_column(ForeignKey("snapshots.id"))
    kind: Mapped[str]
    repository: Mapped[str]
    revision: Mapped[str | None]
    commit: Mapped[str]
    decision: Mapped[str]
    policy: Mapped[str]
    policy_digest: Mapped[str]
    ruleset: Mapped[str]
    confinement: Mapped[str] = mapped_column(server_default="none")
    """The sandbox tier in which the files were read."""
    document: Mapped[str]
    """A `flow.Verdict` in JSON."""
    decided_at: Mapped[str]


class Finding(Base):
    """A file's result in the scan behind a verdict; one row a finding, or one without any."""

    __tablename__ = "findings"
    __table_args__ = (Index(None, "rule"),)

    verdict_id: Mapped[str] = mapped_column(ForeignKey("verdicts.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str]
    format: Mapped[str]
    status: Mapped[str]
    rule: Mapped[str | None]
    severity: Mapped[str | None]
    document: Mapped[str | None]
    """A `scanner.Finding` in JSON; null when nothing was found in this file."""


class Attestation(Base):
    """Who signed the commit behind a verdict."""

    __tablename__ = "attestations"

    verdict_id: Mapped[str] = mapped_column(ForeignKey("verdicts.id"), primary_key=True)
    status: Mapped[str]
    signer_kind: Mapped[str | None]
    fingerprint: Mapped[str | None] = mapped_column(index=True)
    document: Mapped[str]
    """Signer, signatures, chain and detail of a `flow.Attestation`, the circumstances of the
    decision, what the hub said and how the files were read, in JSON."""


class Blob(Base):
    """Content in the cache, by its SHA-256."""

    __tablename__ = "blobs"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int]
    blake3: Mapped[str]
    stored_at: Mapped[str]


class Admission(Base):
    """A model in the cache. `id` is the digest of its key; `folder` its name below `models/`.

    `record` is a digest of all that this admission says; the audit row has the same one, so
    that an edited row is noticed.
    """

    __tablename__ = "admissions"
    __table_args__ = (Index(None, "kind", "repository", "commit"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    folder: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    repository: Mapped[str]
    revision: Mapped[str | None]
    commit: Mapped[str]
    key: Mapped[str]
    """A `flow.AdmissionKey` in JSON."""
    artifact: Mapped[str]
    verdict_id: Mapped[str] = mapped_column(ForeignKey("verdicts.id"))
    audit_sequence: Mapped[int]
    record: Mapped[str]
    admitted_at: Mapped[str]
    evidence: Mapped[str] = mapped_column(default="[]", server_default="[]")
    """Name, size and SHA-256 of each document about it, in JSON; their bytes are blobs."""
    verifier: Mapped[str] = mapped_column(default="", server_default="")
    """The key id of whoever decided, if that was elsewhere."""


class AdmissionFile(Base):
    """A file in an admitted folder, and how it looked on disk when its bytes were checked."""

    __tablename__ = "admission_files"
    __table_args__ = (Index(None, "device", "inode"),)

    admission_id: Mapped[str] = mapped_column(ForeignKey("admissions.id"), primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    size: Mapped[int]
    blake3: Mapped[str]
    device: Mapped[int]
    inode: Mapped[int]
    mtime_ns: Mapped[int]
    ctime_ns: Mapped[int]


class Conversion(Base):
    """How files of an admission were made, with a proof for each tensor."""

    __tablename__ = "conversions"

    admission_id: Mapped[str] = mapped_column(ForeignKey("admissions.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    converter: Mapped[str]
    document: Mapped[str]
    """A `flow.Conversion` in JSON."""


class Load(Base):
    """An admitted folder was handed to a library. Kept after the admission is removed."""

    __tablename__ = "loads"

    id: Mapped[str] = mapped_column(primary_key=True)
    admission_id: Mapped[str] = mapped_column(index=True)
    library: Mapped[str]
    class_name: Mapped[str]
    device: Mapped[str | None]
    client: Mapped[str | None]
    """Who fetched it through the service; null for a load in the process itself."""
    loaded_at: Mapped[str]


class WaiverUse(Base):
    """A waiver excused a finding. Kept after the waiver has expired."""

    __tablename__ = "waiver_uses"
    __table_args__ = (Index(None, "waiver"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    verdict_id: Mapped[str] = mapped_column(ForeignKey("verdicts.id"))
    waiver: Mapped[str]
    path: Mapped[str]
    rule: Mapped[str]
    fingerprint: Mapped[str]
    used_at: Mapped[str]


class Sighting(Base):
    """A branch, tag or default branch (`revision` empty) led to a commit."""

    __tablename__ = "sightings"

    kind: Mapped[str] = mapped_column(primary_key=True)
    repository: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[str] = mapped_column(primary_key=True)
    commit: Mapped[str] = mapped_column(primary_key=True)
    first_seen: Mapped[str]
    last_seen: Mapped[str]
    turn: Mapped[int]
    """Counts up with each sighting in this ledger, because clocks may stand still."""


class FirstSeen(Base):
    """When this ledger first met a subject: a key, a commit, a namespace."""

    __tablename__ = "first_seen"

    kind: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[str]


class LocalDigest(Base):
    """The SHA-256 of a file outside the cache, valid while none of these figures changes."""

    __tablename__ = "local_digests"

    device: Mapped[int] = mapped_column(primary_key=True)
    inode: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int]
    mtime_ns: Mapped[int]
    ctime_ns: Mapped[int]
    sha256: Mapped[str]


class Recall(Base):
    """What was admitted once and may not be again, until the recall is lifted.

    `subject` is `hub:org/name@<commit>` or `sha256:<hex>`.
    """

    __tablename__ = "recalls"

    id: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str]
    recalled_by: Mapped[str]
    recalled_at: Mapped[str]
    lifted_by: Mapped[str | None]
    lifted_at: Mapped[str | None]


class HubRevision(Base):
    """An admission under the revision id that the service's clients know it by.

    `id` stands for one `artifact` for ever: the row stays when the admission goes.
    """

    __tablename__ = "hub_revisions"
    __table_args__ = (Index(None, "repository", "commit"),)

    repository: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    commit: Mapped[str]
    artifact: Mapped[str]
    admission_id: Mapped[str] = mapped_column(index=True)
    document: Mapped[str]
    """What the hub's API says of it besides files: git ids of small files, tags and so on."""
    published_at: Mapped[str]


class Job(Base):
    """Work that the service was asked for: an admission, a verification."""

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "repository", "commit"), Index(None, "state", "created_at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    repository: Mapped[str]
    revision: Mapped[str | None]
    commit: Mapped[str]
    policy: Mapped[str]
    requested_by: Mapped[str]
    state: Mapped[str]
    """`queued`, `running`, `admitted`, `refused`, `done` or `failed`."""
    document: Mapped[str]
    """The outcome in JSON: a verdict, a message and a hint, a verification."""
    created_at: Mapped[str]
    started_at: Mapped[str | None]
    finished_at: Mapped[str | None]


class Token(Base):
    """A token of the service; `digest` is the SHA-256 of what the holder was given."""

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    digest: Mapped[str] = mapped_column(unique=True)
    roles: Mapped[str]
    """Names with spaces between them."""
    created_by: Mapped[str]
    created_at: Mapped[str]
    expires_at: Mapped[str | None]
    revoked_at: Mapped[str | None]


class Review(Base):
    """A request that a refusal be looked at, and what a reviewer said."""

    __tablename__ = "reviews"
    __table_args__ = (Index(None, "state", "requested_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    verdict_id: Mapped[str] = mapped_column(ForeignKey("verdicts.id"))
    statement: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[str]
    state: Mapped[str]
    """`open`, `approved` or `declined`."""
    decided_by: Mapped[str | None]
    decided_at: Mapped[str | None]
    comment: Mapped[str | None]
    waiver: Mapped[str | None]
    """The document of `kind: Waiver` that an approval made, as YAML."""


class Audit(Base):
    """The append-only log. `digest` covers the row and `previous`, the digest before it."""

    __tablename__ = "audit"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[str]
    event: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[str]
    previous: Mapped[str]
    digest: Mapped[str]
