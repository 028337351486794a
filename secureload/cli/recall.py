"""`secureload recall`: take back what was admitted, and say who has it."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click
import msgspec

from secureload.cli.console import printable, say, show_json
from secureload.cli.options import format_option
from secureload.errors import UsageError
from secureload.settings import Settings

if TYPE_CHECKING:
    from secureload.cache.recall import Recalled
    from secureload.ledger.records import RecallRecord

_HELP = """Take back every admission of a model or file, and refuse it from now on.

\b
Examples:
  secureload recall 3f9c2a71d0e4 --reason "SEC-118: backdoor in the tokenizer"
  secureload recall org/model@<40 hex digits> --reason "SEC-118"
  secureload recall sha256:<64 hex digits> --reason "SEC-118"
  secureload recall --list
  secureload recall --lift <recall id>

Prints each load on record of what was taken back. A recall by admission or commit holds for
that commit under every policy; one by digest for every commit with that file in it.
"""


@click.command("recall", help=_HELP)
@click.argument("subject", required=False, metavar="[ADMISSION|REF@COMMIT|DIGEST]")
@click.option("--reason", metavar="TEXT", help="Why; clients are shown it.")
@click.option("--by", metavar="NAME", help="Who recalls. [this account]")
@click.option("--list", "listing", is_flag=True, help="List all recalls.")
@click.option("--lift", metavar="ID", help="End a recall.")
@format_option("text", "json")
def command(
    subject: str | None,
    reason: str | None,
    by: str | None,
    listing: bool,
    lift: str | None,
    format_: str,
) -> int:
    """Recall, list recalls, or lift one."""
    from secureload.cache import TrustedCache

    if sum([subject is not None, listing, lift is not None]) != 1:
        raise UsageError("give one of a subject, --list and --lift")
    cache = TrustedCache.of(Settings.from_environment())
    if listing:
        return _show_list(cache.recalls(), format_)
    if lift is not None:
        return _show_list((cache.lift(lift, by=by or _account()),), format_)
    if not reason or not reason.strip() or not reason.isprintable():
        raise UsageError("a recall needs a reason", hint="give --reason TEXT, in one line")
    assert subject is not None
    _show(cache.recall(subject, reason=reason, by=by or _account()), format_)
    return 0


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _show(recalled: Recalled, format_: str) -> None:
    if format_ == "json":
        show_json({"schema": "secureload.recall/1", **msgspec.to_builtins(recalled)})
        return
    say(f"recalled {printable(recalled.subject)}")
    for admission in recalled.admissions:
        say(f"  revoked  {admission}")
    for load in recalled.loads:
        what = " ".join(filter(None, (load.library, load.class_name, load.device)))
        who = f"  {printable(load.client)}" if load.client else ""
        say(f"  loaded   {load.loaded_at}  {load.admission[:12]}  {printable(what)}{who}")
    if not recalled.loads:
        say("  no load of it is on record")


def _show_list(records: tuple[RecallRecord, ...], format_: str) -> int:
    if format_ == "json":
        show_json({"schema": "secureload.recalls/1", "recalls": msgspec.to_builtins(records)})
        return 0
    for record in records:
        lifted = f"  lifted {record.lifted_at} by {record.lifted_by}" if record.lifted_at else ""
        say(
            f"{record.id}  {record.recalled_at}  {printable(record.subject)}  "
            f"{printable(record.reason)} ({printable(record.recalled_by)}){lifted}"
        )
    return 0
