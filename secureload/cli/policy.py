"""`secureload policy`: check and show trust policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from secureload.cli.console import fail_with, printable, say, show_json, write
from secureload.cli.options import format_option, load_policy
from secureload.errors import SecureloadError

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


@click.group("policy", help="Check and show trust policies.")
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


def _complete(name: str) -> Policy:
    from secureload.signatures import TrustRoots

    policy = load_policy(name)
    TrustRoots.load(policy.trust_roots)
    return policy
