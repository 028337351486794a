"""A folder or a file on this machine.

Its commit is a digest of names and contents, so equal folders have equal commits and a
verdict on one holds for the other. Files are read through their links, and a link may not
lead out of the folder, except as the Hugging Face cache lays its snapshots out.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from secureload.errors import (
    AccessError,
    IntegrityError,
    NotFoundError,
    SecureloadError,
    SourceError,
)
from secureload.flow import FileClaim, Listing, Source, digest_of
from secureload.sources import base
from secureload.sources.base import Context, SourceType

CHUNK_BYTES = 4 << 20
"""Bytes read at a time; large enough that the hash, not the call, takes the time."""

_LEFT_OUT = frozenset({(".git",), (".cache", "huggingface")})
"""Version control and download records: no part of the model."""


def resolve(source: Source, ctx: Context) -> Listing:
    """List a folder, hashing what is not known yet.

    Raises:
        NotFoundError: nothing is there.
        AccessError: a file or folder may not be read.
        IntegrityError: the source names a `local-` commit, and the folder is another now.
        SourceError: a link leads out, something is no regular file, or it changes while read.
    """
    location = Path(source.location)
    try:
        if location.is_dir():
            claims = [_claim(location, path, ctx) for path in _walk(location)]
        elif location.exists():
            claims = [_claim(None, location, ctx)]
        else:
            raise NotFoundError(
                f"there is no file or folder {location}", hint="check the path's spelling"
            )
    except SecureloadError:
        raise
    except PermissionError as error:
        raise _unreadable(error) from error
    except OSError as error:
        raise SourceError(
            f"{location} cannot be read: {error.strerror or error}",
            hint="check the path, the disk and the limit of open files",
        ) from error
    listing = base.listing(source, commit_of(claims), claims)
    if source.revision and source.revision != listing.commit:
        raise IntegrityError(
            f"{location} is no longer what {source.revision} names; it is {listing.commit} now",
            hint="ask for the folder without a revision to take it as it is",
        )
    return listing


def commit_of(claims: list[FileClaim]) -> str:
    """`local-` and the SHA-256 over names, sizes and contents."""
    return "local-" + digest_of((claim.sha256 or "", claim.size, claim.path) for claim in claims)


@contextmanager
def open_stream(
    listing: Listing, claim: FileClaim, ctx: Context, offset: int = 0
) -> Iterator[tuple[Iterator[bytes], int]]:
    """Open a file of the folder from `offset` on.

    Raises:
        SourceError, AccessError: as for `resolve`.
    """
    location = Path(listing.source.location)
    try:
        folder, path = (location, location / claim.path) if location.is_dir() else (None, location)
        handle = _open(folder, path)
    except PermissionError as error:
        raise _unreadable(error) from error
    except SourceError:
        raise
    except OSError as error:
        raise SourceError(f"{claim.path} of {location}: {error.strerror or error}") from error
    try:
        os.lseek(handle, offset, os.SEEK_SET)
        yield _chunks(handle, str(path)), offset
    finally:
        os.close(handle)


def _walk(folder: Path) -> Iterator[Path]:
    pending = [folder]
    found = 0
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                path = Path(entry.path)
                if path.relative_to(folder).parts in _LEFT_OUT:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(path)
                    continue
                if entry.is_symlink() and entry.is_dir():
                    raise SourceError(
                        f"{path} is a link to a folder",
                        hint="put the folder itself there; links to folders are not followed",
                    )
                found += 1
                if found > base.FILES:
                    raise SourceError(
                        f"{folder} holds more than {base.FILES:,} files",
                        hint="name the folder that holds the model itself",
                    )
                yield path


def _claim(folder: Path | None, path: Path, ctx: Context) -> FileClaim:
    handle = _open(folder, path)
    try:
        before = os.fstat(handle)
        name = path.relative_to(folder).as_posix() if folder else path.name
        if ctx.known_digest and (known := ctx.known_digest(path, before)):
            return FileClaim(path=name, size=before.st_size, sha256=known)
        digest = hashlib.sha256()
        for chunk in _chunks(handle, str(path)):
            digest.update(chunk)
        after = os.fstat(handle)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise SourceError(f"{path} changes while it is read", hint="wait until it is written")
        if ctx.remember_digest:
            ctx.remember_digest(path, after, digest.hexdigest())
        return FileClaim(path=name, size=after.st_size, sha256=digest.hexdigest())
    finally:
        os.close(handle)


def _open(folder: Path | None, path: Path) -> int:
    """Open a regular file for reading; a pipe or device does not block here.

    Without a folder the file itself was asked for by name, and its link is followed.
    """
    target = path
    if folder is None:
        target = path.resolve(strict=True)
    elif path.is_symlink():
        try:
            target = path.resolve(strict=True)
        except (FileNotFoundError, RuntimeError) as error:
            raise SourceError(f"{path} is a link that leads nowhere") from error
        if not (target.is_relative_to(folder.resolve()) or _in_hub_cache(folder, target)):
            raise SourceError(
                f"{path} is a link that leads out of its folder",
                hint="copy the file there; a model may not reach for files elsewhere",
            )
    handle = os.open(target, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise SourceError(f"{path} is not a regular file")
    return handle


def _in_hub_cache(folder: Path, target: Path) -> bool:
    """True for `models--*/snapshots/<commit>/...` pointing into the cache's own `blobs`."""
    parts = folder.parts
    for index in range(len(parts) - 2, 0, -1):
        if parts[index] == "snapshots" and parts[index - 1].startswith("models--"):
            repository = Path(*parts[:index])
            return any(
                target.is_relative_to(store / "blobs")
                for store in (repository.resolve(), repository.parent.resolve())
            )
    return False


def _chunks(handle: int, name: str) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(handle, CHUNK_BYTES)
        except OSError as error:
            raise SourceError(f"{name} cannot be read: {error.strerror or error}") from error
        if not chunk:
            return
        yield chunk


def _unreadable(error: OSError) -> AccessError:
    return AccessError(
        f"{error.filename} may not be read", hint="ask for the right to read it, or copy it"
    )


SOURCE = SourceType(
    kind="local", resolve=resolve, remote=lambda listing, ctx: None, open_stream=open_stream
)
