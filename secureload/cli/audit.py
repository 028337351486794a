"""`secureload audit`: verify, checkpoint and export the hash-chained log of what was decided."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from secureload.cli.console import counted, printable, save, say, show_json, write
from secureload.cli.options import format_option, trust_root_option
from secureload.errors import EvidenceError, UsageError
from secureload.settings import Settings

if TYPE_CHECKING:
    from secureload.cache import AuditLog

_MAX_CHECKPOINT_BYTES = 100_000
"""Largest checkpoint read; one has some four hundred bytes."""

_VERIFY = """Check that no row of the audit log was edited, removed, added or reordered.

\b
Examples:
  secureload audit verify
  secureload audit verify --checkpoint 812:9f86d081884c7d65...
  secureload audit verify --checkpoint /mnt/worm/2026-11-27.json

Rows cut off the end are found against a checkpoint alone: keep the one that this prints, or
better a signed one (`secureload audit checkpoint`), somewhere else. A signed one must be of
this installation's operator key, or of a verifier in a --trust-root. Exit code 0 when the log
is whole, 1 when it is not.
"""

_CHECKPOINT = """Sign how long the audit log is and how it ends, to be kept somewhere else.

\b
Example:
  secureload audit checkpoint --output /mnt/worm/$(date -I).json
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
@click.option(
    "--checkpoint", metavar="COUNT:DIGEST|FILE", help="What was kept of an earlier moment."
)
@trust_root_option
@format_option("text", "json")
def verify(checkpoint: str | None, trust_roots: tuple[Path, ...], format_: str) -> int:
    """Check the chain."""
    count, head = None, None
    if checkpoint is not None:
        count, head = _checkpoint(checkpoint, trust_roots)
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
            say(f"{click.style('whole', fg='green', bold=True)}  {counted(now.count, 'row')}")
            say(f"checkpoint {now.count}:{now.head}")
    return 1 if problems else 0


@command.command("checkpoint", help=_CHECKPOINT)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it to FILE, whole or not at all.",
)
def checkpoint(output: Path | None) -> int:
    """Sign a checkpoint of a log that is whole."""
    from secureload.evidence import checkpoint as checkpoints
    from secureload.evidence import operator

    home = Settings.from_environment().home
    key = operator.configured(home)
    if key is None:
        raise EvidenceError(
            "there is no operator key to sign a checkpoint with",
            hint="`secureload init` makes one; `secureload audit verify` prints an unsigned one",
        )
    log = _log()
    problems = log.verify()
    if problems:
        for problem in problems:
            say(f"{click.style('broken', fg='red', bold=True)}  {printable(problem)}", err=True)
        return 1
    now = log.checkpoint()
    signed = checkpoints.make(
        now.count, now.head, operator.load(key), at=dt.datetime.now(dt.UTC)
    ).decode("ascii")
    if output is None:
        write(f"{signed}\n")
        return 0
    save(f"{signed}\n", output)
    say(f"{printable(str(output))}: {counted(now.count, 'row')}", err=True)
    return 0


@command.command("export", help=_EXPORT)
def export() -> None:
    """Print every row."""
    for line in _log().export():
        write(f"{line}\n")


def _log() -> AuditLog:
    from secureload.cache import TrustedCache

    return TrustedCache.of(Settings.from_environment()).audit


def _checkpoint(text: str, trust_roots: tuple[Path, ...]) -> tuple[int, str]:
    path = Path(text)
    if ":" not in text or path.is_file():
        return _signed(path, trust_roots)
    count, _, head = text.partition(":")
    if not count.isdecimal() or len(head) != 64 or not set(head) <= set("0123456789abcdef"):
        raise UsageError(
            f"`{text}` is no checkpoint", hint="give COUNT:DIGEST as `audit verify` prints it"
        )
    return int(count), head


def _signed(path: Path, trust_roots: tuple[Path, ...]) -> tuple[int, str]:
    from secureload.evidence import checkpoint as checkpoints
    from secureload.evidence import operator
    from secureload.signatures import TrustRoots

    keys = [key.material for key in TrustRoots.load(trust_roots).of("verifier")]
    own = operator.configured(Settings.from_environment().home)
    if own is not None and own.exists():
        keys.append(operator.load(own).public)
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_CHECKPOINT_BYTES)
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror or error}",
            hint="give COUNT:DIGEST, or a file that `secureload audit checkpoint` wrote",
        ) from error
    said = checkpoints.read(data, keys)
    return said.count, said.head
