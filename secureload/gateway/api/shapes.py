"""What goes into the API and comes out of it, and how handlers get at the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from secureload.flow import RepoType
from secureload.gateway.principals import Principal

if TYPE_CHECKING:
    from secureload.gateway.parts import Services

_NAME = r"^((datasets|spaces)/)?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?$"
_REVISION = r"^[A-Za-z0-9][A-Za-z0-9._/+-]*$"

Name = Annotated[str, Field(min_length=1, max_length=105, pattern=_NAME)]
Revision = Annotated[str, Field(min_length=1, max_length=255, pattern=_REVISION)]
Line = Annotated[str, Field(min_length=1, max_length=2_000, pattern=r"^[^\x00-\x1f\x7f]+$")]
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{6,64}$")]
Limit = Annotated[int, Query(ge=1, le=1_000)]
Repository = Annotated[str | None, Query(min_length=1, max_length=200)]


class Asked(BaseModel):
    """What a request's body has in common: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ModelAsked(Asked):
    """A model on the hub, or a dataset or Space by its type and name (`datasets/org/name`).

    `wait` is how many seconds to wait for the outcome.
    """

    repository: Name
    revision: Revision = "main"
    wait: Annotated[float, Field(ge=0, le=600, strict=False)] = 0.0
    again: bool = False


class JobShown(BaseModel):
    """How a job stands: `queued`, `running`, `admitted`, `refused`, `done` or `failed`."""

    id: str
    kind: str
    state: str
    repository: str
    repo_type: RepoType
    revision: str | None
    commit: str
    requested_by: str
    created_at: str
    started_at: str | None = None
    finished_at: str | None = None
    place: int | None = None
    stage: str = ""
    outcome: dict[str, Any] = {}


def parts_of(request: Request) -> Services:
    """The service's parts."""
    return cast("Services", request.app.state.parts)


def principal_of(request: Request) -> Principal:
    """Who asks."""
    return cast(Principal, request.scope["state"]["principal"])


Parts = Annotated[Any, Depends(parts_of)]
Asking = Annotated[Principal, Depends(principal_of)]
