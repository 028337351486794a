"""`secureload cache`: list, show, verify, tidy and remove admissions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from secureload.cli.console import counted, entry_json, printable, say, show_json, show_verdict
from secureload.cli.options import format_option
from secureload.settings import Settings

if TYPE_CHECKING:
    from secureload.cache import TrustedCache

_VERIFY = """Prove that the whole cache is what its ledger says.

Reads every byte of every admitted file and the audit log's chain; `--quick` reads only what
looks different. Exit code 0 when it is sound, 1 when it is not.
"""

_GC = """Remove what no admission needs: content, and the remains of crashed processes."""

_RM = """Remove an admission; its content goes with the next `secureload cache gc`.

ID is the beginning of an admission's id, as `secureload cache list` prints it.
"""


@click.group("cache", help="Look after the trusted cache.")
def command() -> None:
    """Collect the verbs about the cache."""


@command.command("list")
@format_option("text", "json")
def list_(format_: str) -> None:
    """List every admitted model, oldest first."""
    entries = _cache().entries()
    if format_ == "json":
        show_json(
            {"schema": "secureload.cache/1", "admissions": [entry_json(entry) for entry in entries]}
        )
        return
    for entry in entries:
        size = sum(file.size for file in entry.files)
        source = printable(f"{entry.source.kind}:{entry.source.location}")
        say(f"{entry.admission[:12]}  {entry.commit[:18]:<18}  {size:>15,}  {source}")
    if not entries:
        say("the cache is empty", err=True)


@command.command("show")
@click.argument("admission", metavar="ID")
@format_option("text", "json")
def show(admission: str, format_: str) -> None:
    """Show one admission: what was decided, its files, how they were made."""
    entry = _cache().entry(admission)
    if format_ == "json":
        show_json({"schema": "secureload.admission/1", **entry_json(entry)})
        return
    show_verdict(entry.verdict)
    say(f"  admission {entry.admission}")
    say(f"  {printable(str(entry.path))}")
    for file in entry.files:
        say(f"  {file.sha256}  {file.size:>15,}  {printable(file.path)}")
    for conversion in entry.conversions:
        made = f"{', '.join(conversion.inputs)} -> {', '.join(conversion.outputs)}"
        tensors = counted(len(conversion.tensors), "tensor")
        say(f"  {conversion.converter}: {printable(made)}, {tensors}")
        for note in conversion.notes:
            say(f"    {printable(note)}")


@command.command("verify", help=_VERIFY)
@click.option("--quick", is_flag=True, help="Read only what looks different on disk.")
@format_option("text", "json")
def verify(quick: bool, format_: str) -> int:
    """Compare the cache with its ledger."""
    problems = _cache().verify(deep=not quick)
    if format_ == "json":
        listed = [{"subject": problem.subject, "message": problem.message} for problem in problems]
        show_json({"schema": "secureload.cache-check/1", "sound": not problems, "problems": listed})
    else:
        for problem in problems:
            say(f"{click.style('unsound', fg='red', bold=True)}  {printable(str(problem))}")
        if not problems:
            say(f"{click.style('sound', fg='green', bold=True)}  {_cache().layout.home}")
    return 1 if problems else 0


@command.command("gc", help=_GC)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@format_option("text", "json")
def gc(dry_run: bool, format_: str) -> None:
    """Remove what no admission needs."""
    cache = _cache()
    if dry_run:
        paths, size = tuple(cache.leftovers()), None
    else:
        collected = cache.collect_garbage()
        paths, size = collected.paths, collected.bytes
    if format_ == "json":
        removed = [str(path) for path in paths]
        show_json(
            {"schema": "secureload.cache-gc/1", "dryRun": dry_run, "paths": removed, "bytes": size}
        )
        return
    for path in paths:
        say(printable(str(path)))
    freed = "" if size is None else f", {size:,} bytes freed"
    say(f"{len(paths)} {'to remove' if dry_run else 'removed'}{freed}", err=True)


@command.command("rm", help=_RM)
@click.argument("admission", metavar="ID")
@format_option("text", "json")
def rm(admission: str, format_: str) -> None:
    """Remove one admission."""
    removed = _cache().remove(admission)
    if format_ == "json":
        show_json({"schema": "secureload.cache-rm/1", "removed": removed})
    else:
        say(f"removed {removed}")


def _cache() -> TrustedCache:
    from secureload.cache import TrustedCache

    return TrustedCache.of(Settings.from_environment())
