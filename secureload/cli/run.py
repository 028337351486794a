"""`secureload run`: a program with every load enforced."""

from __future__ import annotations

import os
import shutil
import sys

import click

from secureload.cli.options import policy_option
from secureload.errors import UsageError

_HELP = """Run a program, unchanged, with every load going through the gate.

\b
Examples:
  secureload run -- python train.py
  secureload run --policy strict -- torchrun --nproc-per-node 2 train.py
  secureload run --ipc my_workers -- python -m my_service

What transformers, diffusers, sentence-transformers, timm, peft and huggingface_hub ask for is
admitted first; torch.load, pickle.load, joblib.load and numpy.load are judged first. What the
policy refuses raises an OSError that says why. The same holds for every Python that the
program starts. Exit code: the program's own; 2 when it could not be started.
"""


@click.command(
    "run",
    help=_HELP,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@policy_option
@click.option(
    "--ipc",
    multiple=True,
    metavar="PACKAGE",
    help="A package whose pickles go only between the program's own processes (repeatable).",
)
@click.argument("arguments", metavar="CMD...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(policy_name: str | None, ipc: tuple[str, ...], arguments: tuple[str, ...]) -> None:
    """Become the program, in an environment that begins enforcement."""
    from secureload import policy
    from secureload.enforce import state
    from secureload.settings import Settings

    settings = Settings.from_environment()
    policy.load(policy_name, settings)
    own = state.environment_for(policy_name or settings.policy, os.environ)
    listed = [*os.environ.get("SECURELOAD_ENFORCE_IPC", "").split(), *ipc]
    environment = {**os.environ, **own, "SECURELOAD_ENFORCE_IPC": " ".join(listed)}
    program = shutil.which(arguments[0])
    if program is None:
        raise UsageError(
            f"there is no program {arguments[0]!r}",
            hint="give it after `--`, as in `secureload run -- python train.py`",
        )
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(program, arguments, environment)
    except OSError as error:
        raise UsageError(f"cannot start {program}: {error.strerror}") from error
