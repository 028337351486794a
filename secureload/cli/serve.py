"""`secureload serve`: a Hub that serves only what was admitted."""

from __future__ import annotations

import contextlib
import ipaddress
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from secureload import telemetry
from secureload.cli.console import say
from secureload.cli.options import policy_option
from secureload.errors import UsageError
from secureload.settings import Settings

if TYPE_CHECKING:
    from secureload.gateway.app import Services
    from secureload.gateway.principals import Role

_HELP = """Serve admitted models to unmodified Hub clients.

\b
Examples:
  secureload serve
  secureload serve --upstream https://huggingface.co --policy strict --port 8642
  HF_ENDPOINT=http://127.0.0.1:8642 hf download org/model

One process with worker processes, SQLite and a folder: `$SECURELOAD_HOME`. On a loopback
address and without tokens anybody may read and ask; elsewhere make a token first, with
`secureload token create`. Ends on SIGTERM or Ctrl-C once requests in progress are done.
"""


def _configure(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Take what the file says for what the command line and the variables do not say.

    Raises:
        PolicyError, UsageError: the file or a variable is not good.
    """
    try:
        from secureload.gateway import setup
    except ImportError as error:
        raise _not_installed(error) from error
    setup.check_variables(ctx.command)
    if path is not None:
        said = setup.read(path, ctx.command)
        ctx.default_map = dict(said.options)
        ctx.meta[_SETUP] = said


_SETUP = "secureload.setup"


@click.command("serve", help=_HELP)
@click.option(
    "--config",
    is_eager=True,
    expose_value=False,
    callback=_configure,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of these options, limits and sign-in; each is also a variable: "
    "SECURELOAD_SERVE_PORT.",
)
@click.option("--upstream", metavar="URL", help="The hub behind it. [$HF_ENDPOINT]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8642, show_default=True, type=click.IntRange(0, 65535))
@policy_option
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 256))
@click.option(
    "--wait",
    default=8.0,
    show_default=True,
    type=click.FloatRange(0.0, 3_600.0),
    help="Seconds a request waits for an admission.",
)
@click.option(
    "--refresh",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0.0, 86_400.0),
    help="Seconds for which the hub's word on branches and access is good.",
)
@click.option(
    "--anonymous",
    multiple=True,
    type=click.Choice(["reader", "requester", "nobody"]),
    help="What may be done without a token (repeatable).",
)
@click.option("--public-url", default="", metavar="URL", help="What clients call the service.")
@click.option("--offline", is_flag=True, help="Only what is admitted; the hub is not asked.")
@click.option(
    "--log-format",
    type=click.Choice(["json", "text"]),
    default="text",
    show_default=True,
    help="How each line of the log on standard error is written.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="From which level on; info has a line for each request.",
)
def command(
    upstream: str | None,
    host: str,
    port: int,
    policy_name: str | None,
    workers: int,
    wait: float,
    refresh: float,
    anonymous: tuple[str, ...],
    public_url: str,
    offline: bool,
    log_format: Literal["json", "text"],
    log_level: str,
) -> int:
    """Run the service."""
    try:
        from secureload.gateway import app, logs, server
        from secureload.gateway.config import Config
        from secureload.gateway.principals import Role
    except ImportError as error:
        raise _not_installed(error) from error
    said = click.get_current_context().meta.get(_SETUP)
    logs.start(log_format, log_level)
    end_of_traces = telemetry.start("secureload")
    settings = Settings.from_environment()
    settings = replace(
        settings,
        endpoint=(upstream or settings.endpoint).rstrip("/"),
        policy=_policy(policy_name or settings.policy),
        offline=offline or settings.offline,
    )
    roles = frozenset(Role(name) for name in anonymous if name != "nobody")
    config = Config(
        settings=settings,
        policy=settings.policy,
        upstream_token=upstream_token(),
        anonymous=roles,
        public_url=public_url,
        workers=workers,
        wait=wait,
        refresh=refresh,
    )
    if said is not None:
        config = replace(
            config,
            limits=said.limits,
            oidc=said.oidc,
            upload_bytes=said.limits.upload_bytes or config.upload_bytes,
        )
    listening = server.bind(host, port)
    parts = app.services(config)
    if not anonymous:
        parts = app.services(replace(config, anonymous=_anonymous(parts, host)))
    place = f"http://{host}:{listening.getsockname()[1]}"
    say(f"serving {settings.endpoint} under policy {settings.policy} at {place}")
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again at the end
        server.run(parts, listening)
    end_of_traces()
    return 0


def _name_variables(command: click.Command) -> None:
    """Let each option be set by a variable of its name, before those it has already."""
    for option in command.params:
        own = "SECURELOAD_SERVE_" + option.opts[-1].removeprefix("--").replace("-", "_").upper()
        others = option.envvar or []
        option.envvar = [own, *([others] if isinstance(others, str) else others)]


def _not_installed(error: ImportError) -> UsageError:
    return UsageError(
        f"the service needs {error.name}, which is not installed",
        hint="pip install 'secureload[serve]'",
    )


def _policy(name: str) -> str:
    """A policy file by its full path, whichever folder a worker is in."""
    return str(Path(name).expanduser().absolute()) if Path(name).is_file() else name


def upstream_token() -> str:
    """The token that the service itself fetches with: its own variable, else the account's."""
    if token := os.environ.get("SECURELOAD_UPSTREAM_TOKEN"):
        return token
    from huggingface_hub import get_token

    return get_token() or ""


def _anonymous(parts: Services, host: str) -> frozenset[Role]:
    """What may be done without a token where `--anonymous` does not say.

    Raises:
        UsageError: nobody could do anything.
    """
    from secureload.gateway.config import OPEN
    from secureload.ledger import tokens

    with parts.ledger.read() as session:
        any_token = any(token.revoked_at is None for token in tokens.every(session))
    if any_token or parts.config.oidc:
        return frozenset()
    if not _is_loopback(host):
        raise UsageError(
            f"anybody could ask at {host}, and there is no token yet",
            hint="make one with `secureload token create NAME --role admin`, or say with "
            "--anonymous what may be done without one",
        )
    return OPEN


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_name_variables(command)
