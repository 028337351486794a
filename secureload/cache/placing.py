"""Bring an artifact into the cache: stage, sync, rename. The ledger commits afterwards.

Until the ledger has the admission, nobody is told of the folder; a crash on the way leaves
content and folders that no admission knows, which the next run or `cache gc` clears away.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from secureload.cache.layout import Layout, discard, sync
from secureload.digests import FileDigests, digest_descriptor, digest_file, in_threads, open_regular
from secureload.errors import IntegrityError
from secureload.flow import Artifact, ArtifactFile
from secureload.ledger.records import KeptDocument, KeptFile, Stamp

_NO_LINK = {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}
_ZIP = b"PK\x03\x04"
_NEVER = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".dill", ".so", ".npz")
_OBJECTS = re.compile(rb"O\d*'")
"""An element type of an array header that means pickled objects."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Staged:
    """A file of the artifact, moved out of reach and measured.

    `kept` is how a blob looked that was measured where it lies; None for a file that comes.
    """

    file: ArtifactFile
    place: Path
    digests: FileDigests
    kept: Stamp | None = None


class ReuseLostError(IntegrityError):
    """Content that was to be used again is gone from the cache, or is not what it was."""


@dataclass(kw_only=True, slots=True)
class Placed:
    """What placing an artifact changed on disk, so that it can be undone or recorded."""

    folder: Path | None = None
    files: tuple[KeptFile, ...] = ()
    evidence: tuple[KeptDocument, ...] = ()
    new_blobs: list[Path] = field(default_factory=list)
    replaced_blobs: list[str] = field(default_factory=list)
    restamped: list[tuple[Stamp, Stamp]] = field(default_factory=list)
    folders: set[Path] = field(default_factory=set)
    """Folders of blobs that got new entries, which the disk may not have yet."""

    def undo(self) -> None:
        """Take away what was placed."""
        if self.folder is not None:
            discard(self.folder)
        for blob in self.new_blobs:
            discard(blob)


def stage(layout: Layout, artifact: Artifact, scratch: Path) -> list[Staged]:
    """Move the artifact's files into `scratch`, read-only, synced and measured.

    Those that lie among the blobs already are measured there.

    Raises:
        ReuseLostError: one of those is no longer there, or not what it was.
        IntegrityError: the files are not exactly those that the artifact names, or one of
            them looks like something that runs code when loaded.
        OSError: the disk refused.
    """
    paths = [file.path for file in artifact.files]
    for path in paths:
        parts = PurePosixPath(path).parts
        plain = path == "/".join(parts) and not path.startswith("/") and ".." not in parts
        if not plain or "\0" in path or path in {"", "."}:
            raise IntegrityError(f"the artifact has an unsafe path {path!r}")
    if len(set(paths)) != len(paths) or not paths:
        raise IntegrityError("the artifact names no file, or one twice")
    scratch.mkdir(mode=0o700)
    numbered = list(enumerate(artifact.files))
    return in_threads(
        lambda item: (
            _stage_kept(layout, item[1])
            if item[1].path in artifact.kept
            else _stage_file(artifact.root, item[1], scratch, item[0])
        ),
        numbered,
    )


def stage_documents(documents: Mapping[str, bytes], scratch: Path) -> list[Staged]:
    """Write documents about the artifact into `scratch`, read-only, synced and measured.

    Raises:
        OSError: the disk refused.
    """
    scratch.mkdir(mode=0o700)
    staged = []
    for number, (name, data) in enumerate(sorted(documents.items())):
        target = scratch / str(number)
        target.write_bytes(data)
        target.chmod(0o444)
        with open_regular(target) as descriptor:
            digests = digest_descriptor(descriptor, name=name)
            os.fsync(descriptor)
        if digests.sha256 != hashlib.sha256(data).hexdigest():
            raise IntegrityError(f"{name} changed while it was written")
        file = ArtifactFile(path=name, size=digests.size, sha256=digests.sha256)
        staged.append(Staged(file=file, place=target, digests=digests))
    return staged


def place(
    layout: Layout,
    staged: list[Staged],
    admission: str,
    scratch: Path,
    done: Placed,
    documents: Sequence[Staged] = (),
) -> None:
    """Put staged files among the blobs and link them into a new folder below `models/`.

    `documents` go among the blobs only: the folder holds what libraries load, nothing else.
    The caller holds the store's lock. `done` tells what happened, also when this raises.

    Raises:
        OSError: the disk refused.
    """
    tree = scratch / "model"
    tree.mkdir(mode=0o700)
    before: dict[Path, Stamp] = {}
    folders = {tree}
    for item in documents:
        _place_blob(layout, item, done, before)
    for item in staged:
        blob = _place_blob(layout, item, done, before)
        link = tree / item.file.path
        link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folders.update(tree / parent for parent in PurePosixPath(item.file.path).parents)
        name_also(blob, link)
    # Once for all: a folder's entries are kept together, and each wait is some milliseconds.
    for place_of_blobs in sorted(done.folders):
        sync(place_of_blobs)
    if done.folders:
        sync(layout.blobs)
    for folder in sorted(folders, reverse=True):
        sync(folder)
        if folder != tree:  # the top is sealed after its rename, which must write to it
            folder.chmod(0o555)
    final = layout.models / admission
    if final.exists() or final.is_symlink():
        final = layout.models / f"{admission}.{secrets.token_hex(4)}"
    done.folder = final
    tree.rename(final)
    final.chmod(0o555)
    sync(final)
    sync(layout.models)
    done.restamped = [(old, Stamp.of(blob.stat())) for blob, old in before.items()]
    done.evidence = tuple(
        KeptDocument(
            name=item.file.path,
            size=item.digests.size,
            sha256=item.digests.sha256,
            blake3=item.digests.blake3,
        )
        for item in documents
    )
    done.files = tuple(
        KeptFile(
            path=item.file.path,
            size=item.digests.size,
            sha256=item.digests.sha256,
            blake3=item.digests.blake3,
            stamp=Stamp.of((final / item.file.path).lstat()),
        )
        for item in sorted(staged, key=lambda item: item.file.path)
    )


