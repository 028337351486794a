"""`secureload worker`: works off what front ends on any machine were asked for."""

from __future__ import annotations

import logging
import sys

import click

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
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 256))
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
def command(workers: int, lease: float, grace: float) -> int:
    """Run a worker."""
    settings = Settings.from_environment()
    if not settings.database or not settings.storage:
        raise UsageError(
            "a worker shares a ledger and content with front ends, and none are named",
            hint="set SECURELOAD_DATABASE and SECURELOAD_STORAGE; `secureload serve` alone "
            "works without a worker",
        )
    try:
        from secureload.cli.serve import upstream_token
        from secureload.gateway import worker
    except ImportError as error:
        raise UsageError(
            f"a worker needs {error.name}, which is not installed",
            hint="pip install 'secureload[cluster]'",
        ) from error
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("secureload").setLevel(logging.INFO)
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
    say(f"working with {workers} processes")
    worker.main(
        worker.Setup(
            settings=settings,
            token=upstream_token(),
            workers=workers,
            lease=lease,
            grace=grace,
        )
    )
    return 0
