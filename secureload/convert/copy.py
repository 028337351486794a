"""Move bytes from one file to others at the speed of a plain copy, measured on the way.

One pass over the source in file order through a small ring of page-aligned buffers: the
calling thread reads and writes, a second one computes digests and CRCs of the same
buffers, a third the SHA-256 where it is wanted, and a last one pushes what is written to
the disk. `blake3`, `crc32` and `hashlib` release the interpreter's lock, so the work
spreads over the cores.
"""

from __future__ import annotations

import errno
import mmap
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from blake3 import blake3

from scanner.frozen import dataclass
from secureload.convert.crc import crc32
from secureload.convert.strides import Strides
from secureload.convert.writeback import Writeback
from secureload.errors import ConversionError

_T = TypeVar("_T")

Progress = Callable[[int], None]
"""Called with the number of bytes done since the last call."""

WINDOW = 1 << 20
"""Bytes read, and handed to the other threads, at a time: waking them has its price."""

_WINDOWS = 6
"""Buffers in flight: six MiB in all, whatever the model's size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A run of the source with a checksum of its own; `label` names it in messages."""

    label: str
    begin: int
    end: int
    crc: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Bytes `begin` to `end` of the source, to be digested and, with a `target`, written.

    `target` is an open file descriptor, `at` the byte offset in it; without `measured` there
    is no digest.
    """

    begin: int
    end: int
    target: int | None = None
    at: int = 0
    measured: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """In hex, BLAKE3 of each piece, in the order given, and SHA-256 of the source if asked.

    The digest of a file is what others claim and sign; that of a tensor is only compared
    with one that was measured here, by the algorithm that costs least.
    """

    pieces: tuple[str, ...]
    whole: str | None


class _Sum(Protocol):
    def update(self, data: Any, /) -> None: ...


class _Crc:
    """A running CRC-32 with the shape of a hash."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def update(self, data: Any, /) -> None:
        self.value = crc32(data, self.value)


class _Digest:
    """The BLAKE3 of a piece: made with its first bytes, in hex with its last."""

    __slots__ = ("hex", "left", "running")

    def __init__(self, size: int) -> None:
        self.left = size
        self.running: Any = None
        self.hex = blake3().hexdigest() if not size else ""

    def update(self, data: Any, /) -> None:
        if self.running is None:
            self.running = blake3()
        self.running.update(data)
        self.left -= len(data)
        if not self.left:
            self.hex, self.running = self.running.hexdigest(), None


_Job = list[tuple[_Sum, memoryview]]


class _Lane:
    """A thread that takes the windows in order and updates its own sums with them."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                for total, view in job:
                    total.update(view)
            except BaseException as error:
                self._error = error
            self._done.put(None)

    def put(self, job: _Job) -> None:
        """Queue one window's updates."""
        self._jobs.put(job)

    def wait_one(self) -> None:
        """Wait until the oldest window not yet waited for is done."""
        self._done.get()

    def close(self) -> None:
        """Finish all that is queued and end the thread."""
        self._jobs.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error


class _Lanes:
    """The lanes of one pass; leaving the block waits for them."""

    def __init__(self) -> None:
        self._lanes: list[_Lane] = []

    def open(self, name: str) -> _Lane:
        """Start one more lane."""
        self._lanes.append(_Lane(name))
        return self._lanes[-1]

    def wait_one(self) -> None:
        """Wait until every lane is done with the oldest window."""
        for lane in self._lanes:
            lane.wait_one()

    def __enter__(self) -> _Lanes:
        return self

    def __exit__(self, *_: object) -> None:
        for lane in self._lanes:
            lane.close()


