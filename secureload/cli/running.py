"""What `serve` and `worker` share: options that a file and variables set too, logs, tokens."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from secureload import telemetry
from secureload.errors import UsageError

if TYPE_CHECKING:
    from secureload.gateway.setup import Setup

_F = TypeVar("_F", bound=Callable[..., Any])
_SETUP = "secureload.setup"


def config_option(function: _F) -> _F:
    """`--config FILE`, read before the other options."""
    return click.option(
        "--config",
        is_eager=True,
        expose_value=False,
        callback=_configure,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A file of these options; each is also a variable: SECURELOAD_<VERB>_LOG_FORMAT.",
    )(function)


def workers_option(function: _F) -> _F:
    """`--workers N`."""
    return click.option(
        "--workers",
        default=2,
        show_default=True,
        type=click.IntRange(1, 256),
        help="Worker processes at once.",
    )(function)


def address_options(port: int | None, about: str) -> Callable[[_F], _F]:
    """`--host` and `--port`, where None does not listen; `about` is the port's help."""

    def both(function: _F) -> _F:
        host = click.option(
            "--host", default="127.0.0.1", show_default=True, help="Address to listen on."
        )
        ports = click.IntRange(0, 65535)
        kind = click.option("--port", default=port, show_default=True, type=ports, help=about)
        return host(kind(function))

    return both


def log_options(function: _F) -> _F:
    """`--log-format` and `--log-level`."""
    form = click.option(
        "--log-format",
        type=click.Choice(["json", "text"]),
        default="text",
        show_default=True,
        help="How each line of the log on standard error is written.",
    )
    level = click.option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="info",
        show_default=True,
        help="From which level on; info has a line for each request or job.",
    )
    return form(level(function))


def named(command: click.Command) -> click.Command:
    """Let each option be set by a variable of its name, before those it has already."""
    for option in command.params:
        name = option.opts[-1].removeprefix("--").replace("-", "_")
        others = option.envvar or []
        option.envvar = [
            f"SECURELOAD_{command.name}_{name}".upper(),
            *([others] if isinstance(others, str) else others),
        ]
    return command


def said() -> Setup | None:
    """What `--config` said, inside a command."""
    found: Setup | None = click.get_current_context().meta.get(_SETUP)
    return found


def start(log_format: Any, log_level: str, name: str) -> Callable[[], None]:
    """Begin to log, and to trace under this name if the environment says so; returns what ends it.

    Raises:
        UsageError: what it takes is not installed.
    """
    try:
        from secureload.gateway import logs
    except ImportError as error:
        raise not_installed(error) from error
    logs.start(log_format, log_level)
    return telemetry.start(name)


def not_installed(error: ImportError, extra: str = "serve") -> UsageError:
    """What to say where a package is missing, and which extra has it."""
    return UsageError(
        f"this needs {error.name}, which is not installed",
        hint=f"pip install 'secureload[{extra}]'",
    )


def upstream_token() -> str:
    """The token that the service itself fetches with: its own variable, else the account's."""
    if token := os.environ.get("SECURELOAD_UPSTREAM_TOKEN"):
        return token
    from huggingface_hub import get_token

    return get_token() or ""


def _configure(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Take what the file says for what the command line and the variables do not say.

    Raises:
        PolicyError, UsageError: the file or a variable is not good.
    """
    try:
        from secureload.gateway import setup
    except ImportError as error:
        raise not_installed(error) from error
    setup.check_variables(ctx.command)
    if path is not None:
        found = setup.read(path, ctx.command)
        ctx.default_map = dict(found.options)
        ctx.meta[_SETUP] = found
