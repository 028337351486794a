"""What `secureload convert` does, once its command line is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from secureload.cli.console import counted, printable, say, show_json, styled
from secureload.progress import progress

if TYPE_CHECKING:
    from secureload.flow import ArtifactFile, Conversion, TensorProof


def convert(
    source: Path,
    destination: Path,
    *,
    max_shard_size: str | None = None,
    verify: bool = False,
    format_: str = "text",
    quiet: bool = False,
) -> int:
    """Convert, or prove a conversion; return the exit code.

    Raises:
        SecureloadError: the source cannot be converted, or a side cannot be read.
    """
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
                say(f"{styled('not equal', 'red', bold=True)}  {printable(error.message)}")
            return 1
        if format_ == "json":
            show_json(_proven(destination, proofs))
        else:
            equal = styled("equal", "green", bold=True)
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
