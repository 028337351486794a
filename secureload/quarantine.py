"""Fetch what was selected into quarantine, measuring every byte on the way.

A file is taken from where it already lies (the trusted cache, the Hugging Face cache) or
downloaded, and written under a name that the listing's validation allowed. SHA-256 and git
blob id are computed while it is written, and compared with what the source claimed and,
above all, with the blob ids of the verified tree. Every file is compared before anyone is
told, so that one error names them all.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from secureload import sources
from secureload.errors import CacheError, NotFoundError, SourceError, TamperedError
from secureload.flow import FileClaim, Listing, Selection, Snapshot
from secureload.measured import Measured, Writer, difference, git_disagrees
from secureload.sources import Context, TransientError
from secureload.sources.base import path_problem
from secureload.sources.transport import TRIES
from secureload.sources.transport import wait as seconds_to_wait

WORKERS = 4
"""Files fetched at once: enough to hide latency, too few to trip a server's limits."""

SPARE_BYTES = 64 << 20
"""Free disk space left beside what is fetched, for the ledger and everyone else."""

CHUNK_BYTES = 4 << 20
"""Bytes copied at a time from a file that lies on this machine."""

PROGRESS_BYTES = 1 << 20
"""A connection that broke after this many new bytes was worth it: patience starts anew."""

_SHA1_DIGITS = 40

Shelf = Callable[[FileClaim, str | None], Path | None]
"""Where a file's bytes already lie, by its claim and its verified blob id; or None."""


def fetch(
    listing: Listing,
    selection: Selection,
    blobs: Mapping[str, str] | None,
    root: Path,
    ctx: Context,
    *,
    shelf: Shelf | None = None,
) -> Snapshot:
    """Put every selected file under `root`, an empty folder of the caller's own.

    `blobs` is the verified tree (path to git blob id), the authority where it is given; the
    caller removes `root` when this raises.

    Raises:
        TamperedError: bytes differ from the verified tree or from what was claimed, or the
            listing and the tree differ; `.problems` has every file.
        SourceError: a file could not be had.
        CacheError: the disk is full or unwritable.
    """
    claims = _claims(listing, selection)
    _refuse_full_disk(root, sum(claim.size for claim in claims))
    problems = _against_tree(listing, claims, blobs)
    job = _Job(listing=listing, blobs=blobs, root=root, ctx=ctx, shelf=shelf)
    job.total = sum(claim.size for claim in claims if claim.path not in problems)
    stored = _in_parallel(job, [claim for claim in claims if claim.path not in problems])
    for claim, file in stored:
        if isinstance(file, str):
            problems[claim.path] = file
        elif found := difference(claim, file, blobs):
            problems[claim.path] = found
    files = tuple(file.stored for _, file in stored if not isinstance(file, str))
    if blobs is not None and len(listing.commit) == _SHA1_DIGITS:
        plain = [f for f in files if f.git_oid == blobs.get(f.path) and f.path not in problems]
        problems |= git_disagrees(root, plain)
    if problems:
        raise TamperedError(str(listing.pinned), problems)
    return Snapshot(listing=listing, root=root, files=files)


@dataclass(kw_only=True)
class _Job:
    """What the workers of one fetch share."""

    listing: Listing
    blobs: Mapping[str, str] | None
    root: Path
    ctx: Context
    shelf: Shelf | None
    total: int = 0
    done: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def advance(self, size: int) -> None:
        """Tell the caller about `size` more bytes (fewer, when negative)."""
        with self.lock:
            self.done += size
            if self.ctx.progress:
                self.ctx.progress("fetch", self.done, self.total)


class _Stopped(Exception):  # noqa: N818  not an error: another worker met one
    """Another file failed, so this one is not needed."""


def _claims(listing: Listing, selection: Selection) -> list[FileClaim]:
    known = {claim.path: claim for claim in listing.claims}
    claims = []
    for path in selection.paths:
        if path not in known:
            raise NotFoundError(f"{listing.pinned} has no file {path!r}")
        if problem := path_problem(path):
            raise SourceError(f"{listing.pinned} lists the file {path!r}, which {problem}")
        claims.append(known[path])
    return claims


def _against_tree(
    listing: Listing, claims: list[FileClaim], blobs: Mapping[str, str] | None
) -> dict[str, str]:
    """What is wrong before a byte is fetched: listing and verified tree must agree."""
    if blobs is None:
        return {}
    listed = {claim.path for claim in listing.claims}
    problems = dict.fromkeys(blobs.keys() - listed, "is in the commit, and the source hides it")
    for claim in claims:
        expected = blobs.get(claim.path)
        if expected is None:
            problems[claim.path] = "is not in the commit, though the source lists it"
        elif claim.git_oid is not None and claim.git_oid != expected:
            problems[claim.path] = (
                f"the source lists blob {claim.git_oid}, the commit has {expected}"
            )
    return problems


