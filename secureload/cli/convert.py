"""`secureload convert`: legacy weights to safetensors, nothing executed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from secureload.cli.converting import convert
from secureload.cli.options import format_option, quiet_option

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
def command(**said: Any) -> int:
    """Convert, or prove a conversion."""
    return convert(**said)
