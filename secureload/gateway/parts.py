"""What stands behind the application: the parts of the service, put together."""

from __future__ import annotations

from dataclasses import dataclass

from secureload.errors import UsageError
from secureload.gateway.admissions import Admissions
from secureload.gateway.catalogue import Catalogue
from secureload.gateway.config import Config
from secureload.gateway.jobs import Jobs, WorkerPool
from secureload.gateway.limits import Limiter
from secureload.gateway.loads import Loads
from secureload.gateway.metrics import Metrics
from secureload.gateway.oidc.workloads import Workloads
from secureload.gateway.principals import Identities, LedgerTokens
from secureload.gateway.store import FolderStore, Store
from secureload.gateway.upstream import Upstream
from secureload.ledger.database import Database


@dataclass(frozen=True, kw_only=True)
class Services:
    """What handlers work with; one of each for the life of the service."""

    config: Config
    ledger: Database
    catalogue: Catalogue
    upstream: Upstream
    jobs: Jobs
    store: Store
    identities: Identities
    admissions: Admissions
    loads: Loads
    metrics: Metrics
    limiter: Limiter
    workloads: Workloads


def services(
    config: Config,
    *,
    jobs: Jobs | None = None,
    store: Store | None = None,
    identities: Identities | None = None,
) -> Services:
    """Put the parts together; each of the three seams may be given another implementation.

    Raises:
        CacheError: the ledger cannot be opened.
        PolicyError: the policy is not valid.
    """
    from secureload.cache.layout import Layout

    layout = Layout(config.settings.home)
    layout.create()
    settings = config.settings
    ledger = Database(layout.database, layout.locks / "ledger.lock", settings.database)
    ledger.create()
    catalogue = Catalogue(config.settings, ledger)
    catalogue.policy()
    metrics = Metrics()
    upstream = Upstream(config.settings, config.refresh, count=metrics.asked)
    jobs = jobs or _jobs(config, ledger)
    if store is None and settings.storage:
        from secureload.gateway.objects import ObjectStore

        store = ObjectStore(layout, ledger, settings.storage)
    return Services(
        config=config,
        ledger=ledger,
        catalogue=catalogue,
        upstream=upstream,
        jobs=jobs,
        store=store or FolderStore(layout, ledger),
        identities=identities or LedgerTokens(ledger, config.anonymous),
        admissions=Admissions(config, catalogue, upstream, jobs, count=metrics.looked),
        loads=Loads(ledger),
        metrics=metrics,
        limiter=Limiter(config.limits, metrics.turned_away),
        workloads=Workloads(config.oidc),
    )


def _jobs(config: Config, ledger: Database) -> Jobs:
    """Jobs in processes of this machine, or on the queue that machines share."""
    pool = WorkerPool(
        ledger,
        workers=config.workers,
        queue=config.queue,
        seconds=config.job_seconds,
        sole=not ledger.url,
    )
    if not ledger.url:
        return pool
    if not config.settings.storage:
        raise UsageError(
            "front ends that share a ledger share its content, and SECURELOAD_STORAGE names none",
            hint="set it to s3://bucket/prefix, or to file:///folder where all machines see it",
        )
    from secureload.gateway.queue import Queue

    return Queue(ledger, local=pool, queue=config.queue)
