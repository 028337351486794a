"""Ask for admissions and verifications, and see how they stand."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Literal

import msgspec
from fastapi import APIRouter, Response

from secureload.cache import TrustedCache
from secureload.errors import NotFoundError, UsageError
from secureload.flow import CacheEntry, repo_type_of
from secureload.gateway.api.shapes import Asking, Id, JobShown, Limit, ModelAsked, Parts, Repository
from secureload.gateway.aside import aside
from secureload.gateway.jobs import Ticket
from secureload.gateway.problems import Invalid, NoSuchPage, Problem
from secureload.gateway.work import Order
from secureload.ledger import jobs as records
from secureload.ledger.records import JobRecord
from secureload.sources import parse

router = APIRouter(tags=["admissions"])


@router.get("/whoami")
async def whoami(asking: Asking) -> dict[str, Any]:
    """Who the service takes you for, and your roles."""
    return {
        "name": asking.name,
        "known": asking.known,
        "roles": sorted(role.value for role in asking.roles),
    }


@router.post("/admissions", responses={202: {"model": JobShown}})
async def admit(asked: ModelAsked, asking: Asking, parts: Parts, answer: Response) -> JobShown:
    """Run a model through the gate; 202 while the job is unfinished.

    What is admitted already is answered at once, unless `again` asks for a new look.
    """
    return await _work("admit", asked, asking, parts, answer)


@router.post("/verifications", responses={202: {"model": JobShown}})
async def verify(asked: ModelAsked, asking: Asking, parts: Parts, answer: Response) -> JobShown:
    """Say who signed a model, and prove the chain down to its bytes; 202 while unfinished."""
    return await _work("verify", asked, asking, parts, answer)


@router.get("/admissions")
async def admissions(
    parts: Parts, asking: Asking, repository: Repository = None, limit: Limit = 100
) -> list[dict[str, Any]]:
    """What is admitted, newest first."""
    cache: TrustedCache = parts.catalogue.cache
    entries = await aside(cache.entries)
    shown = []
    for entry in reversed(entries):
        name = entry.source.repository if entry.source.kind == "hub" else ""
        if repository in (None, name) and await may_read(parts, asking, name):
            shown.append(_entry(entry))
        if len(shown) == limit:
            break
    return shown


@router.get("/admissions/{id}")
async def admission(id: Id, parts: Parts, asking: Asking) -> dict[str, Any]:  # noqa: A002
    """One admission, by its id or the beginning of it."""
    return _entry(await _readable(id, parts, asking))


@router.get("/admissions/{id}/evidence")
async def evidence(id: Id, parts: Parts, asking: Asking) -> dict[str, Any]:  # noqa: A002
    """The documents signed at an admission, by name."""
    from secureload.evidence import of

    entry = await _readable(id, parts, asking)
    for file in entry.evidence:  # where content is shared, it may not be on this machine yet
        await (await parts.store.open(file.sha256, file.size, check="changed")).close()
    kept = of(entry)
    return {name: json.loads(await aside(kept.read, name)) for name in kept.names}


@router.get("/jobs")
async def jobs(
    parts: Parts,
    asking: Asking,
    state: Literal["queued", "running", "admitted", "refused", "done", "failed"] | None = None,
    repository: Repository = None,
    limit: Limit = 100,
) -> list[JobShown]:
    """Jobs, newest first."""
    standing = {ticket.id: ticket for ticket in await parts.jobs.running()}

    def read() -> tuple[JobRecord, ...]:
        with parts.ledger.read() as session:
            return records.recent(session, state=state, repository=repository, limit=limit)

    return [
        _job(record, standing.get(record.id))
        for record in await aside(read)
        if await may_read(parts, asking, record.repository)
    ]


@router.get("/jobs/{id}")
async def job(id: Id, parts: Parts, asking: Asking) -> JobShown:  # noqa: A002
    """One job."""
    standing = {ticket.id: ticket for ticket in await parts.jobs.running()}
    if id in standing and await may_read(parts, asking, standing[id].order.repository):
        return _ticket(standing[id])

    def read() -> JobRecord | None:
        with parts.ledger.read() as session:
            return records.get(session, id)

    record = await aside(read)
    if record is None or not await may_read(parts, asking, record.repository):
        raise NoSuchPage(f"there is no job {id}")
    return _job(record, None)


async def _work(
    kind: Literal["admit", "verify"],
    asked: ModelAsked,
    asking: Asking,
    parts: Parts,
    answer: Response,
) -> JobShown:
    try:
        parse(f"hub:{asked.repository}", asked.revision)
    except UsageError as error:
        raise Invalid(error.message, hint=error.hint) from error
    await parts.admissions.check_access(asking, asked.repository)
    order: Order = parts.admissions.order(asking, asked.repository, asked.revision)
    order = dataclasses.replace(order, kind=kind, again=asked.again)
    ticket: Ticket = await parts.jobs.submit(order, by=asking.name)
    waited = await parts.jobs.wait(ticket.id, asked.wait)
    if waited.outcome is None:
        answer.status_code = 202
        answer.headers["Location"] = f"/api/secureload/v1/jobs/{waited.id}"
    return _ticket(waited)


async def _readable(id_prefix: str, parts: Parts, asking: Asking) -> CacheEntry:
    try:
        entry: CacheEntry = await aside(parts.catalogue.cache.entry, id_prefix)
    except NotFoundError as error:
        raise NoSuchPage(error.message) from error
    name = entry.source.repository if entry.source.kind == "hub" else ""
    if not await may_read(parts, asking, name):
        raise NoSuchPage(f"no admission begins with `{id_prefix}`")
    return entry


async def may_read(parts: Parts, asking: Asking, repository: str) -> bool:
    """Whether a principal may see what is known of a repository (empty: of none on the hub)."""
    if asking.known or not repository:
        return bool(asking.known)
    try:
        await parts.admissions.check_access(asking, repository)
    except Problem:
        return False
    return True


def _entry(entry: CacheEntry) -> dict[str, Any]:
    return {
        "schema": "secureload.admission/1",
        "admission": entry.admission,
        "source": str(entry.source),
        "repo_type": entry.source.repo_type,
        "commit": entry.commit,
        "policy": msgspec.to_builtins(entry.verdict.policy),
        "verdict": msgspec.to_builtins(entry.verdict),
        "files": msgspec.to_builtins(entry.files),
        "conversions": [
            {
                "converter": conversion.converter,
                "inputs": list(conversion.inputs),
                "outputs": list(conversion.outputs),
                "tensors": len(conversion.tensors),
                "notes": list(conversion.notes),
            }
            for conversion in entry.conversions
        ],
        "evidence": [file.name for file in entry.evidence],
    }


def _ticket(ticket: Ticket) -> JobShown:
    order, outcome = ticket.order, ticket.outcome
    waiting = "queued" if ticket.place else "running"
    return JobShown(
        id=ticket.id,
        kind=order.kind,
        state=outcome.state if outcome else waiting,
        repository=order.repository,
        repo_type=repo_type_of(order.repository),
        revision=order.revision,
        commit=outcome.commit if outcome else "",
        requested_by=ticket.requested_by,
        created_at=ticket.created_at,
        place=None if outcome else ticket.place,
        stage=ticket.stage,
        outcome=msgspec.to_builtins(outcome) if outcome else {},
    )


def _job(record: JobRecord, ticket: Ticket | None) -> JobShown:
    return JobShown(
        id=record.id,
        kind=record.kind,
        state=record.state,
        repository=record.repository,
        repo_type=repo_type_of(record.repository),
        revision=record.revision,
        commit=record.commit,
        requested_by=record.requested_by,
        created_at=record.created_at,
        started_at=record.started_at,
        finished_at=record.finished_at,
        place=ticket.place if ticket else None,
        stage=ticket.stage if ticket else "",
        outcome=dict(record.outcome),
    )
