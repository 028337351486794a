"""Scan files in confined workers: one result for each, whatever becomes of the worker."""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from scanner import FileResult, Status
from scanner.engine import Options, failed, ruleset
from scanner.frozen import dataclass, replace
from scanner.patterns import pattern
from scanner.walk import Found
from secureload.sandbox.limits import Limits
from secureload.sandbox.typed import learn
from secureload.sandbox.wire import LostError
from secureload.sandbox.worker import Worker, WorkerLostError

_SHA256 = pattern(r"[0-9a-f]{64}")
_RULE = pattern(r"[a-z0-9-]{1,100}")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Busy:
    """A worker with the file it reads, and when it must have spoken."""

    worker: Worker
    item: Found
    size: int
    until: float


def examine(
    found: Sequence[Found],
    options: Options,
    start: Callable[[], Worker],
    limits: Limits,
    *,
    jobs: int = 1,
) -> Iterator[FileResult]:
    """Have files examined by up to `jobs` workers; yield a result for each, in any order.

    A file whose worker is lost is a failed one, and the others go to another worker.
    """
    pending = deque(found)
    free: list[Worker] = []
    busy: dict[int, _Busy] = {}
    lost = 0
    try:
        while pending or busy:
            while pending and len(busy) < jobs:
                if lost >= limits.losses:
                    yield failed(pending.popleft(), "too many confined workers were lost")
                    continue
                item = pending.popleft()
                worker = free.pop() if free else start()
                size = _size(item)
                try:
                    worker.send(item)
                except WorkerLostError as error:
                    lost += 1
                    yield _failed(item, size, error)
                    continue
                until = time.monotonic() + limits.silence(size)
                busy[worker.fileno()] = _Busy(worker=worker, item=item, size=size, until=until)
            ruleset()  # the report will name it; found once, while the workers read,
            learn(FileResult)  # as is how their answers are made
            for one in _spoken(busy):
                try:
                    result = _answer(one)
                except WorkerLostError as error:
                    lost += 1
                    yield _failed(one.item, one.size, error)
                else:
                    free.append(one.worker)
                    yield result
    finally:
        for worker in (*free, *(one.worker for one in busy.values())):
            worker.close()


def _spoken(busy: dict[int, _Busy]) -> list[_Busy]:
    """Wait until a worker has spoken, has gone on too long or has grown; take those out."""
    if not busy:
        return []
    poll = select.poll()
    for descriptor in busy:
        poll.register(descriptor, select.POLLIN)
    ready = {descriptor for descriptor, _ in poll.poll(100)}
    if not ready:
        for descriptor, one in busy.items():
            try:
                one.worker.watch()
            except LostError:
                ready.add(descriptor)
        ready |= {fd for fd, one in busy.items() if time.monotonic() > one.until}
    return [busy.pop(descriptor) for descriptor in sorted(ready)]


def _answer(one: _Busy) -> FileResult:
    worker, item = one.worker, one.item
    result = worker.receive(FileResult, within=max(0.0, one.until - time.monotonic()))
    wrong = _wrong(result, item, one.size)
    if wrong:
        raise worker.give_up(wrong)
    # What could not be opened had no size for the worker.
    return result if result.size == one.size else replace(result, size=one.size)


def _wrong(result: FileResult, item: Found, size: int) -> str:
    """Why a result cannot be what was asked for; empty when it can."""
    if result.path != item.shown:
        return "it spoke of another file than it was asked for"
    if result.size != size and result.status is not Status.FAILED:
        return "it told another size than the file has"
    if result.sha256 is not None and not _SHA256.fullmatch(result.sha256):
        return "it told a digest that is none"
    if not result.format.isprintable() or len(result.format) > 1000:
        return "it told a format that is none"
    if not all(_RULE.fullmatch(finding.rule) for finding in result.findings):
        return "it told of a rule that there is not"
    return ""


def _failed(item: Found, size: int, error: WorkerLostError) -> FileResult:
    why = f"the confined worker that read it was lost: {error.why}"
    return failed(item, why, size=size)


def _size(item: Found) -> int:
    if item.kind != "file":
        return 0
    try:
        return Path(item.path).stat().st_size
    except OSError:
        return 0
