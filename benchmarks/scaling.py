"""What one installation on PostgreSQL writes, reads and takes in, side by side with SQLite.

    python benchmarks/scaling.py [--seconds 3]

Needs a PostgreSQL server's programs (`apt-get install postgresql`); it starts a server of its
own, with the disk flushed as a service's is. Server and clients share this machine's cores.
`append`: audited transactions a second, which one at a time may write, whoever asks. `batch`:
loads a second, written as front ends do, 100 in one transaction. `read`: an audited row looked
up. `submit`: orders for different models that the queue takes; `join`: orders for a model that
is on its way already, which is what most of many clients at once ask for.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from secureload.gateway.jobs import WorkerPool  # noqa: E402
from secureload.gateway.queue import Queue  # noqa: E402
from secureload.gateway.work import Order  # noqa: E402
from secureload.ledger import audit, store  # noqa: E402
from secureload.ledger.database import Database  # noqa: E402
from tests.servers.postgres import Postgres  # noqa: E402

THREADS = 8


def rate(action: Callable[[], object], seconds: float, *, threads: int = THREADS) -> float:
    """Calls a second of `threads` that call as often as they can."""
    end = time.monotonic() + seconds

    def work(_: int) -> int:
        count = 0
        while time.monotonic() < end:
            action()
            count += 1
        return count

    begun = time.monotonic()
    with ThreadPoolExecutor(threads) as pool:
        total = sum(pool.map(work, range(threads)))
    return total / (time.monotonic() - begun)


def ledger_rates(ledger: Database, seconds: float) -> dict[str, float]:
    def append() -> None:
        with ledger.write() as session:
            audit.append(session, "now", "measured", uuid.uuid4().hex, {})

    def batch() -> None:
        with ledger.write(durable=False) as session:
            for _ in range(100):
                store.record_load(session, "x", "service", "y", None, "now", client="z")

    def read() -> None:
        with ledger.read() as session:
            audit.checkpoint(session)

    append()
    return {
        "append": rate(append, seconds),
        "batch": 100 * rate(batch, seconds, threads=1),
        "read": rate(read, seconds),
    }


def queue_rates(ledger: Database, seconds: float) -> dict[str, float]:
    async def measure() -> dict[str, float]:
        local = WorkerPool(ledger, workers=1, queue=1, seconds=1, sole=False)
        queue = Queue(ledger, local=local, queue=1_000_000)
        await queue.start()

        async def submit(name: str | None) -> float:
            end, begun, count = time.monotonic() + seconds, time.monotonic(), 0

            async def client() -> None:
                nonlocal count
                while time.monotonic() < end:
                    repository = name or f"org/{uuid.uuid4().hex}"
                    order = Order(
                        kind="admit", policy="default", home="", upstream="", repository=repository
                    )
                    await queue.submit(order, by="benchmark")
                    count += 1

            await asyncio.gather(*(client() for _ in range(THREADS)))
            return count / (time.monotonic() - begun)

        found = {"submit": await submit(None), "join": await submit("org/one")}
        await queue.close()
        return found

    return asyncio.run(measure())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as name, Postgres(durable=True) as server:
        home = Path(name)
        sqlite = ledger_rates(Database(home / "secureload.db", home / "lock"), seconds)
        shared = Database(home / "unused", home / "unused", server.database())
        postgres = ledger_rates(shared, seconds)
        queue = queue_rates(shared, seconds)
    print(f"{'a second':12} {'SQLite':>10} {'PostgreSQL':>12} {'ratio':>7}")
    for what, before in sqlite.items():
        print(f"{what:12} {before:10.0f} {postgres[what]:12.0f} {postgres[what] / before:7.2f}")
    for what, found in queue.items():
        print(f"{what:12} {'':10} {found:12.0f}")


if __name__ == "__main__":
    main()
