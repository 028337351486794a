"""`secureload worker`: works off what front ends on any machine were asked for."""

from __future__ import annotations

import logging
from typing import Literal

import click

from secureload.cli import running
from secureload.cli.console import say
from secureload.errors import UsageError
from secureload.settings import Settings

_HELP = """Take admissions from the queue and work them off on this machine.

\b
Examples:
  export SECURELOAD_DATABASE=postgresql+psycopg://secureload@db/secureload
  export SECURELOAD_STORAGE=s3://models/secureload
  secureload worker
  secureload worker --workers 8 --lease 60

As many as wanted, on as many machines; front ends are `secureload serve` with the same two
variables, and the same policy files. Each fetches with its own SECURELOAD_UPSTREAM_TOKEN. On
SIGTERM it takes no more, ends what it has begun within --grace, and gives back the rest.
"""


@click.command("worker", help=_HELP)
@running.config_option
@running.workers_option
@click.option(
    "--lease",
    default=30.0,
    show_default=True,
    type=click.FloatRange(1.0, 3_600.0),
    help="Seconds of silence after which its jobs go to others; the same for all workers.",
)
@click.option(
    "--grace",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0.0, 86_400.0),
    help="Seconds for what it has begun, once it is told to end.",
)
@running.address_options(None, "Answer /livez, /readyz and /metrics here. [not at all]")
@running.log_options
def command(
    workers: int,
    lease: float,
    grace: float,
    host: str,
    port: int | None,
    log_format: Literal["json", "text"],
    log_level: str,
) -> int:
    """Run a worker."""
    settings = Settings.from_environment()
    if not settings.database or not settings.storage:
        raise UsageError(
            "a worker shares a ledger and content with front ends, and none are named",
            hint="set SECURELOAD_DATABASE and SECURELOAD_STORAGE; `secureload serve` alone "
            "works without a worker",
        )
    try:
        from secureload.gateway import listening, worker
    except ImportError as error:
        raise running.not_installed(error, "cluster") from error
    end_of_traces = running.start(log_format, log_level, "secureload-worker")
    # The queue logs each of its own steps, with what the jobs were asked for.
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
    socket = listening.bind(host, port) if port is not None else None
    told = f"; told at http://{host}:{socket.getsockname()[1]}/metrics" if socket else ""
    say(f"working with {workers} processes{told}")
    worker.main(
        worker.Setup(
            settings=settings,
            token=running.upstream_token(),
            workers=workers,
            lease=lease,
            grace=grace,
        ),
        socket,
    )
    end_of_traces()
    return 0


running.named(command)
