"""`secureload audit`: verify and export the hash-chained log of what was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from secureload.cli.console import printable, say, show_json, write
from secureload.cli.options import format_option
from secureload.errors import UsageError
from secureload.settings import Settings

if TYPE_CHECKING:
    from secureload.cache import AuditLog

_VERIFY = """Check that no row of the audit log was edited, removed, added or reordered.

\b
Examples:
  secureload audit verify
  secureload audit verify --checkpoint 812:9f86d081884c7d65...

Rows cut off the end are found against a checkpoint alone: keep the one that this prints
somewhere else. Exit code 0 when the log is whole, 1 when it is not.
"""

_EXPORT = """Print the audit log as JSON lines, oldest first, for other systems to keep.

\b
Example:
  secureload audit export >> /var/log/secureload.jsonl
"""


@click.group("audit", help="Verify and export the audit log.")
def command() -> None:
    """Collect the verbs about the audit log."""


@command.command("verify", help=_VERIFY)
@click.option("--checkpoint", metavar="COUNT:DIGEST", help="What an earlier verify printed.")
@format_option("text", "json")
def verify(checkpoint: str | None, format_: str) -> int:
    """Check the chain."""
    count, head = _checkpoint(checkpoint) if checkpoint is not None else (None, None)
    log = _log()
    problems = log.verify(count=count, head=head)
    now = log.checkpoint()
    if format_ == "json":
        show_json(
            {
                "schema": "secureload.audit-check/1",
                "whole": not problems,
                "problems": problems,
                "checkpoint": {"count": now.count, "head": now.head},
            }
        )
    else:
        for problem in problems:
            say(f"{click.style('broken', fg='red', bold=True)}  {printable(problem)}")
        if not problems:
            say(f"{click.style('whole', fg='green', bold=True)}  {now.count} rows")
            say(f"checkpoint {now.count}:{now.head}")
    return 1 if problems else 0


@command.command("export", help=_EXPORT)
def export() -> None:
    """Print every row."""
    for line in _log().export():
        write(f"{line}\n")


def _log() -> AuditLog:
    from secureload.cache import TrustedCache

    return TrustedCache(Settings.from_environment().home).audit


def _checkpoint(text: str) -> tuple[int, str]:
    count, _, head = text.partition(":")
    if not count.isdecimal() or len(head) != 64 or not set(head) <= set("0123456789abcdef"):
        raise UsageError(
            f"`{text}` is no checkpoint", hint="give COUNT:DIGEST as `audit verify` prints it"
        )
    return int(count), head
