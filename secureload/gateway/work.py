"""What a worker process does: one order, start to end, in a process of its own.

An order goes in, one JSON outcome comes out. Nothing here knows of HTTP or of the event
loop, and the queue of a larger installation runs the same `perform`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import msgspec

from secureload import gate, policy, telemetry, tracing
from secureload.errors import IntegrityError, NotFoundError, Refused, SecureloadError
from secureload.flow import CacheEntry, Listing, Need, Source, digest_of
from secureload.gateway import logs, revisions, waiving
from secureload.ledger import hub_revisions, lease
from secureload.ledger.database import Database
from secureload.selection import EVERY_VARIANT
from secureload.settings import Settings

NEED = Need(variant=EVERY_VARIANT)
"""What the service admits of a repository: what libraries load, or all if the policy says so."""

Progress = Callable[[str, int, int], None]

_TICK = 0.5
"""Seconds between two words of progress."""

_ABOUT = {
    **dict.fromkeys(("pipeline_tag", "library_name", "author", "createdAt", "lastModified"), str),
    **dict.fromkeys(("description", "sdk"), str),
    **dict.fromkeys(("downloads", "likes"), int),
    **dict.fromkeys(("cardData", "config", "transformersInfo"), dict),
    "tags": list,
}
"""What is taken over from the hub's own information, if it is of this type."""

