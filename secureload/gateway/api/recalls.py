"""Recalls: take back what was admitted, everywhere, and say who has it."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter

from secureload.errors import NotFoundError, UsageError
from secureload.gateway.api.shapes import Asked, Asking, Id, Line, Parts
from secureload.gateway.aside import aside
from secureload.gateway.problems import Invalid, NoSuchPage

router = APIRouter(tags=["recalls"])


class RecallAsked(Asked):
    """What to recall: an admission's id, `org/name@<commit>`, or `sha256:<hex>` of a file."""

    subject: Line
    reason: Line


@router.get("/recalls")
async def listed(parts: Parts) -> list[dict[str, Any]]:
    """All recalls, lifted ones too, newest first."""
    found: list[dict[str, Any]] = msgspec.to_builtins(await aside(parts.catalogue.cache.recalls))
    return found


@router.post("/recalls", status_code=201)
async def recall(asked: RecallAsked, parts: Parts, asking: Asking) -> dict[str, Any]:
    """Revoke every admission of a subject, refuse it from now on, and list each load of it."""
    # Loads are written a moment after they began; those of the last moment count too.
    await parts.loads.close()
    try:
        done = await aside(
            parts.catalogue.cache.recall, asked.subject, reason=asked.reason, by=asking.name
        )
    except NotFoundError as error:
        raise NoSuchPage(error.message) from error
    except UsageError as error:
        raise Invalid(error.message, hint=error.hint) from error
    parts.catalogue.forget()
    found: dict[str, Any] = msgspec.to_builtins(done)
    return found


@router.post("/recalls/{id}/lift")
async def lift(id: Id, parts: Parts, asking: Asking) -> dict[str, Any]:  # noqa: A002
    """End a recall, so that its subject is judged by the policy alone again."""
    try:
        record = await aside(parts.catalogue.cache.lift, id, by=asking.name)
    except NotFoundError as error:
        raise NoSuchPage(error.message) from error
    found: dict[str, Any] = msgspec.to_builtins(record)
    return found
