"""`secureload code`: a repository's own Python: what it is, what it does, and approving it."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from secureload.cli.console import printable, say, show_json
from secureload.cli.options import format_option, policy_option
from secureload.errors import PolicyError, UsageError

if TYPE_CHECKING:
    from secureload.flow import CodeSet

_HELP = """Read, digest and approve a repository's own Python.

\b
A policy with `remoteCode: {mode: approved-digests, file: code.yaml}` lets
trust_remote_code=True run the code whose digest is in that file, and no other. One changed,
added or removed .py file is another digest.

\b
  secureload code digest org/model@v1
  secureload explain ./model                 what the code would do
  secureload code approve org/model@v1 --file code.yaml --by me@example.org --reason "read it"
"""


@click.group("code", help=_HELP)
def command() -> None:
    """Code of repositories."""


@command.command("digest")
@click.argument("reference", metavar="REF")
@click.option("--revision", metavar="REV", help="Branch, tag or commit, if REF names none.")
@policy_option
@format_option("text", "json")
def digest(reference: str, revision: str | None, policy_name: str | None, format_: str) -> int:
    """Print the digest of all the Python of a model, and its files. Nothing runs."""
    with tempfile.TemporaryDirectory(prefix="secureload-code-") as place:
        found = _found(reference, revision, policy_name, Path(place))
    if format_ == "json":
        show_json(
            {
                "schema": "secureload.code-digest/1",
                "digest": found.digest,
                "files": {file.path: file.sha256 for file in found.files},
                "names": found.names,
                "astray": list(found.astray),
            }
        )
    else:
        _show(found)
    return 0


@command.command("approve")
@click.argument("reference", metavar="REF")
@click.option("--revision", metavar="REV", help="Branch, tag or commit, if REF names none.")
@click.option(
    "--file",
    "path",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The approvals that a policy's remoteCode.file names; made if it is not there.",
)
@click.option("--by", required=True, metavar="WHO", help="Who has read the code.")
@click.option("--reason", required=True, metavar="TEXT", help="Why it may run.")
@click.option(
    "--digest",
    "expected",
    metavar="SHA256",
    help="The digest that was reviewed; anything else is not approved.",
)
@policy_option
def approve(
    reference: str,
    revision: str | None,
    path: Path,
    by: str,
    reason: str,
    expected: str | None,
    policy_name: str | None,
) -> int:
    """Print what the code does, and add its digest to a file of approvals."""
    from secureload import sources

    source = sources.parse(reference, revision)
    with tempfile.TemporaryDirectory(prefix="secureload-code-") as place:
        found = _found(reference, revision, policy_name, Path(place))
        _evidence(Path(place))
    _show(found)
    if expected is not None and expected != found.digest:
        raise UsageError(
            f"the code of {reference} is {found.digest}, not {expected}",
            hint="it is not the code that was reviewed; nothing was approved",
        )
    _add(
        path,
        {
            "digest": found.digest,
            "repos": [source.repository],
            "by": by,
            "reason": reason,
            "on": datetime.now(UTC).date().isoformat(),
            "files": {file.path: file.sha256 for file in found.files},
        },
    )
    say(f"approved in {path}")
    return 0


def _found(reference: str, revision: str | None, policy_name: str | None, place: Path) -> CodeSet:
    from secureload import gate, sources

    opened = gate.open_gate(trust_policy=policy_name)
    found = opened.code(sources.parse(reference, revision), place)
    if found is None:
        raise UsageError(f"{reference} has no Python of its own", hint="nothing to approve")
    return found


def _show(found: CodeSet) -> None:
    say(found.digest)
    for file in found.files:
        say(f"  {file.sha256}  {printable(file.path)}")
    for reference in found.astray:
        say(click.style(f"  names code elsewhere: {printable(reference)}", fg="red"))


def _evidence(place: Path) -> None:
    from scanner.source import explain_source

    for path in sorted(place.rglob("*.py")):
        say(click.style(f"# {path.relative_to(place)}", bold=True))
        for line in explain_source(path.read_bytes()):
            say(printable(str(line)))


def _add(path: Path, entry: dict[str, Any]) -> None:
    """Add an approval; what is there already stays as it was written, but for comments."""
    import yaml

    from secureload.documents import API_VERSION
    from secureload.policy.code import approvals

    document: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "CodeApprovals",
        "metadata": {"name": path.stem},
        "spec": {"approved": []},
    }
    if path.exists():
        approvals(path)  # nothing is added to a file that is not valid
        document = yaml.safe_load(path.read_text("utf-8"))
    known = document["spec"].setdefault("approved", [])
    known[:] = [
        one
        for one in known
        if (one["digest"], one.get("repos")) != (entry["digest"], entry["repos"])
    ]
    known.append(entry)
    try:
        path.write_text(yaml.safe_dump(document, sort_keys=False), "utf-8")
    except OSError as error:
        raise PolicyError(f"{path}: {error.strerror}") from error
    approvals(path)
