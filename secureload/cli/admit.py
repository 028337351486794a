"""`secureload admit`: the whole pipeline into the trusted cache."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from secureload.cli.console import (
    counted,
    entry_json,
    exit_code,
    fail_with,
    printable,
    say,
    show_json,
    show_verdict,
    verdict_json,
)
from secureload.cli.options import (
    format_option,
    policy_option,
    quiet_option,
    trust_root_option,
)
from secureload.errors import Refused, UsageError
from secureload.progress import progress

if TYPE_CHECKING:
    from secureload.flow import CacheEntry

_HELP = """Resolve, verify, fetch, scan, decide, convert and keep one model.

\b
Examples:
  secureload admit org/model@v1
  secureload admit ./checkpoint --policy research
  secureload admit org/model@v1 --policy strict --trust-root publishers.yaml
  path=$(secureload admit org/model@v1 --format path)
  secureload admit datasets/org/rows --policy ours.yaml     # which says `repoTypes`

\b
Across an air gap, by the signed summary of another installation:
  secureload admit model.tar --require-attestation --trust-root verifier.yaml
  secureload admit org/model@v1 --require-attestation --attestation ./exported

What is printed last is a folder that any library can load: safetensors, never a pickle.
A second call finds it there. Exit code 0 admitted, 1 refused, 2 no decision.
"""


@click.command("admit", help=_HELP)
@click.argument("reference", metavar="REF")
@click.option("--revision", metavar="REV", help="Branch, tag or commit, if REF names none.")
@policy_option
@trust_root_option
@click.option(
    "--subfolder", default="", metavar="PATH", help="The model's folder in the repository."
)
@click.option("--variant", metavar="NAME", help="Weights of this variant, such as fp16.")
@click.option("--everything", is_flag=True, help="Fetch and scan every file, not only what loads.")
@click.option("--offline", is_flag=True, help="Only what is here already; no network.")
@click.option("--again", is_flag=True, help="Run every stage again, even if it is in the cache.")
@click.option(
    "--require-attestation",
    is_flag=True,
    help="Admit by the signed evidence of another installation; no network.",
)
@click.option(
    "--attestation",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="Where that evidence lies, if not in REF: an exported folder or tar file.",
)
@format_option("text", "json", "path")
@quiet_option
def command(
    reference: str,
    revision: str | None,
    policy_name: str | None,
    trust_roots: tuple[Path, ...],
    subfolder: str,
    variant: str | None,
    everything: bool,
    offline: bool,
    again: bool,
    require_attestation: bool,
    attestation: Path | None,
    format_: str,
    quiet: bool,
) -> int:
    """Admit one model and say where it lies, or why not."""
    from secureload import gate
    from secureload.flow import Need

    if attestation is not None and not require_attestation:
        raise UsageError("--attestation counts only with --require-attestation")
    need = Need(
        purpose="everything" if everything else "model", subfolder=subfolder, variant=variant
    )
    try:
        with progress(quiet=quiet) as shown:
            entry = (
                _attested(reference, revision, attestation, policy_name, trust_roots)
                if require_attestation
                else gate.admit(
                    reference,
                    revision=revision,
                    need=need,
                    trust_policy=policy_name,
                    trust_roots=trust_roots,
                    local_files_only=offline,
                    force_download=again,
                    progress=shown,
                )
            )
    except Refused as refused:
        if format_ == "json":
            show_json({"schema": "secureload.admission/1", **verdict_json(refused.verdict)})
            return exit_code(refused.verdict.decision)
        return fail_with(refused)
    if format_ == "json":
        show_json({"schema": "secureload.admission/1", **entry_json(entry), "warm": entry.warm})
    elif format_ == "path":
        say(str(entry.path))
    else:
        show_verdict(entry.verdict)
        _show_entry(entry)
    return 0


def _attested(
    reference: str,
    revision: str | None,
    attestation: Path | None,
    policy_name: str | None,
    trust_roots: tuple[Path, ...],
) -> CacheEntry:
    from secureload import gate, sources

    opened = gate.open_gate(
        trust_policy=policy_name, trust_roots=trust_roots, local_files_only=True
    )
    if attestation is None:
        return opened.accept(Path(reference).expanduser().absolute())
    return opened.accept(attestation.absolute(), sources.parse(reference, revision))


def _show_entry(entry: CacheEntry) -> None:
    for conversion in entry.conversions:
        made = f"{', '.join(conversion.inputs)} -> {', '.join(conversion.outputs)}"
        proven = (
            f", {counted(len(conversion.tensors), 'tensor')} proven equal"
            if conversion.tensors
            else ""
        )
        say(f"  converted  {printable(made)} ({conversion.converter}{proven})")
    size = sum(file.size for file in entry.files)
    if entry.evidence:
        say(f"  evidence   {', '.join(file.name for file in entry.evidence)}")
    else:
        from secureload.evidence import operator
        from secureload.settings import Settings

        key = operator.configured(Settings.from_environment().home)
        why = (
            "there is no operator key (`secureload init` makes one)"
            if key is None
            else "it was admitted before there was an operator key (`--again` makes it)"
        )
        say(f"  evidence   none: {why}")
    found = "found in the cache" if entry.warm else "kept"
    say(f"  {found}  {counted(len(entry.files), 'file')}, {size:,} bytes")
    say(str(entry.path))
