"""Walk, recognise by content, read, apply rules; archives recurse to a bounded depth.

Every file that is met is reported once, in a stable order. Only plain files are opened, and
never through a symbolic link found on the way.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING

from scanner.facts import Fact, MemberFact, ProblemFact
from scanner.findings import Severity, Where
from scanner.formats import recognised
from scanner.frozen import dataclass, replace
from scanner.limits import LIMITS, Limits
from scanner.merge import merged
from scanner.reader import Blob, Budget, FileBytes
from scanner.report import FileResult, Report, Status
from scanner.rules import judge

if TYPE_CHECKING:
    from pathlib import Path

Progress = Callable[[FileResult], None]

_HASHED = 1 << 20
_MOST_BESIDE = 5_000


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


@dataclass(frozen=True, slots=True)
class Found:
    """A path that the walk met: its name in the report, where it lies, what it is."""

    shown: str
    path: str
    kind: str


Examine = Callable[[Sequence[Found], Options], Iterable[FileResult]]
"""Examines files elsewhere, such as in a confined process; one result for each, in any order."""


def scan(
    paths: Sequence[Path | str],
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
    """Scan files and folders; every file met appears once, relative to its argument.

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
    found = [
        item
        for item in _unique(_walk(paths))
        if (not include or _matches(item.shown, include)) and not _matches(item.shown, exclude)
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
    return examine(Found(shown, text, _kind(text, follow=True)), options)


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


# Walking


def _walk(paths: Sequence[Path | str]) -> Iterator[Found]:
    for given in paths:
        text = os.fspath(given)
        kind = _kind(text, follow=True)
        if kind == "directory":
            yield from _below(text)
        else:
            name = os.path.basename(os.path.abspath(text)) or text  # noqa: PTH100, PTH119
            yield Found(name, text, kind)


def _below(top: str) -> Iterator[Found]:
    pending = [("", top)]
    while pending:
        prefix, folder = pending.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            yield Found(prefix.rstrip("/") or os.path.basename(top), folder, "unreadable")  # noqa: PTH119
            continue
        for entry in entries:
            shown = prefix + entry.name
            if entry.is_symlink():
                yield Found(shown, entry.path, "symlink")
            elif entry.is_dir(follow_symlinks=False):
                pending.append((shown + "/", entry.path))
            else:
                yield Found(shown, entry.path, _kind(entry.path, follow=False))


def _kind(path: str, follow: bool) -> str:
    try:
        mode = os.stat(path, follow_symlinks=follow).st_mode  # noqa: PTH116
    except OSError:
        return "unreadable"
    for test, kind in (
        (stat.S_ISREG, "file"),
        (stat.S_ISDIR, "directory"),
        (stat.S_ISLNK, "symlink"),
        (stat.S_ISFIFO, "fifo"),
        (stat.S_ISSOCK, "socket"),
    ):
        if test(mode):
            return kind
    return "device"


def _unique(found: Iterator[Found]) -> Iterator[Found]:
    seen: set[str] = set()
    shown: set[str] = set()
    for item in found:
        real = os.path.abspath(item.path)  # noqa: PTH100
        if real in seen:
            continue
        seen.add(real)
        # Two arguments may hold files of one relative name; the later is told in full.
        name = item.shown if item.shown not in shown else item.path
        shown.add(name)
        yield replace(item, shown=name)


def _matches(path: str, globs: Sequence[str]) -> bool:
    base = path.rpartition("/")[2]
    return any(fnmatch.fnmatchcase(path, glob) or fnmatch.fnmatchcase(base, glob) for glob in globs)


# One file


def prepare(*, common: bool = False) -> None:
    """Import every reader, rule and allowlist now, not when a file needs it.

    `common` leaves out the readers that only a file with their first bytes needs.
    """
    from scanner.formats import candidates, formats
    from scanner.pickles.allowlist import default_allowlist
    from scanner.rules import rules

    if common:
        candidates(b"", text=True)
    else:
        formats()
    rules()
    default_allowlist()


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
        siblings=None if folder is None else _Beside(folder),
    )
    facts: list[Fact] = []
    facts.append(
        MemberFact(
            where=Where(), name=blob.name, kind="file", size=len(view), compressed_size=len(view)
        )
    )
    facts.extend(_name_facts(blob))
    labels = _read(blob, facts)
    status = Status.EXAMINED if labels else Status.UNRECOGNISED
    if not labels:
        facts.append(
            blob.problem("unrecognised", "no known format; nothing tells what would read this")
        )
    if any(isinstance(fact, ProblemFact) and fact.fatal for fact in facts):
        status = Status.FAILED
    label = "+".join(dict.fromkeys(labels)) or "unknown"
    return _tell(shown, label, len(view), sha256, status, facts, limits)


