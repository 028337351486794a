"""`secureload waiver`: write, list and check waivers of findings."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from secureload.cli.console import counted, printable, save, say, show_json, write
from secureload.cli.options import format_option, policy_option
from secureload.cli.policies import load_policy
from secureload.errors import NotFoundError, UsageError
from secureload.settings import Settings

if TYPE_CHECKING:
    from scanner import FileResult, Finding, Report
    from secureload.policy import Policy

_NEW = """Draft a waiver for findings that someone answers for.

\b
Examples:
  secureload waiver new ./checkpoint --owner ner-team@example.org \\
      --statement "reviewed, SEC-4411" --rule unlisted-global --output waivers/ner.yaml
  secureload waiver new org/model --owner ner-team@example.org --statement "SEC-4411"

WHAT is a file or folder, which is scanned, or a model that was refused here. The draft names
the digests of the files and the fingerprints of the findings; commit it beside the policy, and
have others put themselves under `approvedBy`. It counts once the policy names it
(`spec.waivers.files`) or it lies in $SECURELOAD_HOME/waivers.
"""

_LIST = """List a policy's waivers: whether each counts today, until when, how often it was used."""

_CHECK = """Check waivers: are they valid, and do they count today under a policy?

Exit code 0 when all count, 1 when one does not, 2 when one is not valid.
"""


@click.group("waiver", help="Write, list and check waivers of findings.")
def command() -> None:
    """Collect the verbs about waivers."""


@command.command("new", help=_NEW)
@click.argument("what", metavar="WHAT")
@click.option("--owner", required=True, metavar="WHO", help="Who answers for it.")
@click.option("--statement", required=True, metavar="TEXT", help="Why the findings are no harm.")
@click.option("--approved-by", multiple=True, metavar="WHO", help="Who agreed (repeatable).")
@click.option("--rule", "rules", multiple=True, metavar="RULE", help="Only these rules' findings.")
@click.option("--days", type=click.IntRange(1), default=30, show_default=True, metavar="N")
@click.option("--name", metavar="NAME", help="What it is called. [from WHAT and the date]")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write it to FILE.",
)  # fmt: skip
@policy_option
def new(
    what: str,
    owner: str,
    statement: str,
    approved_by: tuple[str, ...],
    rules: tuple[str, ...],
    days: int,
    name: str | None,
    output: Path | None,
    policy_name: str | None,
) -> None:
    """Draft one waiver."""
    from secureload.policy import waivers

    policy = load_policy(policy_name)
    report, repository = _findings(what, policy)
    chosen = [
        (file, finding) for file, finding in _refusing(report) if not rules or finding.rule in rules
    ]
    if not chosen:
        raise NotFoundError(
            f"nothing was found in {what} that a waiver could excuse",
            hint="`secureload scan` shows what was found; --rule chooses among it",
        )
    today = policy.today
    slug = re.sub(r"[^a-z0-9]+", "-", Path(what).name.lower()).strip("-") or "finding"
    text = waivers.draft(
        [(file.sha256 or "", finding) for file, finding in chosen],
        name=name or f"{slug}-{today}",
        owner=owner,
        statement=statement,
        issued=today,
        expires=today + dt.timedelta(days=days),
        approved_by=approved_by,
        repos=[repository] if repository else [],
    )
    lines = [f"# {file.path}: {finding.message}" for file, finding in chosen]
    about = "".join(f"{printable(line)}\n" for line in dict.fromkeys(lines))
    if output is None:
        write(about + text)
        return
    save(about + text, output)
    files = len({file.path for file, _ in chosen})
    say(
        f"{printable(str(output))}: {counted(len(chosen), 'finding')} in {counted(files, 'file')}",
        err=True,
    )


@command.command("list", help=_LIST)
@policy_option
@format_option("text", "json")
def list_(policy_name: str | None, format_: str) -> None:
    """List the waivers of a policy."""
    policy = load_policy(policy_name)
    _show(list(_states(policy, policy.waivers)), format_, empty="there are no waivers")


@command.command("check", help=_CHECK)
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...",
    type=click.Path(dir_okay=False, path_type=Path),
)  # fmt: skip
@policy_option
@format_option("text", "json")
def check(files: tuple[Path, ...], policy_name: str | None, format_: str) -> int:
    """Check files of waivers."""
    from secureload.policy import waivers

    policy = load_policy(policy_name)
    states = list(_states(policy, [waivers.load(path) for path in files]))
    _show(states, format_, empty="")
    return 1 if any(state["problem"] for state in states) else 0


def _states(policy: Policy, waivers: Iterable[Any]) -> Iterator[dict[str, Any]]:
    from secureload.cache import TrustedCache

    uses = TrustedCache.of(Settings.from_environment()).waiver_uses()
    for waiver in waivers:
        count, last = uses.get(waiver.name, (0, ""))
        yield {
            "name": waiver.name,
            "file": str(waiver.path),
            "owner": waiver.owner,
            "approvedBy": list(waiver.approved_by),
            "rules": list(waiver.rules),
            "statement": waiver.statement,
            "expires": waiver.expires.isoformat(),
            "problem": waiver.problem(policy.base.waivers, policy.today),
            "uses": count,
            "lastUsed": last,
        }


def _show(states: list[dict[str, Any]], format_: str, *, empty: str) -> None:
    if format_ == "json":
        show_json({"schema": "secureload.waivers/1", "waivers": states})
        return
    for state in states:
        problem = state["problem"]
        word = click.style("counts", fg="green") if not problem else click.style("not", fg="yellow")
        until = problem or f"until {state['expires']}"
        say(f"{word}  {printable(state['name'])}  {printable(state['owner'])}  {until}")
        say(f"  {', '.join(state['rules'])}: {printable(state['statement'])}")
        say(
            f"  used {state['uses']} times"
            + (f", last {state['lastUsed']}" if state["uses"] else "")
        )
    if not states and empty:
        say(empty, err=True)


def _findings(what: str, policy: Policy) -> tuple[Report, str]:
    """The report on some files, or of the newest decision on a model, and its repository."""
    if Path(what).exists():
        from scanner import scan
        from secureload.flow import Source
        from secureload.policy import scan_options

        options = scan_options(policy.topics(Source(kind="local", location="")))
        return scan([what], digest=True, **options), ""
    from secureload import sources
    from secureload.cache import TrustedCache

    source = sources.parse(what, None)
    found = TrustedCache.of(Settings.from_environment()).decisions(source)
    if source.revision is not None:
        found = tuple(
            one
            for one in found
            if source.revision in (one.listing.commit, one.listing.source.revision)
        )
    if not found:
        raise UsageError(
            f"{what} is no file, and nothing was decided here about a model of that name",
            hint=f"`secureload admit {what}` decides, and records what was found",
        )
    return found[-1].report, source.repository


def _refusing(report: Report) -> Iterator[tuple[FileResult, Finding]]:
    from scanner import Severity

    for file in report:
        for finding in file.findings:
            if finding.severity > Severity.INFO and file.sha256 is not None:
                yield file, finding
