"""`secureload convert`: legacy weights to safetensors, nothing executed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from secureload.cli.console import counted, printable, say, show_json
from secureload.cli.options import format_option, quiet_option
from secureload.progress import progress

if TYPE_CHECKING:
    from secureload.flow import ArtifactFile, Conversion, TensorProof

_HELP = """Convert legacy weights to safetensors; nothing in them is executed.

\b
Examples:
  secureload convert pytorch_model.bin model.safetensors
  secureload convert ./legacy-model ./safe-model --max-shard-size 5GB
  secureload convert --verify ./legacy-model ./safe-model

SRC is a file, an index with its shards beside it, or a folder. A DST that ends in
.safetensors is a file, anything else a folder, which must be new or empty. Every tensor's
digest is taken on both sides and compared; --verify does only that, for a DST made before.
Exit code 0, or 2 when something cannot be converted; --verify: 1 when DST is not equal.
"""


@click.command("convert", help=_HELP)
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.argument("destination", metavar="DST", type=click.Path(path_type=Path))
@click.option(
    "--max-shard-size", metavar="SIZE", help="Distribute weights over files, such as 5GB."
)
@click.option("--verify", is_flag=True, help="Prove again that DST is equal to SRC; write nothing.")
@format_option("text", "json")
@quiet_option
def command(
    source: Path,
    destination: Path,
    max_shard_size: str | None,
    verify: bool,
    format_: str,
    quiet: bool,
) -> int:
    """Convert, or prove a conversion."""
    from secureload import sandbox
    from secureload.convert import convert_path
    from secureload.errors import IntegrityError

    if verify:
        try:
            with sandbox.forked() as confined:
                proofs = confined.prove(source, destination)
        except IntegrityError as error:
            if format_ == "json":
                show_json(_proven(destination, (), problem=error.message))
            else:
                say(f"{click.style('not equal', fg='red', bold=True)}  {printable(error.message)}")
            return 1
        if format_ == "json":
            show_json(_proven(destination, proofs))
        else:
            equal = click.style("equal", fg="green", bold=True)
            tensors = counted(len(proofs), "tensor")
            say(f"{equal}  {printable(str(destination))}: {tensors} proven equal")
        return 0
    with progress(quiet=quiet) as shown, sandbox.forked() as confined:
        made = convert_path(
            source,
            destination,
            max_shard_size=max_shard_size,
            progress=shown,
            through=confined.make_path,
        )
    if format_ == "json":
        show_json(_plain(made.files, made.conversions, made.root))
        return 0
    for file in made.files:
        say(f"{file.sha256}  {file.size:>15,}  {printable(str(made.root / file.path))}")
    _show(made.conversions)
    return 0


def _show(conversions: tuple[Conversion, ...]) -> None:
    for conversion in conversions:
        made = f"{', '.join(conversion.inputs)} -> {', '.join(conversion.outputs)}"
        say(f"  {printable(made)}: {counted(len(conversion.tensors), 'tensor')} proven equal")
        for note in conversion.notes:
            say(f"    {printable(note)}")


def _plain(
    files: tuple[ArtifactFile, ...], conversions: tuple[Conversion, ...], root: Path
) -> dict[str, object]:
    return {
        "schema": "secureload.conversion/1",
        "root": str(root),
        "files": [{"path": file.path, "size": file.size, "sha256": file.sha256} for file in files],
        "conversions": [
            {
                "converter": conversion.converter,
                "inputs": list(conversion.inputs),
                "outputs": list(conversion.outputs),
                "notes": list(conversion.notes),
                "tensors": [_tensor(tensor) for tensor in conversion.tensors],
            }
            for conversion in conversions
        ],
    }


def _proven(root: Path, proofs: tuple[TensorProof, ...], problem: str = "") -> dict[str, object]:
    return {
        "schema": "secureload.conversion-check/1",
        "root": str(root),
        "equal": not problem,
        "problem": problem,
        "tensors": [_tensor(tensor) for tensor in proofs],
    }


def _tensor(tensor: TensorProof) -> dict[str, object]:
    return {
        "name": tensor.name,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "source": tensor.source,
        **tensor.digests,
    }
