"""Publish an admission: the ledger and the disk have all of it, or none."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from secureload.cache.layout import discard, troubles
from secureload.cache.placing import Placed, place, stage, stage_documents
from secureload.cache.store import Store
from secureload.digests import in_threads
from secureload.errors import CacheError, IntegrityError
from secureload.flow import AdmissionKey, Artifact, CacheEntry, Decided
from secureload.ledger.records import Admitted

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_NO_EVIDENCE: Mapping[str, bytes] = MappingProxyType({})


class Publishing(Store):
    """The way into the cache."""

    def publish(
        self,
        key: AdmissionKey,
        artifact: Artifact,
        decided: Decided,
        *,
        evidence: Mapping[str, bytes] = _NO_EVIDENCE,
        verifier: str = "",
    ) -> CacheEntry:
        """Admit an artifact: after this, `find` has it; after a crash, as before or as after.

        `evidence` are the documents about it by name, kept with it or not at all; `verifier`
        is the key id of whoever decided, where that was elsewhere. When another process has
        published the same files for this key, theirs are kept, and their evidence.

        Raises:
            ReuseLostError: files that were to be used again are not in the cache any more.
            IntegrityError: the approval is for other files, or the artifact's files are not
                what it says.
            CacheError: the disk or the ledger refused; the cache is as it was.
        """
        from secureload.ledger import audit, memory, plain, store

        _check_permission(key, artifact, decided)
        with self.work() as scratch, troubles(self.layout.home):
            staged = stage(self.layout, artifact, scratch / "staged")
            documents = stage_documents(evidence, scratch / "evidence")
            if (objects := self._objects) is not None:
                in_threads(
                    lambda item: objects.keep(item.digests.sha256, item.digests.size, item.place),
                    [*staged, *documents],
                )
            with self._locked("store.lock", None):
                self._database.create()  # no folder in `models/` is older than the ledger
                old = self._standing(key)
                if old and _same(old, artifact, decided, evidence, verifier):
                    return self._entry(old, warm=False)
                replaced = self._clear_unrecorded(key.digest)
                done, at = Placed(), self._now()
                try:
                    place(self.layout, staged, key.digest, scratch, done, documents)
                    with self._database.write() as session:
                        if self.fence is not None:
                            self.fence(session)
                        theirs = self._overtaking(session, key)
                        if theirs and _same(theirs, artifact, decided, evidence, verifier):
                            raise _Overtaken(theirs)
                        for before, after in done.restamped:
                            store.restamp(session, before, after)
                        for sha256 in done.replaced_blobs:
                            audit.append(session, at, "blob-replaced", sha256, {})
                        store.record_admission(
                            session, key, decided, done.files, artifact.conversions,
                            folder=done.folder.name if done.folder else "", at=at,
                            evidence=done.evidence, verifier=verifier, reused=artifact.reused,
                        )  # fmt: skip
                        rows = plain.of_session(session)
                        memory.remember(rows, decided.listing, at)
                        memory.admitted(rows, decided.listing, at)
                except _Overtaken as overtaken:
                    done.undo()
                    self._check(overtaken.theirs, "always", locked=True)
                    return self._entry(overtaken.theirs, warm=False)
                except BaseException:
                    done.undo()
                    raise
                for folder in replaced:
                    discard(folder)
                with self._database.read() as session:
                    admitted = store.admission(session, key.digest)
        if admitted is None:
            raise CacheError(
                "the admission was removed as soon as it was published", hint="try again"
            )
        return self._entry(admitted, warm=False)

    def _standing(self, key: AdmissionKey) -> Admitted | None:
        """The admission for a key if it is intact; a damaged one is to be replaced."""
        if not self._database.exists:
            return None
        from secureload.ledger import store

        try:
            with self._database.read() as session:
                admitted = store.admission(session, key.digest)
            if admitted is not None:
                self._check(admitted, "always", locked=True)
        except IntegrityError:
            return None
        return admitted

    def _overtaking(self, session: Session, key: AdmissionKey) -> Admitted | None:
        """The admission that another machine has published since this one looked."""
        if self._objects is None:
            return None  # on one machine, the store's lock has kept others out
        from secureload.ledger import store

        with suppress(IntegrityError):  # edited rows: to be replaced
            return store.admission(session, key.digest)
        return None

    def _clear_unrecorded(self, admission_id: str) -> list[Path]:
        """Remove what an earlier crash left where this admission's folder belongs.

        Returns the folders that the ledger does know, to be removed once it no longer does.
        """
        from secureload.ledger import store

        recorded: set[str] = set()
        if self._database.exists:
            with self._database.read() as session:
                recorded = set(store.folders(session))
        present = list(self.layout.models.glob(f"{admission_id}*"))
        for path in present:
            if path.name not in recorded:
                discard(path)
        return [path for path in present if path.name in recorded]


class _Overtaken(Exception):  # noqa: N818
    """Another machine has published the same."""

    def __init__(self, theirs: Admitted) -> None:
        self.theirs = theirs


def _check_permission(key: AdmissionKey, artifact: Artifact, decided: Decided) -> None:
    approval, snapshot = decided.approval, decided.snapshot
    if approval is None or snapshot is None:
        raise IntegrityError("only what was approved can be published")
    listing = decided.listing
    agreed = (
        approval.verdict == decided.verdict,
        approval.snapshot_digest == snapshot.digest == artifact.snapshot.digest,
        (key.kind, key.repository, key.commit)
        == (listing.source.kind, listing.source.repository, listing.commit),
        key.policy == decided.verdict.policy.digest,
        key.ruleset == decided.verdict.ruleset,
    )
    if not all(agreed):
        raise IntegrityError("the approval is for other files than those to be published")


def _same(
    old: Admitted,
    artifact: Artifact,
    decided: Decided,
    evidence: Mapping[str, bytes],
    verifier: str,
) -> bool:
    if evidence and not old.evidence:
        return False  # admitted before there was a key to sign with
    return old.verifier == verifier and (
        sorted((f.path, f.size, f.sha256) for f in old.files)
        == sorted((f.path, f.size, f.sha256) for f in artifact.files)
        and old.verdict == decided.verdict
        and old.conversions == artifact.conversions
    )
