"""Tokens of the service: made, listed and revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter
from pydantic import Field

from secureload.gateway.api.records import reading
from secureload.gateway.api.shapes import Asked, Asking, Id, Parts
from secureload.gateway.aside import aside
from secureload.gateway.principals import Role
from secureload.gateway.problems import NoSuchPage
from secureload.ledger import tokens
from secureload.ledger.records import TokenRecord

router = APIRouter(tags=["tokens"])


class TokenAsked(Asked):
    """A token to make: whose it is, what it may do, and for how many days."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\w.@+-]+$")]
    roles: Annotated[
        list[Annotated[Role, Field(strict=False)]], Field(min_length=1, max_length=len(Role))
    ]
    days: Annotated[int, Field(ge=1, le=3_650)] | None = None


@router.get("/tokens")
async def listed(parts: Parts) -> list[dict[str, Any]]:
    """All tokens without their texts, oldest first."""
    found: list[dict[str, Any]] = msgspec.to_builtins(await reading(parts, tokens.every))
    return found


@router.post("/tokens", status_code=201)
async def create(asked: TokenAsked, parts: Parts, asking: Asking) -> dict[str, Any]:
    """Make a token. Its text is in this answer and nowhere else."""

    def write() -> tuple[TokenRecord, str]:
        now = datetime.now(UTC)
        expires = _iso(now + timedelta(days=asked.days)) if asked.days else None
        roles = {role.value for role in asked.roles}
        with parts.ledger.write() as session:
            return tokens.create(
                session, asked.name, roles, by=asking.name, at=_iso(now), expires=expires
            )

    record, text = await aside(write)
    return {**msgspec.to_builtins(record), "token": text}


@router.delete("/tokens/{id}")
async def revoke(id: Id, parts: Parts, asking: Asking) -> dict[str, Any]:  # noqa: A002
    """End a token."""

    def write() -> TokenRecord | None:
        with parts.ledger.write() as session:
            return tokens.revoke(session, id, by=asking.name, at=_iso(datetime.now(UTC)))

    record = await aside(write)
    if record is None:
        raise NoSuchPage(f"there is no token {id} to revoke")
    parts.identities.forget()
    found: dict[str, Any] = msgspec.to_builtins(record)
    return found


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
