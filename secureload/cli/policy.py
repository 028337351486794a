"""`secureload policy`: check, show and test trust policies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from secureload.cli.console import fail_with, printable, say, show_json, write
from secureload.cli.options import format_option, trust_root_option
from secureload.cli.policies import load_policy
from secureload.errors import SecureloadError, UsageError
from secureload.settings import Settings

if TYPE_CHECKING:
    from secureload.policy import Policy

_CHECK = """Read policies and the trust roots they name, and say what is wrong with them.

\b
Examples:
  secureload policy check ours.yaml
  secureload policy check policies/*.yaml --format json

Every error names file and line. Exit code 0 when all are valid, else 2.
"""

_SHOW = """Print a policy with everything filled in: what it extends, what it leaves out.

\b
Examples:
  secureload policy show strict
  secureload policy show ours.yaml --format json

What is printed is a policy itself, with the same digest.
"""


_TEST = """Run a policy over recorded cases, or over all that was decided here.

\b
Examples:
  secureload policy test ours.yaml --cases cases.yaml
  secureload policy test strict --ledger             what would strict refuse of what we have?
  secureload policy test ours.yaml --ledger --enforce

Nothing is asked, fetched or scanned again: the ledger has who signed, what was found, when a
commit was first met and what the hub said. Where a policy wants to know what was never
recorded, the answer is `undecided`, with what is missing. `--enforce` judges a policy of mode
`warn` or `audit` as if it enforced. Exit code 0 when every case is as expected and all that is
admitted would be admitted again, else 1.

\b
A file of cases:
  apiVersion: secureload/v1
  kind: PolicyTest
  metadata: {name: ours}
  spec:
    cases:
      - name: an unsigned pickle
        files:
          - {path: pytorch_model.bin, format: torch-zip,
             findings: [{rule: unlisted-global, severity: high}]}
        expect: deny
        rules: [identity, unlisted-global]
"""


@click.group("policy", help="Check, show and test trust policies.")
def command() -> None:
    """Collect the verbs about policies."""


@command.command("check", help=_CHECK)
@click.argument("policies", nargs=-1, required=True, metavar="NAME|FILE...")
@format_option("text", "json")
def check(policies: tuple[str, ...], format_: str) -> int:
    """Load each policy, and the trust roots in it."""
    results: list[dict[str, Any]] = []
    for name in policies:
        try:
            policy = _complete(name)
        except SecureloadError as error:
            results.append(
                {"policy": name, "valid": False, "error": error.message, "hint": error.hint}
            )
            if format_ == "text":
                fail_with(error)
            continue
        results.append(
            {"policy": name, "valid": True, "name": policy.id.name, "digest": policy.id.digest}
        )
        if format_ == "text":
            about = f"{policy.id.name}, {policy.mode}, {policy.id.digest}"
            say(f"{click.style('valid', fg='green')}  {printable(name)}: {about}")
    if format_ == "json":
        show_json({"schema": "secureload.policy-check/1", "policies": results})
    return 0 if all(result["valid"] for result in results) else 2


@command.command("show", help=_SHOW)
@click.argument("policy_name", required=False, metavar="[NAME|FILE]")
@format_option("yaml", "json")
def show(policy_name: str | None, format_: str) -> None:
    """Print one policy, complete."""
    policy = load_policy(policy_name)
    document = policy.document()
    if format_ == "json":
        about = {"digest": policy.id.digest, "origin": str(policy.origin or "")}
        show_json({"schema": "secureload.policy/1", **about, **document})
        return
    import yaml

    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=90)
    write(f"# {policy.id.digest}\n{text}")


@command.command("test", help=_TEST)
@click.argument("policy_name", required=False, metavar="[NAME|FILE]")
@click.option(
    "--cases",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A file of `kind: PolicyTest` (repeatable).",
)
@click.option("--ledger", is_flag=True, help="Judge all that was decided here again.")
@click.option("--enforce", is_flag=True, help="As if the policy's mode were `enforce`.")
@trust_root_option
@format_option("text", "json")
def test(
    policy_name: str | None,
    cases: tuple[Path, ...],
    ledger: bool,
    enforce: bool,
    trust_roots: tuple[Path, ...],
    format_: str,
) -> int:
    """Judge cases and the ledger, and say what is not as expected."""
    if not cases and not ledger:
        raise UsageError("nothing to test with", hint="give --cases FILE, or --ledger")
    policy = load_policy(policy_name, trust_roots)
    if enforce:
        policy = policy.enforced()
    results = [*_cases(cases, policy), *(_again(policy) if ledger else ())]
    bad = [result for result in results if result["problem"]]
    if format_ == "json":
        about = {"name": policy.id.name, "digest": policy.id.digest}
        show_json({"schema": "secureload.policy-test/1", "policy": about, "results": results})
    else:
        for result in results:
            word = click.style("differs", fg="red") if result["problem"] else "as expected"
            say(f"{word}  {printable(result['name'])}: {printable(result['problem'] or '')}")
            for reason in result["reasons"] if result["problem"] else ():
                say(f"  {printable(reason)}")
        say(f"{len(results)} judged, {len(bad)} not as expected", err=True)
    return 1 if bad else 0


def _cases(paths: tuple[Path, ...], policy: Policy) -> Iterator[dict[str, Any]]:
    from secureload.policy import cases

    for path in paths:
        for outcome in cases.run(path, policy):
            yield {
                "name": outcome.name,
                "verdict": outcome.verdict.decision.value,
                "problem": outcome.problem,
                "reasons": [str(reason) for reason in outcome.verdict.reasons],
            }


def _again(policy: Policy) -> Iterator[dict[str, Any]]:
    import datetime as dt

    from secureload import replay
    from secureload.cache import TrustedCache
    from secureload.evidence import operator
    from secureload.signatures import TrustRoots

    settings = Settings.from_environment()
    trust = TrustRoots.load(policy.trust_roots)
    now = dt.datetime.now(dt.UTC)
    signing = operator.configured(settings.home) is not None
    for old in TrustedCache.of(settings).decisions():
        found = replay.again(old, policy, trust, now=now, signing=signing)
        before = old.verdict.decision.value
        said = [str(reason) for reason in found.verdict.reasons]
        if found.answer == "undecided":
            said = [f"not known: {one}" for one in found.unknown]
        differs = before == "allow" and found.answer != "allow"
        yield {
            "name": f"{old.verdict.subject} ({old.listing.commit[:18]})",
            "verdict": found.answer,
            "before": before,
            "problem": f"admitted, would be {found.answer}" if differs else "",
            "reasons": said,
        }


def _complete(name: str) -> Policy:
    from secureload.signatures import TrustRoots

    policy = load_policy(name)
    TrustRoots.load(policy.trust_roots)
    return policy