class _Beside:
    """The plain files in a folder; links are not followed."""

    def __init__(self, folder: str) -> None:
        self._folder = folder or "."

    def names(self) -> list[str]:
        """All of them in order; none when there are more than anyone keeps beside a model."""
        try:
            with os.scandir(self._folder) as entries:
                found = [entry.name for entry in islice(entries, _MOST_BESIDE + 1)]
        except OSError:
            return []
        return sorted(found) if len(found) <= _MOST_BESIDE else []

    def read(self, name: str, most: int) -> bytes | None:
        """The whole of one, None when it is too long or cannot be read."""
        path = os.path.join(self._folder, name)  # noqa: PTH118
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            with open(fd, "rb", buffering=0) as file:  # noqa: PTH123
                state = os.fstat(fd)
                if not stat.S_ISREG(state.st_mode) or state.st_size > most:
                    return None
                return file.read(most)
        except OSError:
            return None


def _name_facts(blob: Blob) -> Iterator[ProblemFact]:
    if blob.path.isascii():
        odd = not blob.path.isprintable()
    else:
        import unicodedata

        # Joiners belong to some scripts and to emoji; other format characters only hide.
        odd = any(
            unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
            for char in blob.path
            if char not in "\u200c\u200d"
        )
    ends = any(part != part.strip() or part.rstrip(".") != part for part in blob.path.split("/"))
    if odd or ends or "\\" in blob.path:
        yield blob.problem("odd-name", "the file's name does not show as it is stored")


def _read(top: Blob, facts: list[Fact]) -> list[str]:
    """Read a blob and all blobs inside it; return the names of the formats of the outermost."""
    labels: list[str] = []
    stack: list[tuple[Blob, Iterator[Fact | Blob]]] = []
    most = top.limits.findings * 100
    try:
        for form in recognised(top):
            if not form.aspect:
                labels.append(form.label(top) if form.label else form.name)
            stack.append((top, form.read(top)))
    except Exception as error:
        facts.append(_stumbled(top, error))
    if len(labels) > 1:
        facts.append(
            top.problem("polyglot", f"several formats in one file: {', '.join(sorted(labels))}")
        )
    while stack:
        blob, reading = stack[-1]
        try:
            item = next(reading, None)
        except Exception as error:
            # A reader that stumbles has not read its file: that is an answer, not a crash.
            facts.append(_stumbled(blob, error))
            stack.pop()
            continue
        if item is None:
            stack.pop()
        elif isinstance(item, Blob):
            try:
                stack.extend(_enter(item, facts))
            except Exception as error:
                facts.append(_stumbled(item, error))
        else:
            _note(top, facts, item, most)
    return labels


def _stumbled(blob: Blob, error: Exception) -> ProblemFact:
    message = f"reading stopped at {type(error).__name__}: {str(error)[:200]}"
    return blob.problem("damaged", message, fatal=True)


def _note(top: Blob, facts: list[Fact], fact: Fact, most: int) -> None:
    """Keep a fact that a rule speaks of; past `most` of them, only what is critical.

    A file with so many has not been told to its end, which is an error of its own.
    """
    worst = max((finding.severity for finding in judge((fact,))), default=None)
    fatal = isinstance(fact, ProblemFact) and fact.fatal
    if worst is None and not fatal:
        return
    if len(facts) < most:
        facts.append(fact)
    elif len(facts) == most:
        facts.append(top.problem("limit-reached", "more findings than the limit", fatal=True))
    if worst is Severity.CRITICAL and most < len(facts) < most * 2:
        facts.append(fact)


def _enter(blob: Blob, facts: list[Fact]) -> Iterator[tuple[Blob, Iterator[Fact | Blob]]]:
    if not len(blob.data):
        return
    most = blob.limits.findings * 100
    if blob.depth > blob.limits.archive_depth:
        facts.append(
            blob.problem("limit-reached", "archives nest deeper than the limit", fatal=True)
        )
        return
    if not blob.budget.enter(len(blob.data)):
        said = "members hold the same bytes more often than archives may nest"
        _note(blob, facts, blob.problem("limit-reached", said, fatal=True), most)
        return
    known = recognised(blob)
    if not known and blob.hint != "raw":
        _note(blob, facts, blob.problem("unrecognised", "a member of no known format"), most)
    whole = [form for form in known if not form.aspect]
    if len(whole) > 1:
        names = ", ".join(sorted(form.name for form in whole))
        facts.append(blob.problem("polyglot", f"several formats in one member: {names}"))
    for form in known:
        yield blob, form.read(blob)


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
