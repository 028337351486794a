"""`secureload token`: who may ask the service for what."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click
import msgspec

from secureload.cli.console import printable, say, show_json
from secureload.cli.options import format_option
from secureload.errors import NotFoundError, UsageError
from secureload.settings import Settings

if TYPE_CHECKING:
    from secureload.ledger.database import Database

_ROLES = ("reader", "requester", "reviewer", "admin", "auditor")

_CREATE = """Make a token and print it; it is shown this once.

\b
Examples:
  secureload token create ci --role requester --days 90
  secureload token create alice --role reader --role reviewer

Only its SHA-256 is kept. Clients send it as HF_TOKEN, the command line as SECURELOAD_TOKEN.
"""


@click.group("token", help="Make, list and revoke tokens of the service.")
def command() -> None:
    """Collect the verbs about tokens."""


@command.command("create", help=_CREATE)
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(_ROLES))
@click.option("--days", type=click.IntRange(1, 3_650), help="How long it is good. [for ever]")
@format_option("text", "json")
def create(name: str, roles: tuple[str, ...], days: int | None, format_: str) -> int:
    """Make one."""
    from secureload.ledger import tokens

    if not name.isprintable() or " " in name or not 0 < len(name) <= 100:
        raise UsageError(f"`{name}` is no name for a token", hint="give one word")
    now = datetime.now(UTC)
    expires = _iso(now + timedelta(days=days)) if days else None
    with _ledger().write() as session:
        record, text = tokens.create(
            session, name, set(roles), by=getpass.getuser(), at=_iso(now), expires=expires
        )
    if format_ == "json":
        plain = msgspec.to_builtins(record)
        show_json({"schema": "secureload.token/1", **plain, "token": text})
    else:
        say(text)
    return 0


@command.command("list")
@format_option("text", "json")
def list_(format_: str) -> int:
    """List all tokens, revoked ones too; their texts are not kept."""
    from secureload.ledger import tokens

    with _ledger().read() as session:
        found = tokens.every(session)
    if format_ == "json":
        show_json({"schema": "secureload.tokens/1", "tokens": msgspec.to_builtins(found)})
        return 0
    for token in found:
        until = f"  until {token.expires_at[:10]}" if token.expires_at else ""
        gone = f"  revoked {token.revoked_at}" if token.revoked_at else ""
        say(f"{token.id}  {printable(token.name)}  {', '.join(token.roles)}{until}{gone}")
    return 0


@command.command("revoke")
@click.argument("token_id", metavar="ID")
def revoke(token_id: str) -> int:
    """End a token; the service forgets it within a second."""
    from secureload.ledger import tokens

    with _ledger().write() as session:
        record = tokens.revoke(session, token_id, by=getpass.getuser(), at=_iso(datetime.now(UTC)))
    if record is None:
        raise NotFoundError(
            f"no token `{token_id}` is there to revoke", hint="`secureload token list` shows them"
        )
    say(f"revoked {printable(record.name)}")
    return 0


def _ledger() -> Database:
    from secureload.cache.layout import Layout
    from secureload.ledger.database import Database

    settings = Settings.from_environment()
    layout = Layout(settings.home)
    layout.create()
    return Database(layout.database, layout.locks / "ledger.lock", settings.database)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
