"""Reviews: ask that a refusal be looked at; someone else decides."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter
from pydantic import Field

from secureload.gateway.api.records import may_read, readable, reading
from secureload.gateway.api.shapes import Asked, Asking, Id, Limit, Line, Parts
from secureload.gateway.aside import aside
from secureload.gateway.problems import Conflict, Forbidden, NoSuchPage
from secureload.gateway.waiving import waive
from secureload.ledger import reviews, verdicts
from secureload.ledger.records import ReviewRecord

router = APIRouter(tags=["reviews"])


class ReviewAsked(Asked):
    """A refusal to look at, and why it should be."""

    verdict: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    statement: Line


class Decided(Asked):
    """What the reviewer says; an approval makes a waiver that lasts until `expires`."""

    approve: bool
    comment: Line
    expires: Annotated[date, Field(strict=False)] | None = None


@router.get("/reviews")
async def listed(
    parts: Parts, state: Literal["open", "approved", "declined"] | None = None, limit: Limit = 100
) -> list[dict[str, Any]]:
    """Reviews, newest first."""
    found = await reading(parts, lambda s: reviews.recent(s, state=state, limit=limit))
    plain: list[dict[str, Any]] = msgspec.to_builtins(found)
    return plain


@router.post("/reviews", status_code=201)
async def ask(asked: ReviewAsked, parts: Parts, asking: Asking) -> dict[str, Any]:
    """Ask that a refusal be looked at."""
    record = await readable(asked.verdict, parts, asking)
    if record.verdict.decision.value == "allow":
        raise Conflict("that verdict is no refusal")

    def write() -> ReviewRecord:
        with parts.ledger.write() as session:
            return reviews.ask(session, record.id, asked.statement, by=asking.name, at=_now())

    return _plain(await aside(write))


@router.get("/reviews/{id}")
async def review(id: Id, parts: Parts, asking: Asking) -> dict[str, Any]:  # noqa: A002
    """One review."""
    return _plain(await _readable(id, parts, asking))


@router.post("/reviews/{id}/decision")
async def decide(id: Id, asked: Decided, parts: Parts, asking: Asking) -> dict[str, Any]:  # noqa: A002
    """Approve or decline; nobody decides on what they asked for themselves."""
    record = await _readable(id, parts, asking)
    if record.requested_by == asking.name:
        raise Forbidden("nobody decides on what they asked for themselves")
    if record.state != "open":
        raise Conflict(f"this review is {record.state} already")

    about = await readable(record.verdict, parts, asking)
    waiver = None
    if asked.approve:
        waiver = await aside(
            waive,
            parts.catalogue,
            record,
            about,
            reviewer=asking.name,
            comment=asked.comment,
            expires=asked.expires,
        )
        parts.catalogue.forget()

    def write() -> ReviewRecord | None:
        with parts.ledger.write() as session:
            return reviews.decide(
                session,
                id,
                approve=asked.approve,
                comment=asked.comment,
                waiver=waiver,
                by=asking.name,
                at=_now(),
            )

    done = await aside(write)
    if done is None:
        raise Conflict("someone else was faster")
    return _plain(done)


async def _readable(review_id: str, parts: Parts, asking: Asking) -> ReviewRecord:
    record = await reading(parts, lambda session: reviews.get(session, review_id))
    if record is not None:
        about = await reading(parts, lambda session: verdicts.get(session, record.verdict))
        if about is not None and await may_read(parts, asking, about):
            return record
    raise NoSuchPage(f"there is no review {review_id}")


def _plain(record: ReviewRecord) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(record)
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
