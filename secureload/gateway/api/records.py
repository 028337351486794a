"""What is on record: verdicts and reports, policies, loads, the audit log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
from fastapi import APIRouter, Query

from secureload.gateway.api.shapes import Asking, Id, Limit, Parts, Repository
from secureload.gateway.aside import aside
from secureload.gateway.problems import NoSuchPage, Problem
from secureload.ledger import audit, service, verdicts
from secureload.ledger.records import VerdictRecord
from secureload.policy import SHIPPED

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

router = APIRouter(tags=["records"])

_T = TypeVar("_T")


@router.get("/verdicts")
async def listed(
    parts: Parts,
    asking: Asking,
    repository: Repository = None,
    decision: Literal["allow", "deny", "error"] | None = None,
    limit: Limit = 100,
) -> list[dict[str, Any]]:
    """Verdicts, newest first."""
    found = await reading(
        parts,
        lambda session: verdicts.recent(
            session, repository=repository, decision=decision, limit=limit
        ),
    )
    return [shown(record) for record in found if await may_read(parts, asking, record)]


@router.get("/verdicts/{id}")
async def verdict(id: Id, parts: Parts, asking: Asking) -> dict[str, Any]:  # noqa: A002
    """One verdict, with every reason."""
    return shown(await readable(id, parts, asking))


@router.get("/verdicts/{id}/report")
async def report(id: Id, parts: Parts, asking: Asking) -> dict[str, Any]:  # noqa: A002
    """What the scan behind a verdict said of each file, and who signed."""
    record = await readable(id, parts, asking)
    findings = await reading(parts, lambda session: verdicts.findings(session, record.id))
    signed = await reading(parts, lambda session: verdicts.attestation(session, record.id))
    return {**shown(record), "findings": msgspec.to_builtins(findings), "attestation": signed}


@router.get("/policies")
async def policies(parts: Parts) -> dict[str, Any]:
    """The policy in force with everything filled in, and the names of the shipped ones."""
    current = await aside(parts.catalogue.current)
    return {
        "name": current.id.name,
        "digest": current.id.digest,
        "document": current.document(),
        "shipped": list(SHIPPED),
    }


@router.get("/waivers")
async def waivers(parts: Parts) -> list[dict[str, Any]]:
    """The waivers that the policy in force counts with."""
    current = await aside(parts.catalogue.current)
    found = getattr(current, "waivers", ())
    return [
        {
            name: value
            for name, value in msgspec.to_builtins(waiver, enc_hook=str).items()
            if name != "path"
        }
        for waiver in found
    ]


@router.get("/loads")
async def loads(
    parts: Parts, repository: Repository = None, limit: Limit = 100
) -> list[dict[str, Any]]:
    """Who loaded or fetched what, newest first."""
    found = await reading(
        parts, lambda session: service.loads(session, repository=repository, limit=limit)
    )
    plain: list[dict[str, Any]] = msgspec.to_builtins(found)
    return plain


@router.get("/audit")
async def log(
    parts: Parts, since: Annotated[int, Query(ge=0, le=2**53)] = 0, limit: Limit = 100
) -> dict[str, Any]:
    """Rows of the audit log after `since`, and a checkpoint to keep elsewhere."""
    rows = await reading(parts, lambda s: service.audit_rows(s, since=since, limit=limit))
    now = await reading(parts, audit.checkpoint)
    return {"rows": rows, "checkpoint": {"count": now.count, "head": now.head}}


async def reading(parts: Parts, query: Callable[[Session], _T]) -> _T:
    """Run a query on the ledger beside the event loop."""

    def read() -> _T:
        with parts.ledger.read() as session:
            return query(session)

    return await aside(read)


async def readable(verdict_id: str, parts: Parts, asking: Asking) -> VerdictRecord:
    """A verdict that this principal may see.

    Raises:
        NoSuchPage: there is none, or it is not theirs to see.
    """
    record = await reading(parts, lambda session: verdicts.get(session, verdict_id))
    if record is None or not await may_read(parts, asking, record):
        raise NoSuchPage(f"there is no verdict {verdict_id}")
    return record


async def may_read(parts: Parts, asking: Asking, record: VerdictRecord) -> bool:
    """Whether a principal may see what a verdict says of its repository."""
    if asking.known:
        return True
    if record.kind != "hub":
        return False
    try:
        await parts.admissions.check_access(asking, record.repository)
    except Problem:
        return False
    return True


def shown(record: VerdictRecord) -> dict[str, Any]:
    """A verdict as JSON."""
    plain: dict[str, Any] = msgspec.to_builtins(record)
    return plain
