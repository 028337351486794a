"""`secureload completion`: a script that completes verbs, options and files."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from secureload.cli.console import write

_HELP = """Print a completion script for your shell.

\b
  bash   echo 'eval "$(secureload completion bash)"' >> ~/.bashrc
  zsh    echo 'eval "$(secureload completion zsh)"' >> ~/.zshrc
  fish   secureload completion fish > ~/.config/fish/completions/secureload.fish
"""


@click.command("completion", help=_HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the script that click makes for this shell."""
    from secureload.cli.verbs import cli

    maker = get_completion_class(shell)
    assert maker is not None
    script = maker(cli, {}, "secureload", "_SECURELOAD_COMPLETE")
    write(script.source_template % script.source_vars() + "\n")