def transfer(
    source: int,
    name: str,
    pieces: Sequence[Piece],
    *,
    records: Iterable[Record] = (),
    whole: bool = False,
    progress: Progress | None = None,
) -> Measured:
    """Copy `pieces` of the open file `source`, called `name` in messages, and digest them.

    Every record's CRC is checked over all of its bytes. With `whole` the source is read
    from first byte to last, otherwise only where something is wanted.

    Raises:
        ConversionError: a CRC differs, or the source ends too early.
    """
    size = os.fstat(source).st_size
    hashes = [_Digest(piece.end - piece.begin) for piece in pieces]
    total = _sha256() if whole else None
    sums = [(record, _Crc()) for record in records]
    spans = _Spans([(p.begin, p.end, (p, h)) for p, h in zip(pieces, hashes, strict=True)])
    checked = _Spans([(record.begin, record.end, crc) for record, crc in sums])
    measuring = any(piece.measured for piece in pieces)
    targets = {piece.target for piece in pieces if piece.target is not None}
    ring, strides = _ring(), Strides()
    with _Lanes() as lanes:
        writeback = Writeback(targets)
        # One thread for both: each is faster than the copy, and they share a cache.
        digests = lanes.open("digests") if measuring or sums else None
        complete = lanes.open("whole") if total is not None else None
        try:
            windows = _windows(size, None if whole else [spans, checked])
            for turn, (begin, end) in enumerate(windows):
                if turn >= _WINDOWS:
                    lanes.wait_one()
                view = ring[turn % _WINDOWS][: end - begin]
                _read_into(source, name, view, begin)
                found = [
                    (piece, low, digest, view[low - begin : high - begin])
                    for low, high, (piece, digest) in spans.within(begin, end)
                ]
                if digests:
                    job: _Job = [
                        (crc, view[low - begin : high - begin])
                        for low, high, crc in checked.within(begin, end)
                    ]
                    job += [(sum_, part) for piece, _, sum_, part in found if piece.measured]
                    digests.put(job)
                if complete and total is not None:
                    complete.put([(total, view)])
                for piece, low, _, part in found:
                    if piece.target is not None:
                        strides.write(piece.target, part, piece.at + low - piece.begin)
                        writeback.wrote(len(part))
                if progress is not None:
                    progress(end - begin)
        finally:
            writeback.close()
    for record, crc in sums:
        if crc.value != record.crc:
            raise ConversionError(
                f"{name}: {record.label} is damaged: its CRC is {crc.value:08x}, "
                f"the archive says {record.crc:08x}",
                hint="fetch the file again; torch.load would not have noticed",
            )
    return Measured(
        pieces=tuple(digest.hex for digest in hashes),
        whole=total.hexdigest() if total is not None else None,
    )


def _sha256() -> Any:
    import hashlib  # loads OpenSSL, which a file that needs no SHA-256 does not wait for

    return hashlib.sha256()


class _Spans(Generic[_T]):
    """Ranges in order of their beginning, asked for window by window."""

    def __init__(self, spans: Iterable[tuple[int, int, _T]]) -> None:
        self.ordered = sorted((s for s in spans if s[0] < s[1]), key=lambda span: span[:2])
        self._next = 0
        self._open: list[tuple[int, int, _T]] = []

    def within(self, begin: int, end: int) -> list[tuple[int, int, _T]]:
        """Return the parts of the spans inside the window; windows must ascend."""
        while self._next < len(self.ordered) and self.ordered[self._next][0] < end:
            self._open.append(self.ordered[self._next])
            self._next += 1
        found = [
            (max(low, begin), min(high, end), item)
            for low, high, item in self._open
            if high > begin
        ]
        self._open = [span for span in self._open if span[1] > end]
        return found


def _windows(size: int, wanted: Sequence[_Spans[Any]] | None) -> Iterator[tuple[int, int]]:
    """Yield the aligned windows of a file that hold something wanted; None wants all."""
    if wanted is None:
        for begin in range(0, size, WINDOW):
            yield begin, min(begin + WINDOW, size)
        return
    done = 0
    for low, high in sorted(span[:2] for spans in wanted for span in spans.ordered):
        first = max(done, low - low % WINDOW)
        for begin in range(first, high, WINDOW):
            # A span past the end gets its window too, so that the read fails by name.
            yield begin, max(min(begin + WINDOW, size), min(begin + WINDOW, high))
            done = begin + WINDOW


def _read_into(source: int, name: str, view: memoryview, offset: int) -> None:
    filled = 0
    while filled < len(view):
        count = os.preadv(source, [view[filled:]], offset + filled)
        if not count:
            raise ConversionError(
                f"{name}: the file ends at byte {offset + filled}, {len(view) - filled} too early",
                hint="the file is truncated or still being written; fetch it again",
            )
        filled += count


def _ring() -> list[memoryview]:
    """Give page-aligned buffers: unaligned ones make the kernel's copy five times slower."""
    memory = mmap.mmap(-1, WINDOW * _WINDOWS, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(AttributeError, OSError):
        # Three faults instead of 1500, some four milliseconds.
        memory.madvise(mmap.MADV_HUGEPAGE)
    area = memoryview(memory)
    return [area[i * WINDOW : (i + 1) * WINDOW] for i in range(_WINDOWS)]


@contextmanager
def created(path: Path, size: int) -> Iterator[int]:
    """Create `path` with `size` bytes set aside; synced to disk when the block ends well.

    Raises:
        ConversionError: there is no room for it, or it exists already.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise ConversionError(
            f"two files would be written to {path.name}", hint="convert them one by one"
        ) from None
    try:
        reserve(descriptor, size)
        yield descriptor
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reserve(descriptor: int, size: int) -> None:
    """Set `size` bytes aside, so that a full disk shows before the work, not in its midst."""
    if not size:
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
        os.ftruncate(descriptor, size)