def _stage_kept(layout: Layout, file: ArtifactFile) -> Staged:
    blob = layout.blob(file.sha256)
    try:
        with open_regular(blob) as descriptor:
            stamp = Stamp.of(os.fstat(descriptor))
            digests = digest_descriptor(descriptor, name=file.path)
            head = os.pread(descriptor, 4096, 0)
    except OSError as error:
        raise ReuseLostError(f"{file.path} is no longer in the cache") from error
    if (digests.size, digests.sha256) != (file.size, file.sha256):
        raise ReuseLostError(f"{file.path} is not in the cache as it was")
    if _runs_code(file.path, head, digests.size):
        raise ReuseLostError(f"{file.path} looks like a pickle or an archive")
    return Staged(file=file, place=blob, digests=digests, kept=stamp)


def _stage_file(root: Path, file: ArtifactFile, scratch: Path, number: int) -> Staged:
    source, target = root / file.path, scratch / str(number)
    status = source.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise IntegrityError(f"{file.path} of the artifact is not a regular file")
    moved = False
    if status.st_nlink == 1:  # otherwise someone else can write to it under another name
        try:
            source.rename(target)
            moved = True
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
    if not moved:
        shutil.copyfile(source, target, follow_symlinks=False)
    target.chmod(0o444)
    with open_regular(target) as descriptor:
        digests = digest_descriptor(descriptor, name=file.path)
        head = os.pread(descriptor, 4096, 0)
        os.fsync(descriptor)
    if (digests.size, digests.sha256) != (file.size, file.sha256):
        raise IntegrityError(
            f"{file.path} changed between its conversion and its publication",
            hint="another program writes to the quarantine folder; nothing was published",
        )
    if _runs_code(file.path, head, digests.size):
        raise IntegrityError(
            f"{file.path} looks like a pickle or an archive, which the cache never holds",
            hint="this is a defect of the converter; please report it",
        )
    return Staged(file=file, place=target, digests=digests)


def _runs_code(path: str, head: bytes, size: int) -> bool:
    """A last look: nothing that a library might unpickle gets into a model folder."""
    if path.lower().endswith(_NEVER):
        return True
    # A safetensors header of 640 bytes begins with the same two bytes as a pickle.
    header = int.from_bytes(head[:8], "little")
    if path.endswith(".safetensors") and head[8:9] == b"{" and header <= size - 8:
        return False
    if head.startswith(b"\x93NUMPY"):
        return bool(_OBJECTS.search(head))
    return head.startswith(_ZIP) or (head[:1] == b"\x80" and head[1:2] <= b"\x05" and size > 1)


def _place_blob(layout: Layout, item: Staged, done: Placed, before: dict[Path, Stamp]) -> Path:
    blob = layout.blob(item.digests.sha256)
    if blob in done.new_blobs or blob in before:
        return blob
    if item.kept is not None:
        return _still_there(blob, item, before)
    try:
        known = digest_file(blob)
    except FileNotFoundError:
        known = None
    except OSError:
        known = None
        discard(blob)
    if known == item.digests:
        before[blob] = Stamp.of(blob.lstat())
        return blob
    if known is not None:
        done.replaced_blobs.append(item.digests.sha256)
    blob.parent.mkdir(mode=0o700, exist_ok=True)
    if known is None:
        done.new_blobs.append(blob)
    item.place.rename(blob)
    done.folders.add(blob.parent)
    if known is not None:
        before[blob] = Stamp.of(blob.lstat())
    return blob


def _still_there(blob: Path, item: Staged, before: dict[Path, Stamp]) -> Path:
    """A blob that was measured where it lies, which nobody has touched since."""
    try:
        stamp = Stamp.of(blob.lstat())
    except OSError as error:
        raise ReuseLostError(f"{item.file.path} is no longer in the cache") from error
    if stamp != item.kept:
        raise ReuseLostError(f"{item.file.path} was touched in the cache")
    before[blob] = stamp
    return blob


def name_also(blob: Path, link: Path) -> None:
    """Give a blob another name, or where that cannot be, a copy.

    Raises:
        OSError: the disk refused.
    """
    try:
        link.hardlink_to(blob)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        shutil.copyfile(blob, link)
        link.chmod(0o444)
        sync(link)
