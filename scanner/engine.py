"""Scan files and folders: walk, read what each file holds, apply the rules, report.

Every file that is met is reported once, in a stable order. Only plain files are opened, and
never through a symbolic link found on the way.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

from scanner import contents, promises
from scanner.facts import Fact, MemberFact, ProblemFact
from scanner.findings import Where
from scanner.frozen import dataclass
from scanner.limits import LIMITS, Limits
from scanner.merge import merged
from scanner.names import hides, windows_problem
from scanner.reader import Blob, Budget, FileBytes
from scanner.report import FileResult, Report, Status
from scanner.walk import Beside, Found, kind_of, matches, unique, walk

if TYPE_CHECKING:
    from pathlib import Path

Progress = Callable[[FileResult], None]

_HASHED = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How to scan.

    `second` says when the second reading of a pickle is taken: `auto` (where it can change
    the verdict), `always` or `never`.
    """

    profiles: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    limits: Limits = LIMITS
    digest: bool = False
    second: str = "never"


Examine = Callable[[Sequence[Found], Options], Iterable[FileResult]]
"""Examines files elsewhere, such as in a confined process; one result for each, in any order."""


def scan(
    paths: Sequence[Path | str] | Path | str,
    *,
    profiles: Sequence[str] | None = None,
    allow: Sequence[str] = (),
    limits: Limits = LIMITS,
    digest: bool = False,
    second: str | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    examine: Examine | None = None,
) -> Report:
    """Scan files and folders, or a single one; each file appears once, relative to its argument.

    `profiles` names the allowlist profiles to judge pickles by (none: those in force by
    default), `allow` adds dotted globals to them. `digest` asks for the SHA-256 of files
    larger than `limits.digest_bytes` too. `jobs` processes work at once. `include` and
    `exclude` are globs over relative paths. `second` says when the second reading of a
    pickle is taken: `auto`, `always` or `never`; by default `auto` where `examine` reads the
    files in the place of this process, and never in it, because its code is a stranger's.
    """
    options = Options(
        profiles=tuple(profiles or ()),
        allow=tuple(allow),
        limits=limits,
        digest=digest,
        second=second or ("never" if examine is None else "auto"),
    )
    if isinstance(paths, str | os.PathLike):
        paths = [paths]  # text is a sequence too, whose items are `/` and letters
    found = [
        item
        for item in unique(walk(paths))
        if (not include or matches(item.shown, include)) and not matches(item.shown, exclude)
    ]
    results: list[FileResult] = []
    examined = _results(found, options, jobs) if examine is None else examine(found, options)
    for result in examined:
        results.append(result)
        if progress is not None:
            progress(result)
    results.sort(key=lambda result: result.path)
    return Report(files=tuple(results), ruleset=ruleset())


def scan_file(
    path: Path | str,
    *,
    name: str | None = None,
    profiles: Sequence[str] | None = None,
    allow: Sequence[str] = (),
    limits: Limits = LIMITS,
    digest: bool = False,
    second: str | None = None,
) -> FileResult:
    """Scan one file in this process, reported as `name` (default: its base name)."""
    options = Options(
        profiles=tuple(profiles or ()),
        allow=tuple(allow),
        limits=limits,
        digest=digest,
        second=second or "never",
    )
    text = os.fspath(path)
    shown = name or os.path.basename(text)  # noqa: PTH119
    return examine(Found(shown, text, kind_of(text, follow=True)), options)


def scan_bytes(data: bytes, *, name: str = "-", options: Options | None = None) -> FileResult:
    """Scan bytes that lie in memory, such as what came through standard input."""
    return _result(name, memoryview(data), options or Options(), None)


@cache
def ruleset() -> str:
    """Identify rules, allowlists and readers together: a SHA-256 over this package's source."""
    import hashlib

    digest = hashlib.sha256()
    for name, path in sorted(_sources(os.path.dirname(__file__))):  # noqa: PTH120
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  some eighty files, each run
            digest.update(name.encode() + b"\0" + hashlib.sha256(file.read()).digest())
    return f"sha256:{digest.hexdigest()}"


