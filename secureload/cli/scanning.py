"""What `secureload scan` does, once its command line is read."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secureload.cli.console import counted, exit_code, fail, save, say, version, wants_colour, write
from secureload.cli.policies import load_policy_for_files
from secureload.errors import UsageError
from secureload.progress import progress

if TYPE_CHECKING:
    from scanner import FileResult, Report
    from secureload.policy import Judgement, Policy
    from secureload.policy.compiled import CompiledPolicy
    from secureload.sandbox import Sandbox, Tier

_PARALLEL_FILES = 32
"""From this many files on, starting processes costs less than it saves."""


def scan_paths(
    paths: tuple[str, ...],
    *,
    policy_name: str | None = None,
    format_: str = "text",
    output: Path | None = None,
    severity_threshold: str | None = None,
    ignore_file: Path | None = None,
    baseline: Path | None = None,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    jobs: int = 0,
    digest: bool = False,
    quiet: bool = False,
) -> int:
    """Scan, suppress what was reviewed, judge, print; return the exit code.

    Raises:
        SecureloadError: a path, the policy or an option's file is missing or not valid.
    """
    from scanner import Severity
    from secureload.policy import judge_report

    for path in paths:
        if path != "-" and not os.path.lexists(path):
            raise UsageError(f"{path}: no such file or folder", hint="give paths that exist, or -")
    policy = load_policy_for_files(policy_name)
    with progress(quiet=quiet) as shown:
        done = 0

        def tell(file: FileResult) -> None:
            nonlocal done
            done += 1
            noun = "file" if done == 1 else "files"
            shown(f"{noun} scanned, last {file.path}", done, 0)

        # A waiver is bound to a file's digest, so large files are measured where there is one.
        digest = digest or bool(policy.waivers)
        _get_ready(format_)
        report, tier = _scan(paths, policy, include, exclude, jobs, digest, tell)
    if any(file.findings for file in report):
        from secureload.cli.fingerprints import named

        report = named(report)
    report = _suppress(report, ignore_file, baseline, quiet=quiet)
    if severity_threshold is not None:
        from secureload.cli.suppress import above

        report = above(report, Severity[severity_threshold.upper()])
    judgement = judge_report(report, policy, confined=tier.full, today=policy.today)
    if judgement.waived:
        from secureload.cli.suppress import waived

        report = waived(report, judgement.waived)
        if not quiet:
            say(f"{counted(len(judgement.waived), 'finding')} waived", err=True)
    colour = output is None and wants_colour(sys.stdout)
    text = _render(format_, report, judgement, policy, colour=colour)
    if output is not None:
        save(text, output)
    else:
        write(text)
    if not report.files:
        fail("there was no file to scan", "check the paths, --include and --exclude")
        return 2
    return exit_code(judgement.decision)


def _get_ready(format_: str) -> None:
    """Do what the end will ask for while the worker that was begun gets ready."""
    from scanner import reports, ruleset

    ruleset()
    reports.output(format_)


def _scan(
    paths: tuple[str, ...],
    policy: Policy | CompiledPolicy,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    jobs: int,
    digest: bool,
    tell: Callable[[FileResult], None],
) -> tuple[Report, Tier]:
    """Scan in confined workers; say the loosest tier of them too."""
    from scanner import scan
    from scanner.frozen import replace
    from secureload import sandbox
    from secureload.flow import Source
    from secureload.policy import scan_options

    options = scan_options(policy.topics(Source(kind="local", location="")))
    named = [path for path in paths if path != "-"]
    with sandbox.forked(jobs=jobs or _jobs(named)) as confined:
        report = scan(
            named,
            digest=digest,
            progress=tell,
            include=include,
            exclude=exclude,
            examine=confined.examine,
            **options,
        )
        if len(named) == len(paths):
            return report, confined.tier
        piped = _piped(confined, digest, **options)
    tell(piped)
    files = sorted((*report.files, piped), key=lambda file: file.path)
    return replace(report, files=tuple(files)), confined.tier


def _piped(confined: Sandbox, digest: bool, **options: Any) -> FileResult:
    """Scan what comes through standard input."""
    import shutil
    import tempfile

    from scanner import scan
    from scanner.frozen import replace

    if sys.stdin.name == os.devnull:  # opened by us: whoever started this process closed it
        raise UsageError("standard input is closed", hint="pipe a file in, or name a path")
    with tempfile.NamedTemporaryFile(prefix="secureload-stdin-") as stream:
        try:
            shutil.copyfileobj(sys.stdin.buffer, stream, 1 << 20)
            stream.flush()
        except OSError as error:
            why = error.strerror or str(error)
            raise UsageError(f"cannot take in standard input: {why}") from error
        report = scan([stream.name], digest=digest, examine=confined.examine, **options)
        return replace(report.files[0], path="-")


def _jobs(paths: list[str]) -> int:
    """One process for a few files, else one for each processor this process may use."""

    def files() -> Iterator[str]:
        for path in paths:
            for _, _, names in os.walk(path):
                yield from names

    if len(list(islice(files(), _PARALLEL_FILES))) < _PARALLEL_FILES:
        return 1
    return len(os.sched_getaffinity(0))


def _suppress(
    report: Report, ignore_file: Path | None, baseline: Path | None, *, quiet: bool
) -> Report:
    if ignore_file is None and baseline is None:
        return report
    import datetime as dt

    from secureload.cli.suppress import ignored, known_before

    count = 0
    if baseline is not None:
        before = known_before(report, baseline)
        report, count = before.report, before.count
    if ignore_file is not None:
        today = dt.datetime.now(dt.UTC).date()
        reviewed = ignored(report, ignore_file, today)
        report, count = reviewed.report, count + reviewed.count
        for entry in reviewed.expired:
            fail(f"{ignore_file}: no longer counts, it has expired: {entry}")
    if count and not quiet:
        say(f"{counted(count, 'finding')} suppressed", err=True)
    return report


def _columns() -> int:
    """As `shutil.get_terminal_size`, whose module imports three compressors."""
    with contextlib.suppress(KeyError, ValueError):
        if (told := int(os.environ["COLUMNS"])) > 0:
            return told
    if sys.__stdout__ is not None:
        with contextlib.suppress(ValueError, OSError):
            return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80
    return 80


def _render(
    format_: str,
    report: Report,
    judgement: Judgement,
    policy: Policy | CompiledPolicy,
    *,
    colour: bool,
) -> str:
    from scanner import reports

    pages: dict[str, str] = {}
    if format_ == "sarif":
        from scanner.rules import rules

        pages = {rule.id: rule.page for rule in rules()}
    context = reports.Context(
        verdict=judgement.decision.value,
        policy=policy.id.name,
        policy_digest=policy.id.digest,
        reasons=tuple(str(reason) for reason in judgement.reasons),
        colour=colour,
        width=_columns(),
        version=version() if format_ in ("sarif", "junit") else "0",
        pages=pages,
    )
    return reports.render(report, format_, context)