def _in_parallel(job: _Job, claims: list[FileClaim]) -> list[tuple[FileClaim, Measured | str]]:
    """Fetch all, largest first; the first accident stops the rest."""
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="fetch") as pool:
        futures = {
            claim.path: pool.submit(_obtain, job, claim)
            for claim in sorted(claims, key=lambda claim: -claim.size)
        }
        try:
            wait(futures.values(), return_when=FIRST_EXCEPTION)
        finally:
            finished = all(future.done() for future in futures.values())
            if not finished or any(future.exception() for future in futures.values()):
                job.stop.set()
                pool.shutdown(cancel_futures=True)
    accidents = [
        error
        for future in futures.values()
        if not future.cancelled()
        and (error := future.exception())
        and not isinstance(error, _Stopped)
    ]
    if accidents:
        raise accidents[0]
    return [(claim, futures[claim.path].result()) for claim in claims]


def _obtain(job: _Job, claim: FileClaim) -> Measured | str:
    """Write one file; a string says why its bytes cannot be the claimed ones."""
    try:
        writer = Writer(job.root, claim, job.listing.commit, job.advance)
        try:
            for place in _places(job, claim):
                if found := _copy(job, claim, place, writer):
                    return found
            return _download(job, claim, writer)
        finally:
            writer.close()
    except (SourceError, CacheError):
        raise
    except OSError as error:
        raise _disk_error(error, job.root) from error


def _places(job: _Job, claim: FileClaim) -> Iterator[Path]:
    """Where the bytes may already lie, if there is a digest to know them by."""
    blob = job.blobs.get(claim.path) if job.blobs is not None else None
    if blob is None and claim.git_oid is None and claim.sha256 is None:
        return
    if job.shelf and (place := job.shelf(claim, blob)):
        yield place
    if job.listing.source.kind == "hub":
        source = job.listing.source
        repository = f"{source.repo_type}s--{source.name.replace('/', '--')}"
        yield _hub_cache(job.ctx) / repository / "snapshots" / job.listing.commit / claim.path


def _hub_cache(ctx: Context) -> Path:
    if ctx.cache_dir is not None:
        return ctx.cache_dir
    env = os.environ
    home = env.get("HF_HOME") or f"{env.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    folder = env.get("HF_HUB_CACHE") or env.get("HUGGINGFACE_HUB_CACHE") or f"{home}/hub"
    return Path(os.path.expandvars(folder)).expanduser()


def _copy(job: _Job, claim: FileClaim, place: Path, writer: Writer) -> Measured | None:
    """Copy a file that lies on this machine; None, and nothing written, if it will not do."""
    try:
        handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size != claim.size:
            return None
        while writer.size < claim.size:
            _check_stop(job)
            try:
                chunk = os.read(handle, min(CHUNK_BYTES, claim.size - writer.size))
            except OSError:
                break
            if not chunk:
                break
            writer.write(chunk)
        if writer.size == claim.size:
            measured = writer.measured()
            if not difference(claim, measured, job.blobs):
                return measured
        writer.rewind()
        return None
    finally:
        os.close(handle)


def _download(job: _Job, claim: FileClaim, writer: Writer) -> Measured | str:
    """Stream a file, resuming where a connection broke."""
    failures = 0
    furthest = 0
    while True:
        try:
            with sources.open_stream(job.listing, claim, job.ctx, writer.size) as (chunks, start):
                if start != writer.size:
                    writer.rewind()
                for chunk in chunks:
                    _check_stop(job)
                    if writer.size + len(chunk) > claim.size:
                        return f"the source sends more than the {claim.size:,} bytes it listed"
                    writer.write(chunk)
            if writer.size == claim.size:
                return writer.measured()
            if job.listing.source.kind == "local":
                return "it is shorter than when it was listed"
            raise TransientError(
                f"{claim.path} of {job.listing.source} ended after {writer.size:,} of "
                f"{claim.size:,} bytes",
                hint="try again; if it stays, the source lists a size it does not have",
            )
        except TransientError as error:
            if writer.size == claim.size:
                return writer.measured()
            failures = 1 if writer.size >= furthest + PROGRESS_BYTES else failures + 1
            furthest = max(furthest, writer.size)
            if failures >= TRIES:
                raise
            job.ctx.sleep(seconds_to_wait(error, failures))
            _check_stop(job)


def _check_stop(job: _Job) -> None:
    if job.stop.is_set():
        raise _Stopped


def _refuse_full_disk(root: Path, size: int) -> None:
    try:
        free = shutil.disk_usage(root).free
    except OSError as error:
        raise _disk_error(error, root) from error
    if free < size + SPARE_BYTES:
        raise CacheError(
            f"{size:,} bytes are needed below {root}, and {free:,} are free",
            hint="free some space (`secureload cache gc`), or set SECURELOAD_HOME to a larger disk",
        )


def _disk_error(error: OSError, root: Path) -> CacheError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return CacheError(
            f"the disk below {root} is full",
            hint="free some space (`secureload cache gc`), or set SECURELOAD_HOME to a larger disk",
        )
    return CacheError(
        f"quarantine below {root} cannot be written: {error.strerror or error}",
        hint="check its permissions, or set SECURELOAD_HOME",
    )