def _sources(folder: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Names, relative and with slashes, and paths of the files that the ruleset is made of."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((".py", ".yaml", ".json")):
                yield prefix + entry.name, entry.path
            elif entry.is_dir() and entry.name != "__pycache__":
                yield from _sources(entry.path, f"{prefix}{entry.name}/")


def prepare(*, common: bool = False) -> None:
    """Import every reader, rule and allowlist now, not when a file needs it.

    `common` leaves out the readers that only text, or a file with their first bytes, needs, and
    the profiles of what is rarely met.
    """
    from scanner.formats import candidates, formats
    from scanner.pickles.allowlist import default_allowlist
    from scanner.rules import rules

    rules()
    names = default_allowlist()
    if common:
        candidates(b"", text=False)
    else:
        formats()
        len(names)  # which reads every profile


def failed(found: Found, why: str, *, size: int = 0) -> FileResult:
    """The result of a file that could not be examined."""
    return _unreadable(found.shown, OSError(0, why), LIMITS, size)


def _results(found: list[Found], options: Options, jobs: int) -> Iterator[FileResult]:
    if jobs <= 1 or len(found) < 2:
        yield from (examine(item, options) for item in found)
        return

    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(min(jobs, len(found))) as pool:
        yield from pool.map(partial(examine, options=options), found, chunksize=4)


def examine(item: Found, options: Options) -> FileResult:
    """Examine one file that a walk met, in this process."""
    if item.kind not in ("file", "unreadable"):
        fact = ProblemFact(
            where=Where(),
            kind="special-file",
            message=f"a {item.kind} where a plain file should be; it was not opened",
        )
        return _tell(item.shown, item.kind, 0, None, Status.UNRECOGNISED, [fact], options.limits)
    try:
        # A symlink given as the argument is followed; one met on the way never gets here.
        fd = os.open(item.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return _unreadable(item.shown, error, options.limits)
    try:
        state = os.fstat(fd)
        if not stat.S_ISREG(state.st_mode):
            return _unreadable(item.shown, OSError(0, "no plain file"), options.limits)
        try:
            held = FileBytes(fd, state.st_size)
        except (OSError, ValueError) as error:
            return _unreadable(item.shown, error, options.limits)
        try:
            folder = os.path.dirname(item.path)  # noqa: PTH120
            return _result(item.shown, held.view, options, folder)
        finally:
            held.close()
    finally:
        os.close(fd)


def _unreadable(shown: str, error: Exception, limits: Limits, size: int = 0) -> FileResult:
    why = getattr(error, "strerror", None) or str(error)
    fact = ProblemFact(
        where=Where(), kind="unreadable", message=f"the file cannot be read: {why}", fatal=True
    )
    return _tell(shown, "unknown", size, None, Status.FAILED, [fact], limits)


def _result(shown: str, view: memoryview, options: Options, folder: str | None) -> FileResult:
    limits = options.limits
    sha256 = None
    if options.digest or len(view) <= limits.digest_bytes:
        import hashlib  # its libraries cost more than a scan without a digest

        hashing = hashlib.sha256()
        for start in range(0, len(view), _HASHED):
            hashing.update(view[start : start + _HASHED])
        sha256 = hashing.hexdigest()
    blob = Blob(
        data=view,
        name=shown.rpartition("/")[2],
        path=shown,
        limits=limits,
        budget=Budget(limits, len(view)),
        profiles=options.profiles,
        allow=options.allow,
        second=options.second,
        siblings=None if folder is None else Beside(folder),
    )
    facts: list[Fact] = []
    facts.append(
        MemberFact(
            where=Where(), name=blob.name, kind="file", size=len(view), compressed_size=len(view)
        )
    )
    facts.extend(_name_facts(blob))
    labels = contents.read(blob, facts)
    status = Status.EXAMINED if labels else Status.UNRECOGNISED
    if not labels:
        facts.append(blob.problem("unrecognised", promises.unknown(blob)))
    facts.extend(promises.problems(blob, labels))
    if any(isinstance(fact, ProblemFact) and fact.fatal for fact in facts):
        status = Status.FAILED
    label = "+".join(dict.fromkeys(labels)) or "unknown"
    return _tell(shown, label, len(view), sha256, status, facts, limits)


def _name_facts(blob: Blob) -> Iterator[ProblemFact]:
    dots = any(part.rstrip(".") != part for part in blob.path.split("/"))
    if hides(blob.path) or dots or "\\" in blob.path:
        yield blob.problem("odd-name", "the file's name does not show as it is stored")
    elif (problem := windows_problem(blob.path)) is not None:
        yield blob.problem("odd-name", problem)


def _tell(
    shown: str,
    label: str,
    size: int,
    sha256: str | None,
    status: Status,
    facts: list[Fact],
    limits: Limits,
) -> FileResult:
    return FileResult(
        path=shown,
        format=label,
        size=size,
        sha256=sha256,
        status=status,
        findings=tuple(merged(facts, limits)),
    )
