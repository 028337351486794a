"""`secureload verify`: who signed, and the chain from that signature to the bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from secureload.cli.console import printable, say, show_json
from secureload.cli.options import format_option, policy_option, quiet_option, trust_root_option
from secureload.flow import SignatureStatus
from secureload.progress import progress

if TYPE_CHECKING:
    from secureload.flow import Attestation, Listing

_HELP = """Verify a model's signature and prove the chain down to its bytes.

\b
Examples:
  secureload verify org/model@v1 --trust-root publishers.yaml
  secureload verify git+https://git.example.org/model@v1 --trust-root publishers.yaml
  secureload verify org/model@v1 --format json

Follows signature -> commit -> tree -> blob -> bytes, each link computed anew; nothing is
kept. Exit code 0 for `verified` alone, 1 for every other status, 2 when there is no answer.
"""


@click.command("verify", help=_HELP)
@click.argument("reference", metavar="REF")
@click.option("--revision", metavar="REV", help="Branch, tag or commit, if REF names none.")
@policy_option
@trust_root_option
@click.option("--offline", is_flag=True, help="Only what is here already; no network.")
@format_option("text", "json")
@quiet_option
def command(
    reference: str,
    revision: str | None,
    policy_name: str | None,
    trust_roots: tuple[Path, ...],
    offline: bool,
    format_: str,
    quiet: bool,
) -> int:
    """Verify one model and print the chain."""
    from secureload import gate, signatures, sources

    with progress(quiet=quiet) as shown:
        opened = gate.open_gate(
            trust_policy=policy_name,
            trust_roots=trust_roots,
            local_files_only=offline,
            progress=shown,
        )
        listing, attestation = opened.verify(sources.parse(reference, revision))
    if format_ == "json":
        show_json(signatures.verification_json(listing, attestation))
    else:
        _show(listing, attestation)
    return 0 if attestation.status is SignatureStatus.VERIFIED else 1


def _show(listing: Listing, attestation: Attestation) -> None:
    verified = attestation.status is SignatureStatus.VERIFIED
    status = click.style(attestation.status.value, fg="green" if verified else "red", bold=True)
    say(f"{status}  {printable(str(listing.source))}  commit {listing.commit}")
    if attestation.signer:
        say(f"  signer  {printable(str(attestation.signer))}")
    if attestation.detail:
        say(f"  {printable(attestation.detail)}")
    for link in attestation.chain:
        mark = click.style("ok", fg="green") if link.ok else click.style("NO", fg="red", bold=True)
        detail = f"  {printable(link.detail)}" if link.detail else ""
        say(f"  {mark}  {link.kind:<11}  {printable(link.subject)}  {link.digest}{detail}")
