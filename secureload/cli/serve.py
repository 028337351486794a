"""`secureload serve`: a Hub that serves only what was admitted."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from secureload.cli import running
from secureload.cli.console import say
from secureload.cli.options import policy_option
from secureload.errors import UsageError
from secureload.settings import Settings

_ADDRESS = re.compile(r"https?://[^\s/?#@]+(?:/[^\s?#@]*)?")

if TYPE_CHECKING:
    from secureload.gateway.parts import Services
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


@click.command("serve", help=_HELP)
@running.config_option
@click.option("--upstream", metavar="URL", help="The hub behind it. [$HF_ENDPOINT]")
@running.address_options(8642, "Port to listen on; 0 is any that is free.")
@policy_option
@running.workers_option
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
@running.log_options
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
        from secureload.gateway import listening, server
        from secureload.gateway.config import Config
        from secureload.gateway.parts import services
        from secureload.gateway.principals import Role
    except ImportError as error:
        raise running.not_installed(error) from error
    said = running.said()
    end_of_traces = running.start(log_format, log_level, "secureload")
    settings = Settings.from_environment()
    settings = replace(
        settings,
        endpoint=_upstream(upstream or settings.endpoint),
        policy=_policy(policy_name or settings.policy),
        offline=offline or settings.offline,
    )
    roles = frozenset(Role(name) for name in anonymous if name != "nobody")
    config = Config(
        settings=settings,
        policy=settings.policy,
        upstream_token=running.upstream_token(),
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
    socket = listening.bind(host, port)
    parts = services(config)
    if not anonymous:
        parts = services(replace(config, anonymous=_anonymous(parts, host)))
    place = f"http://{host}:{socket.getsockname()[1]}"
    say(f"serving {settings.endpoint} under policy {settings.policy} at {place}")
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again at the end
        server.run(parts, socket)
    end_of_traces()
    return 0


def _policy(name: str) -> str:
    """A policy file by its full path, whichever folder a worker is in."""
    return str(Path(name).expanduser().absolute()) if Path(name).is_file() else name


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


running.named(command)


def _upstream(text: str) -> str:
    """The hub's address, said to be none before anybody is served.

    Raises:
        UsageError: it is no address of a hub.
    """
    if not _ADDRESS.fullmatch(address := text.rstrip("/")):
        raise UsageError(
            f"--upstream: {text!r} is no address of a hub",
            hint="give something like https://huggingface.co",
        )
    return address