_ABOUT_BYTES = 256 << 10
"""Most of it that is kept; the Hub's own cards have some KiB."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What a worker is to do, and under which settings.

    `token` is what it fetches with, and is never recorded. For a scan, `folder` holds the
    files and is the worker's to read, not to remove.
    """

    kind: Literal["admit", "verify", "scan"]
    policy: str
    home: str
    upstream: str
    offline: bool = False
    repository: str = ""
    revision: str | None = None
    folder: str = ""
    format: str = "json"
    again: bool = False
    """Judge anew what is admitted already."""
    token: str = field(default="", repr=False)
    traceparent: str = field(default_factory=tracing.traceparent, compare=False)
    """The request behind it, so that the worker's spans are its children."""
    lease: tuple[int, int, int] | None = None
    """What it is published under, where a queue gave the order: see `ledger.lease`."""

    @property
    def key(self) -> tuple[str, ...]:
        """Orders with equal keys are one piece of work."""
        asked = (self.repository, self.revision or "", str(self.again))
        return (self.kind, *asked, self.policy, self.folder)


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an order ended. `state` is `admitted`, `refused`, `done` or `failed`.

    `fault` names the kind of accident: `not-found`, `no-file`, `access`, `conversion`,
    `unavailable`, `usage`, `internal`.
    """

    state: str
    commit: str = ""
    revision_id: str = ""
    admission: str = ""
    verdict: dict[str, Any] | None = None
    document: dict[str, Any] | None = None
    text: str = ""
    message: str = ""
    hint: str = ""
    fault: str = ""
    figures: dict[str, float] = {}
    """What the stages of the gate added up: seconds, and bytes."""


def main(order: Order, pipe: Connection, log: tuple[logs.Format, str] | None = None) -> None:
    """Run in a process of its own: words of progress, then the outcome, down the pipe.

    `log` is how the one that listens logs. JSON, because this process reads what nobody has
    vouched for, and the one that listens must not unpickle what it says.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _interrupted)
    if log is not None:
        logs.start(*log)
    said = 0.0

    def progress(label: str, done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= _TICK:
            said = now
            pipe.send_bytes(msgspec.json.encode({"progress": [label, done, total]}))

    ended = telemetry.start("secureload-worker")
    try:
        outcome = perform(order, progress)
    except KeyboardInterrupt:  # told to end: on its way here it has tidied up
        return
    finally:
        ended()
    with contextlib.suppress(BrokenPipeError):  # whoever listened is gone
        pipe.send_bytes(msgspec.json.encode({"outcome": outcome}))
    pipe.close()


def _interrupted(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def perform(order: Order, progress: Progress | None = None) -> Outcome:
    """Do what an order says; every accident becomes an outcome with a reason."""
    with (
        tracing.collected() as figures,
        tracing.continued(order.traceparent),
        tracing.span("secureload.job", **{"secureload.job.kind": order.kind}) as span,
    ):
        outcome = _performed(order, progress)
        if span is not None:
            span.set_attribute("secureload.job.state", outcome.state)
    return msgspec.structs.replace(outcome, figures=figures)


def _performed(order: Order, progress: Progress | None) -> Outcome:
    try:
        return _KINDS[order.kind](order, progress)
    except Refused as refused:
        verdict = msgspec.to_builtins(refused.verdict)
        return Outcome(state="refused", commit=refused.verdict.commit, verdict=verdict)
    except SecureloadError as error:
        return Outcome(state="failed", message=error.message, hint=error.hint, fault=_fault(error))
    except MemoryError:
        return Outcome(state="failed", message="the worker ran out of memory", fault="internal")
    except Exception as error:
        return Outcome(
            state="failed",
            message=f"internal error: {type(error).__name__}: {error}",
            hint="this is a bug in secureload; please report it",
            fault="internal",
        )


def _fault(error: SecureloadError) -> str:
    kinds = {
        "NotFoundError": "not-found",
        "NothingNeededError": "no-file",
        "AccessError": "access",
        "ConversionError": "conversion",
        "TransientError": "unavailable",
        "OfflineError": "unavailable",
        "SourceError": "unavailable",
        "UsageError": "usage",
    }
    return kinds.get(type(error).__name__, "internal")


def _settings(order: Order) -> Settings:
    return replace(
        Settings.from_environment(),
        home=Path(order.home),
        endpoint=order.upstream,
        policy=order.policy,
        offline=order.offline,
    )


def _gate(order: Order, progress: Progress | None) -> gate.Gate:
    settings = _settings(order)
    if settings.database:
        waiving.bring(Database(settings.home, settings.home, settings.database), settings.home)
    opened = gate.Gate(
        policy=policy.load(order.policy, settings),
        settings=settings,
        token=order.token or False,
        offline=order.offline,
        progress=progress,
    )
    if order.lease is not None:
        opened.cache.fence = functools.partial(lease.demand, lease=order.lease)
    return opened


def _admit(order: Order, progress: Progress | None) -> Outcome:
    opened = _gate(order, progress)
    source = Source(kind="hub", location=order.repository, revision=order.revision)
    entry = opened.admit(source, NEED, force=order.again)
    revision_id = publish(opened, entry, _about(order, entry.commit))
    if order.revision and order.revision != entry.commit:
        # The gate remembers only what it resolved itself.
        opened.cache.remember(Listing(source=source, commit=entry.commit, claims=()))
    return Outcome(
        state="admitted",
        commit=entry.commit,
        revision_id=revision_id,
        admission=entry.admission,
        verdict=msgspec.to_builtins(entry.verdict),
    )


def publish(opened: gate.Gate, entry: CacheEntry, about: Mapping[str, Any]) -> str:
    """Give an admission its revision id, so that front ends find it; returns the id.

    Raises:
        CacheError, IntegrityError: the ledger cannot be written, or contradicts itself.
    """
    key = opened.key(entry.source, entry.commit, NEED)
    artifact = digest_of((file.sha256, file.size, file.path) for file in entry.files)
    document = {"oids": revisions.git_oids(entry.path, entry.files), "about": dict(about)}
    layout = opened.cache.layout
    database = opened.settings.database
    ledger = Database(layout.database, layout.locks / "ledger.lock", database)
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    for own_id in (False, True):
        revision_id = revisions.revision_id(key, entry.conversions, artifact, own=own_id)
        try:
            with ledger.write() as session:
                if opened.cache.fence is not None:
                    opened.cache.fence(session)
                hub_revisions.publish(
                    session,
                    repository=entry.source.repository,
                    revision_id=revision_id,
                    commit=entry.commit,
                    artifact=artifact,
                    admission_id=entry.admission,
                    document=document,
                    at=at,
                )
        except IntegrityError:
            # The upstream commit stands for another choice of its files already.
            if own_id:
                raise
        else:
            break
    return revision_id


def _about(order: Order, commit: str) -> dict[str, Any]:
    """What the hub says of a repository beside its files; nothing of it is needed to serve it."""
    from urllib.parse import quote

    from secureload.sources import Context, transport

    if order.offline:
        return {}
    source = Source(kind="hub", location=order.repository)
    request = transport.Request(
        url=f"{order.upstream}/api/{source.repo_type}s/{quote(source.name)}/revision/{commit}",
        subject=f"{order.repository}@{commit}",
        secret={"Authorization": f"Bearer {order.token}"} if order.token else {},
    )
    try:
        info, _ = transport.fetch_json(request, Context(settings=_settings(order)))
    except SecureloadError:
        return {}
    if not isinstance(info, dict):
        return {}
    kept = {name: info[name] for name, kind in _ABOUT.items() if isinstance(info.get(name), kind)}
    kept["tags"] = [tag for tag in kept.get("tags", ()) if isinstance(tag, str)]
    for name in ("createdAt", "lastModified"):
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z", kept.get(name, "")):
            kept.pop(name, None)
    return kept if len(msgspec.json.encode(kept)) <= _ABOUT_BYTES else {}


def _verify(order: Order, progress: Progress | None) -> Outcome:
    from secureload import signatures

    source = Source(kind="hub", location=order.repository, revision=order.revision)
    listing, attestation = _gate(order, progress).verify(source)
    return Outcome(
        state="done",
        commit=listing.commit,
        document=signatures.verification_json(listing, attestation),
    )


def _scan(order: Order, progress: Progress | None) -> Outcome:
    from scanner import reports, scan
    from secureload.policy import judge_report, scan_options

    loaded = policy.load(order.policy, _settings(order))
    options = scan_options(loaded.topics(Source(kind="local", location="")))
    if not Path(order.folder).is_dir():
        raise NotFoundError("the files to scan are gone")
    here = Path.cwd()
    os.chdir(order.folder)  # so that the report names no folder of this machine
    try:
        report = scan(["."], digest=bool(loaded.waivers), **options)
    finally:
        os.chdir(here)
    judgement = judge_report(report, loaded, today=loaded.today)
    context = reports.Context(
        verdict=judgement.decision.value,
        policy=loaded.id.name,
        policy_digest=loaded.id.digest,
        reasons=tuple(str(reason) for reason in judgement.reasons),
        colour=False,
        width=100,
        version="0",
        pages=_pages() if order.format == "sarif" else {},
    )
    return Outcome(
        state="done",
        text=reports.render(report, order.format, context),
        document={"decision": judgement.decision.value},
    )


def _pages() -> dict[str, str]:
    from scanner.rules import rules

    return {rule.id: rule.page for rule in rules()}


_KINDS: Mapping[str, Callable[[Order, Progress | None], Outcome]] = {
    "admit": _admit,
    "verify": _verify,
    "scan": _scan,
}
