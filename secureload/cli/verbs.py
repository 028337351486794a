"""The verbs of the command line: one module each, imported when it is asked for.

They import what is heavy when they run.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import click

from secureload.cli.answering import answered
from secureload.cli.console import fail, version

_VERBS = {
    "scan": "Scan files and folders; nothing in them is run.",
    "admit": "Run a model through the whole gate into the trusted cache.",
    "verify": "Say who signed a model, and prove the chain down to its bytes.",
    "convert": "Convert legacy weights to safetensors; nothing is executed.",
    "explain": "Print what a pickle would do, step by step.",
    "code": "Read, digest and approve a repository's own Python.",
    "trust": "Add keys to trust roots, and show what they hold.",
    "policy": "Check, show and test trust policies.",
    "waiver": "Write, list and check waivers of findings.",
    "rules": "List the scanner's rules and read their pages.",
    "cache": "Look after the trusted cache.",
    "run": "Run a program with every load enforced.",
    "enforce": "Let an environment variable begin enforcement.",
    "recall": "Take back what was admitted, and say who has it.",
    "evidence": "Show and export the signed evidence of an admission.",
    "audit": "Verify, checkpoint and export the audit log.",
    "doctor": "Tell what this machine offers, and what is missing.",
    "token": "Make, list and revoke tokens of the service.",
    "serve": "Serve admitted models to unmodified Hub clients.",
    "worker": "Work off what front ends on any machine were asked for.",
    "init": "Make this installation's operator key.",
    "demo": "The main job on a real checkpoint, offline.",
    "completion": "Print a completion script for your shell.",
}

_HELP = """A gatekeeper for model checkpoints: verified, scanned, converted, and only then loaded.

\b
Start here:
  secureload demo                      see all of it work, offline
  secureload scan ./checkpoints        look at files you have
  secureload admit org/model@v1        bring a model through the gate
  secureload explain model.bin         see what a pickle would do

A REF is org/name[@revision] on the Hub, a local path, or git+URL[@revision].

\b
Environment:
  SECURELOAD_POLICY   the policy of calls that name none (default: default)
  SECURELOAD_HOME     where the trusted cache lies
  SECURELOAD_DATABASE, SECURELOAD_STORAGE   PostgreSQL and S3, where machines share them
  SECURELOAD_SERVER, SECURELOAD_TOKEN   a service that does the work, and your token there
  HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE   as huggingface_hub reads them

Exit codes: 0 allowed, 1 refused, 2 no decision; 128 and its number where a signal ended it.
"""


class _Verbs(click.Group):
    """A group whose verbs are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        if ctx.params.get("server"):
            from secureload.cli import remote

            if cmd_name not in remote.VERBS:
                raise click.UsageError(f"`{cmd_name}` works on this machine, without --server", ctx)
            return remote.VERBS[cmd_name]
        command = importlib.import_module(f"secureload.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _VERBS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], _VERBS, n=1)
            guess = f"; did you mean `{close[0]}`?" if close else ""
            raise click.UsageError(f"there is no verb `{args[0]}`{guess}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(_VERBS.items()))


def _show_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(f"secureload {version()}")
        ctx.exit()


@click.group(
    cls=_Verbs,
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Print the version and leave.",
)
@click.option(
    "--server",
    metavar="URL",
    envvar="SECURELOAD_SERVER",
    help="Have a service do the work: scan, admit, verify.",
)
@click.pass_context
def cli(ctx: click.Context, server: str | None) -> None:
    """Collect the verbs."""
    ctx.obj = server


def answer(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; no exception gets out."""
    return answered(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> object:
    try:
        args = None if arguments is None else list(arguments)
        return cli.main(args, prog_name="secureload", standalone_mode=False)
    except click.ClickException as error:
        return _misused(error)
    except click.Abort:
        raise KeyboardInterrupt from None


def _misused(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return 2
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "secureload"
    fail(error.format_message().rstrip("."), f"`{path} --help` tells how it is used")
    return 2
