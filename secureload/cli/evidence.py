"""`secureload evidence`: show and export what an admission leaves for others to check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from secureload.cli.console import counted, printable, say, show_json, write
from secureload.cli.options import format_option, policy_option, trust_root_option
from secureload.errors import NotFoundError

if TYPE_CHECKING:
    from secureload.flow import CacheEntry

_SHOW = """List an admission's documents, or print one of them.

\b
Examples:
  secureload evidence show org/model@v1
  secureload evidence show 3f1b22a0 vsa.json
  secureload evidence show org/model bom.json > bom.json

REF is what was admitted, or the beginning of an admission's id.
"""

_EXPORT = """Write an admission out, files and evidence, to be admitted elsewhere.

\b
Examples:
  secureload evidence export org/model@v1 model.tar
  secureload evidence export org/model@v1 /media/stick/model
  # on the other side, which trusts this operator's verifier.yaml:
  secureload admit model.tar --require-attestation --trust-root verifier.yaml

TARGET is a new folder, or a tar file if its name ends in `.tar`.
"""


@click.group("evidence", help="Show and export the signed evidence of an admission.")
def command() -> None:
    """Collect the verbs about evidence."""


@command.command("show", help=_SHOW)
@click.argument("reference", metavar="REF")
@click.argument("document", required=False, metavar="[DOCUMENT]")
@policy_option
@trust_root_option
@format_option("text", "json")
def show(
    reference: str,
    document: str | None,
    policy_name: str | None,
    trust_roots: tuple[Path, ...],
    format_: str,
) -> int:
    """List the documents of an admission, or print one."""
    from secureload import evidence

    entry = _entry(reference, policy_name, trust_roots)
    found = evidence.of(entry)
    if document is not None:
        if format_ == "json" and document != evidence.BOM:
            write(json.dumps(found.statement(document), indent=2) + "\n")
        else:
            write(found.read(document).decode() + "\n")
        return 0
    if format_ == "json":
        documents = [
            {"name": file.name, "size": file.size, "sha256": file.sha256, "path": str(file.path),
             "mediaType": evidence.media_type(file.name)}
            for file in found.files
        ]  # fmt: skip
        about = {"admission": entry.admission, "verifier": entry.verifier}
        show_json({"schema": "secureload.evidence/1", **about, "documents": documents})
        return 0
    for file in found.files:
        say(f"{file.sha256}  {file.size:>11,}  {file.name}")
    if not found:
        say("no evidence: it was admitted without an operator key", err=True)
    return 0


@command.command("export", help=_EXPORT)
@click.argument("reference", metavar="REF")
@click.argument("target", metavar="TARGET", type=click.Path(path_type=Path))
@policy_option
@trust_root_option
def export(
    reference: str, target: Path, policy_name: str | None, trust_roots: tuple[Path, ...]
) -> None:
    """Write an admission's files and evidence out."""
    from secureload import evidence
    from secureload.evidence import export as exporting

    entry = _entry(reference, policy_name, trust_roots)
    exporting.export(entry, evidence.of(entry), target)
    size = sum(file.size for file in entry.files)
    files = counted(len(entry.files), "file")
    say(f"{printable(str(target))}: {files}, {size:,} bytes, and their evidence")


def _entry(reference: str, policy_name: str | None, trust_roots: tuple[Path, ...]) -> CacheEntry:
    """The admission of this id, or the newest of what the reference names."""
    from secureload import gate, sources

    opened = gate.open_gate(
        trust_policy=policy_name, trust_roots=trust_roots, local_files_only=True
    )
    if set(reference) <= set("0123456789abcdef") and len(reference) >= 8:
        return opened.cache.entry(reference)
    source = sources.parse(reference, None)
    commit = source.revision
    if source.kind != "local":
        commit = opened.cache.latest(source) or source.revision
    same = [
        entry
        for entry in opened.cache.entries()
        if (entry.source.kind, entry.source.location) == (source.kind, source.location)
        and commit in (None, entry.commit)
    ]
    under = [entry for entry in same if entry.verdict.policy == opened.policy.id]
    if not same:
        raise NotFoundError(
            f"`{reference}` was not admitted here",
            hint=f"`secureload admit {reference}` admits it; `secureload cache list` shows all",
        )
    return (under or same)[-1]
