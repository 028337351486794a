"""An admission that can be carried: its files in `model/`, what is said of them in `evidence/`.

A folder or a plain tar file. Nothing in it is believed before the verification summary is
verified; then only the files that it names are taken, each measured while it is copied.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from secureload.digests import open_regular
from secureload.errors import EvidenceError, SecureloadError
from secureload.evidence.kept import VSA
from secureload.flow import ArtifactFile

MODEL, EVIDENCE = "model", "evidence"
_STEP = 1 << 20
_MAX_DOCUMENT_BYTES = 256_000_000
"""Largest document read: a million tensors take about as much in a provenance statement."""
_MAX_MEMBERS = 1_000_000
"""Most members of a tar file; the largest repositories have some ten thousand files."""


class Bundle(Protocol):
    """What an exported admission offers, wherever it lies."""

    def files(self) -> frozenset[str]:
        """The paths of the model's files, relative with `/`."""

    def open_file(self, path: str) -> IO[bytes]:
        """A file of the model, at its start."""

    def open_document(self, name: str) -> IO[bytes]:
        """A document, at its start."""


@contextmanager
def opened(path: Path, files: Path | None = None) -> Iterator[Bundle]:
    """Open what `export` wrote; or, with `files`, a folder of documents about that folder.

    Raises:
        EvidenceError: it is not there, or is no exported admission.
    """
    with ExitStack() as stack:
        try:
            bundle = _bundle(path, files, stack)
        except tarfile.TarError as error:
            raise EvidenceError(f"{path}: no tar file ({error})") from error
        except EvidenceError:
            raise
        except OSError as error:
            raise EvidenceError(f"{path}: {error.strerror or error}") from error
        yield bundle


def _bundle(path: Path, files: Path | None, stack: ExitStack) -> Bundle:
    if path.is_file():
        return _Tar(stack.enter_context(tarfile.open(path, "r:")))
    if (path / EVIDENCE / VSA).is_file():
        return _Folder(files or path / MODEL, path / EVIDENCE)
    if files is not None and (path / VSA).is_file():
        return _Folder(files, path)
    raise EvidenceError(
        f"{path} holds no `{EVIDENCE}/{VSA}`",
        hint="`secureload evidence export` writes what can be admitted elsewhere",
    )


def document(bundle: Bundle, name: str) -> bytes:
    """The bytes of one document.

    Raises:
        EvidenceError: it is missing, too large, or cannot be read.
    """
    try:
        with bundle.open_document(name) as stream:
            data = stream.read(_MAX_DOCUMENT_BYTES + 1)
    except SecureloadError:
        raise
    except (OSError, tarfile.TarError) as error:
        why = getattr(error, "strerror", None) or error
        raise EvidenceError(f"evidence `{name}` cannot be read: {why}") from error
    if len(data) > _MAX_DOCUMENT_BYTES:
        raise EvidenceError(f"evidence `{name}` is larger than {_MAX_DOCUMENT_BYTES} bytes")
    return data


def take(bundle: Bundle, file: ArtifactFile, root: Path) -> str:
    """Copy one file below `root` and say what is wrong with it; nothing if all is well.

    Raises:
        OSError: the disk refused.
    """
    target = root / file.path
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    measured = hashlib.sha256()
    done = 0
    try:
        source = bundle.open_file(file.path)
    except (EvidenceError, OSError) as error:
        return str(getattr(error, "message", "") or error.strerror or error)
    with source, target.open("xb") as written:
        while chunk := _next(source):
            done += len(chunk)
            if done > file.size:
                break
            measured.update(chunk)
            written.write(chunk)
    if done != file.size:
        return f"has not the {file.size} bytes that were attested"
    if measured.hexdigest() != file.sha256:
        return "has other bytes than were attested"
    return ""


def _next(source: IO[bytes]) -> bytes:
    """The next bytes; a tar file that ends too early just ends, and the size tells."""
    try:
        return source.read(_STEP)
    except tarfile.TarError:
        return b""


@dataclass(frozen=True)
class _Folder:
    model: Path
    evidence: Path

    def files(self) -> frozenset[str]:
        found = set()
        for folder, _, names in os.walk(self.model):
            found |= {(Path(folder) / name).relative_to(self.model).as_posix() for name in names}
        return frozenset(found)

    def open_file(self, path: str) -> IO[bytes]:
        return _open(self.model / path)

    def open_document(self, name: str) -> IO[bytes]:
        return _open(self.evidence / name)


def _open(path: Path) -> IO[bytes]:
    with open_regular(path) as descriptor:
        return os.fdopen(os.dup(descriptor), "rb")


class _Tar:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._members: dict[str, tarfile.TarInfo] = {}
        for number, member in enumerate(archive):
            if number == _MAX_MEMBERS or member.name in self._members:
                raise EvidenceError("the tar file has too many members, or one of them twice")
            if member.isfile():
                self._members[member.name] = member

    def files(self) -> frozenset[str]:
        return self._below(MODEL)

    def open_file(self, path: str) -> IO[bytes]:
        return self._open(f"{MODEL}/{path}")

    def open_document(self, name: str) -> IO[bytes]:
        return self._open(f"{EVIDENCE}/{name}")

    def _below(self, folder: str) -> frozenset[str]:
        return frozenset(
            PurePosixPath(name).relative_to(folder).as_posix()
            for name in self._members
            if name.startswith(f"{folder}/")
        )

    def _open(self, name: str) -> IO[bytes]:
        member = self._members.get(name)
        stream = self._archive.extractfile(member) if member else None
        if stream is None:
            raise EvidenceError(f"the tar file has no `{name}`")
        return stream
