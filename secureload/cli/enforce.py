"""`secureload enforce`: the `.pth` file that begins enforcement where the environment asks."""

from __future__ import annotations

import click

from secureload.cli.console import say

_HELP = """Let $SECURELOAD_ENFORCE begin enforcement in every program of this installation.

\b
  secureload enforce install
  SECURELOAD_ENFORCE=strict python train.py

The variable is `1`, or the name or path of a policy. Without it the file does nothing.
`secureload run` needs no file, but for children started with `python -I` or `-E`.
"""


@click.group("enforce", help=_HELP)
def command() -> None:
    """Collect what can be done."""


@command.command("install")
def install() -> int:
    """Put the file among the packages of this interpreter."""
    from secureload.enforce import installation

    say(f"installed  {installation.install()}")
    return 0


@command.command("uninstall")
def uninstall() -> int:
    """Remove the file."""
    from secureload.enforce import installation

    removed = installation.uninstall()
    say(f"removed  {installation.place()}" if removed else "there was none")
    return 0


@command.command("status")
def status() -> int:
    """Say whether the file is there; exit code 0 when it is, 1 when not."""
    from secureload.enforce import installation, state

    there = installation.installed()
    say(f"{'installed' if there else 'not installed'}  {installation.place()}")
    wanted = state.wanted()
    say(f"{state.SWITCH}  {'asks for policy ' + wanted if wanted else 'asks for nothing'}")
    return 0 if there else 1
