"""Write an admission out: its files and its evidence, for a machine without network."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from secureload.digests import STEP, open_regular
from secureload.errors import EvidenceError, IntegrityError, SecureloadError
from secureload.evidence.bundle import EVIDENCE, MODEL
from secureload.evidence.kept import VSA, Evidence
from secureload.flow import ArtifactFile, CacheEntry


def export(entry: CacheEntry, evidence: Evidence, target: Path) -> None:
    """Write an admission to a new folder, or a tar file if `target` ends in `.tar`.

    Raises:
        EvidenceError: there is no evidence, or `target` exists or cannot be written.
        IntegrityError: files in the cache are not what was admitted.
    """
    documents = {name: evidence.read(name) for name in evidence.names}
    if VSA not in documents:
        evidence.read(VSA)  # raises, and says why
    if target.exists() or target.is_symlink():
        raise EvidenceError(f"{target} is there already", hint="name a new file or folder")
    write = _write_tar if target.suffix == ".tar" else _write_folder
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
            whole = Path(scratch) / "whole"
            write(entry, documents, whole)
            whole.rename(target)
    except SecureloadError:
        raise
    except OSError as error:
        raise EvidenceError(
            f"{error.filename or target}: {error.strerror or error}",
            hint="name a file or folder in a place that is writable",
        ) from error


def _write_folder(entry: CacheEntry, documents: dict[str, bytes], folder: Path) -> None:
    (folder / EVIDENCE).mkdir(parents=True)
    for name, data in documents.items():
        (folder / EVIDENCE / name).write_bytes(data)
    for file in entry.files:
        target = folder / MODEL / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with _admitted(entry, file) as source, target.open("xb") as written:
            shutil.copyfileobj(source, written, STEP)


def _write_tar(entry: CacheEntry, documents: dict[str, bytes], path: Path) -> None:
    with tarfile.open(path, "w:", format=tarfile.PAX_FORMAT) as archive:
        for name, data in documents.items():
            archive.addfile(_member(f"{EVIDENCE}/{name}", len(data)), io.BytesIO(data))
        for file in entry.files:
            with _admitted(entry, file) as source:
                archive.addfile(_member(f"{MODEL}/{file.path}", file.size), source)


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member


class _Measured:
    """A file of the cache that is hashed while it is read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._source.read(size)
        self.hash.update(chunk)
        return chunk


@contextmanager
def _admitted(entry: CacheEntry, file: ArtifactFile) -> Iterator[Any]:
    """A file of the cache; raises at the end if it was not what was admitted."""
    with open_regular(entry.path / file.path) as descriptor:
        size = os.fstat(descriptor).st_size
        with os.fdopen(os.dup(descriptor), "rb") as source:
            measured = _Measured(source)
            yield measured
    if size != file.size or measured.hash.hexdigest() != file.sha256:
        raise IntegrityError(
            f"{file.path} of admission {entry.admission[:12]} is not what was admitted",
            hint="`secureload cache verify` lists what is wrong",
        )
