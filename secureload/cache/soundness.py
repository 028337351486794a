"""Is the whole cache what the ledger says? What `secureload cache verify` asks.

A problem is a difference from the record. What a crash leaves behind is none: no admission
speaks of it, so no library is ever given it, and `leftovers` lists it for `cache gc`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from secureload.cache.integrity import check
from secureload.cache.layout import Layout
from secureload.cache.objects import Objects
from secureload.cache.work import abandoned
from secureload.digests import in_threads, open_regular, sha256_descriptor
from secureload.errors import IntegrityError

if TYPE_CHECKING:
    from secureload.ledger.database import Database


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is not as the ledger says: `subject` is an admission, a blob or a log."""

    subject: str
    message: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.message}"


def problems(
    layout: Layout, database: Database, *, deep: bool, objects: Objects | None = None
) -> Iterator[Problem]:
    """Yield every difference between the cache and its ledger.

    `deep` computes SHA-256 of every file and blob; otherwise only what looks different on
    disk is read. What is not on this machine is looked for among `objects`, if there are any.
    """
    from secureload.ledger import audit, store

    with database.read() as session:
        for sentence in audit.verify(session):
            yield Problem(subject="audit log", message=sentence)
        for admission_id in store.unlogged(session):
            yield Problem(subject=admission_id, message="vanished from the ledger")
        ids = store.admission_ids(session)
        blobs = store.blobs(session)
        for needed in sorted(store.used_blobs(session) - blobs.keys()):
            yield Problem(subject=f"blob {needed}", message="is in use but not on record")
    for admission_id in ids:
        yield from _admission(layout, database, admission_id, deep=deep, partly=objects is not None)
    yield from _blobs(layout, database, blobs, deep=deep, objects=objects)


def leftovers(layout: Layout, database: Database) -> list[Path]:
    """What belongs to no admission: the remains of crashes, and content no longer used."""
    from secureload.ledger import store

    known: dict[str, str] = {}
    used: frozenset[str] = frozenset()
    if database.exists:
        with database.read() as session:
            known, used = store.folders(session), store.used_blobs(session)
    found = [layout.quarantine / name for name in abandoned(layout)]
    found += [path for path in _listing(layout.models) if path.name not in known]
    for shelf in _listing(layout.blobs):
        found += [path for path in _listing(shelf) if path.name not in used]
    return sorted(found)


def _admission(
    layout: Layout, database: Database, admission_id: str, *, deep: bool, partly: bool
) -> Iterator[Problem]:
    from secureload.ledger import store

    try:
        with database.read() as session:
            admitted = store.admission(session, admission_id)
    except IntegrityError as error:
        yield Problem(subject=admission_id, message=error.message)
        return
    if admitted is None:
        return  # removed while this ran
    if partly and not (layout.models / admitted.folder).exists():
        return  # never asked for on this machine
    result = check(
        layout.models / admitted.folder, admitted.files, mode="deep" if deep else "changed"
    )
    if result.problems:
        with database.read() as session:
            now = store.admission(session, admission_id)
        if now is None or now.folder != admitted.folder:
            return  # removed or replaced while this ran
    for message in result.problems:
        yield Problem(subject=admission_id, message=message)


def _blobs(
    layout: Layout,
    database: Database,
    blobs: dict[str, int],
    *,
    deep: bool,
    objects: Objects | None,
) -> Iterator[Problem]:
    from secureload.ledger import store

    def look(item: tuple[str, int]) -> str | None:
        found = None if objects is None else objects.problem(*item, deep=deep)
        path = layout.blob(item[0])
        if found is not None or (objects is not None and not path.exists()):
            return found
        return _look_at_blob(path, *item, deep=deep)

    items = sorted(blobs.items())
    for (sha256, _), message in zip(items, in_threads(look, items), strict=True):
        if message is None:
            continue
        with database.read() as session:
            if sha256 in store.blobs(session):
                yield Problem(subject=f"blob {sha256}", message=message)


def _look_at_blob(path: Path, sha256: str, size: int, *, deep: bool) -> str | None:
    try:
        with open_regular(path) as descriptor:
            status = os.fstat(descriptor)
            if status.st_size != size:
                return f"has {status.st_size} bytes instead of {size}"
            if stat.S_IMODE(status.st_mode) & 0o222:
                return "is writable"
            if deep and sha256_descriptor(descriptor) != sha256:
                return "has other bytes than its name says"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return None


def _listing(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
