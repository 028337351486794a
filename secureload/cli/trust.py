"""`secureload trust`: keys that count, with their fingerprints shown."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from secureload.cli.console import printable, say, show_json
from secureload.cli.options import format_option, policy_option, trust_root_option
from secureload.cli.policies import load_policy
from secureload.settings import Settings

if TYPE_CHECKING:
    from secureload.signatures import TrustedKey

_ADD = """Add a publisher's key to a trust root, and show its fingerprint.

\b
Examples:
  secureload trust add alice.asc --repo 'org/*' --root trust/publishers.yaml
  secureload trust add id_ed25519.pub --principal alice@example.org --repo 'org/*'
  secureload trust add publisher.pem --repo 'org/*'
  secureload trust add trusted_root.json --identity ci@example.org --issuer https://issuer.example

The file's content tells its kind: OpenPGP, SSH, or model-signing (a key or certificates in PEM,
sigstore's trusted root). The trust root is a YAML file to keep in git; the key's file is copied
beside it. Compare the fingerprint with one that you have from the publisher by another way.
"""

_LIST = """List the keys of every trust root that counts.

\b
Examples:
  secureload trust list
  secureload trust list --policy ours.yaml --format json

Those are the policy's, those of --trust-root, and $SECURELOAD_HOME/trust/*.yaml.
"""

_SHOW = """Show what a trust root or a key file holds; nothing is added.

\b
Examples:
  secureload trust show publishers.yaml
  secureload trust show alice.asc
"""


@click.group("trust", help="Add keys to trust roots, and show what they hold.")
def command() -> None:
    """Collect the verbs about keys."""


@command.command("add", help=_ADD)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--root",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The trust root. [$SECURELOAD_HOME/trust/publishers.yaml]",
)
@click.option("--repo", "repos", multiple=True, metavar="GLOB", help="Only for these (repeatable).")
@click.option("--principal", metavar="NAME", help="Whose SSH key it is.")
@click.option("--identity", metavar="NAME", help="Who signs by sigstore.")
@click.option("--issuer", metavar="URL", help="Who vouches for that identity.")
@click.option("--verifier", is_flag=True, help="An operator's key: its admissions count here.")
@format_option("text", "json")
def add(
    file: Path,
    root: Path | None,
    repos: tuple[str, ...],
    principal: str | None,
    identity: str | None,
    issuer: str | None,
    verifier: bool,
    format_: str,
) -> int:
    """Add one key."""
    from secureload.signatures import keyfiles

    place = root or Settings.from_environment().home / "trust" / "publishers.yaml"
    entry = {
        "kind": "verifier" if verifier else "",
        "principal": principal,
        "identity": identity,
        "issuer": issuer,
        "repos": list(repos),
    }
    added = keyfiles.add(place, file, entry)
    if format_ == "json":
        show_json({"schema": "secureload.trust/1", "root": str(place), "keys": [_json(added)]})
        return 0
    say(f"{click.style('added', fg='green')} to {printable(str(place))}")
    _show([added])
    return 0


@command.command("list", help=_LIST)
@policy_option
@trust_root_option
@format_option("text", "json")
def list_(policy_name: str | None, trust_roots: tuple[Path, ...], format_: str) -> int:
    """List the keys of a policy."""
    from secureload.signatures import TrustRoots

    keys = TrustRoots.load(load_policy(policy_name, trust_roots).trust_roots).keys
    if format_ == "json":
        show_json({"schema": "secureload.trust/1", "keys": [_json(key) for key in keys]})
    elif keys:
        _show(keys)
    else:
        say("no trust root holds any key")
    return 0


@command.command("show", help=_SHOW)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@format_option("text", "json")
def show(file: Path, format_: str) -> int:
    """Show the keys of one file."""
    from secureload.signatures import TrustRoots, keyfiles

    if file.suffix in {".yaml", ".yml"}:
        keys = TrustRoots.load([file]).keys
        if format_ == "json":
            show_json({"schema": "secureload.trust/1", "keys": [_json(key) for key in keys]})
        else:
            _show(keys)
        return 0
    kind, fingerprints = keyfiles.look(file)
    if format_ == "json":
        key = {"kind": kind, "fingerprints": fingerprints}
        show_json({"schema": "secureload.trust/1", "keys": [key]})
        return 0
    for fingerprint, name in fingerprints.items():
        say(f"{kind}  {printable(fingerprint)}  {printable(name)}")
    return 0


def _show(keys: Iterable[TrustedKey]) -> None:
    for key in keys:
        for fingerprint, name in key.fingerprints.items() or [("", "")]:
            say(f"{key.kind}  {printable(fingerprint)}  {printable(name)}")
        repos = ", ".join(key.repos) if key.repos is not None else "every repository"
        say(f"  for {printable(repos)}, in {printable(key.root)}: {printable(key.path.name)}")


def _json(key: TrustedKey) -> dict[str, Any]:
    return {
        "kind": key.kind,
        "root": key.root,
        "file": key.path.name,
        "fingerprints": key.fingerprints,
        "repos": None if key.repos is None else list(key.repos),
    }
