"""`secureload rules`: the scanner's rules and their pages."""

from __future__ import annotations

import difflib

import click

from secureload.cli.console import say, show_json, write
from secureload.cli.options import format_option
from secureload.errors import UsageError

_LIST = """List every rule with its severity: one line each.

\b
Examples:
  secureload rules list
  secureload rules list --format json
"""

_SHOW = """Print a rule's page: why it matters, what it fires on, what to do.

\b
Example:
  secureload rules show unlisted-global
"""

_COLOURS = {"critical": "red", "high": "red", "medium": "yellow", "low": "cyan", "info": "white"}


@click.group("rules", help="List the scanner's rules and read their pages.")
def command() -> None:
    """Collect the verbs about rules."""


@command.command("list", help=_LIST)
@format_option("text", "json")
def list_(format_: str) -> None:
    """Print every rule."""
    from scanner.rules import rules

    known = rules()
    if format_ == "json":
        described = [
            {
                "id": rule.id,
                "severity": str(rule.severity),
                "confidence": str(rule.confidence),
                "summary": rule.page.splitlines()[0],
            }
            for rule in known
        ]
        show_json({"schema": "secureload.rules/1", "rules": described})
        return
    width = max((len(rule.id) for rule in known), default=0)
    for rule in known:
        severity = str(rule.severity)
        shown = click.style(f"{severity:<8}", fg=_COLOURS[severity])
        say(f"{rule.id:<{width}}  {shown}  {rule.page.splitlines()[0]}")


@command.command("show", help=_SHOW)
@click.argument("rule_id", metavar="ID")
@format_option("text", "json")
def show(rule_id: str, format_: str) -> None:
    """Print one rule's page."""
    from scanner.rules import rule, rules

    found = rule(rule_id)
    if found is None:
        close = difflib.get_close_matches(rule_id, [known.id for known in rules()], n=1)
        hint = f"did you mean `{close[0]}`? " if close else ""
        raise UsageError(
            f"there is no rule `{rule_id}`", hint=f"{hint}`secureload rules list` lists them"
        )
    if format_ == "json":
        show_json(
            {
                "schema": "secureload.rule/1",
                "id": found.id,
                "severity": str(found.severity),
                "confidence": str(found.confidence),
                "page": found.page,
            }
        )
        return
    write(f"{found.id} ({found.severity}, {found.confidence} confidence)\n\n{found.page}")
