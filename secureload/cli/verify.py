"""`secureload verify`: who signed, and the chain from that signature to the bytes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from secureload.cli.console import printable, say, show_json
from secureload.cli.options import format_option, policy_option, quiet_option, trust_root_option
from secureload.flow import SignatureStatus
from secureload.progress import progress

if TYPE_CHECKING:
    from secureload.flow import Attestation, Listing, Signer, Source

_HELP = """Verify a model's signature and prove the chain down to its bytes.

\b
Examples:
  secureload verify org/model@v1 --trust-root publishers.yaml
  secureload verify git+https://git.example.org/model@v1 --trust-root publishers.yaml
  secureload verify ./model --trust-root publishers.yaml --signature model.sig
  secureload verify org/model@v1 --format json

Follows signature -> commit -> tree -> blob -> bytes, and a signature over the folder from its
manifest to each file, every link computed anew; nothing is kept. A signature over the folder
is found beside the files (model.sig, *.sig, *.sigstore, claims.jsonl), or named. Exit code 0
for `verified` alone, 1 for every other status, 2 when there is no answer.
"""


@click.command("verify", help=_HELP)
@click.argument("reference", metavar="REF")
@click.option("--revision", metavar="REV", help="Branch, tag or commit, if REF names none.")
@policy_option
@trust_root_option
@click.option(
    "--signature",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The signature over the folder, if it is not found beside the files.",
)
@click.option(
    "--ignore-path",
    "ignored",
    multiple=True,
    metavar="PATH",
    help="A file or folder of the model that need not be signed (repeatable).",
)
@click.option(
    "--ignore-unsigned-files",
    is_flag=True,
    help="Verify what the signature names; let other files be.",
)
@click.option("--identity", metavar="NAME", help="Who must have signed, as the answer names them.")
@click.option("--issuer", metavar="URL", help="Who must vouch for a sigstore identity.")
@click.option("--offline", is_flag=True, help="Only what is here already; no network.")
@format_option("text", "json")
@quiet_option
def command(
    reference: str,
    revision: str | None,
    policy_name: str | None,
    trust_roots: tuple[Path, ...],
    signature: Path | None,
    ignored: tuple[str, ...],
    ignore_unsigned_files: bool,
    identity: str | None,
    issuer: str | None,
    offline: bool,
    format_: str,
    quiet: bool,
) -> int:
    """Verify one model and print the chain."""
    from secureload import gate, signatures, sources
    from secureload.fetching import Asked

    source = sources.parse(reference, revision)
    asked = Asked(
        signature=signature,
        ignored=tuple(_inside(path, source) for path in ignored),
        ignore_unsigned=ignore_unsigned_files,
    )

    with progress(quiet=quiet) as shown:
        opened = gate.open_gate(
            trust_policy=policy_name,
            trust_roots=trust_roots,
            local_files_only=offline,
            progress=shown,
        )
        listing, attestation = opened.verify(source, asked)
    attestation = _by(attestation, identity, issuer)
    if format_ == "json":
        show_json(signatures.verification_json(listing, attestation))
    else:
        _show(listing, attestation)
    return 0 if attestation.status is SignatureStatus.VERIFIED else 1


def _inside(path: str, source: Source) -> str:
    """A path as the model knows it; one of a local model may be given from the root."""
    if source.kind == "local" and Path(path).is_absolute():
        with suppress(ValueError):
            return Path(path).relative_to(source.location).as_posix()
    return path


def _by(attestation: Attestation, identity: str | None, issuer: str | None) -> Attestation:
    """The attestation, unless it is by somebody else than the one asked for."""
    signer = attestation.signer
    wanted = (identity, issuer)
    if attestation.status is not SignatureStatus.VERIFIED or signer is None:
        return attestation
    if all(want in (None, has) for want, has in zip(wanted, _who(signer), strict=True)):
        return attestation
    return replace(
        attestation,
        status=SignatureStatus.KEY_NOT_ALLOWED,
        detail=f"signed by {signer}, and another signer was asked for",
    )


def _who(signer: Signer) -> tuple[str, str]:
    return signer.name, signer.fingerprint


def _show(listing: Listing, attestation: Attestation) -> None:
    verified = attestation.status is SignatureStatus.VERIFIED
    status = click.style(attestation.status.value, fg="green" if verified else "red", bold=True)
    say(f"{status}  {printable(str(listing.source))}  commit {listing.commit}")
    if attestation.signer:
        say(f"  signer  {printable(str(attestation.signer))}")
    if attestation.detail:
        say(f"  {printable(attestation.detail)}")
    for path in attestation.unsigned:
        say(f"  unsigned  {printable(path)}")
    for link in attestation.chain:
        mark = click.style("ok", fg="green") if link.ok else click.style("NO", fg="red", bold=True)
        detail = f"  {printable(link.detail)}" if link.detail else ""
        say(f"  {mark}  {link.kind:<11}  {printable(link.subject)}  {link.digest}{detail}")
