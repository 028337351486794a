"""Our own API at `/api/secureload/v1`, described by its OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

if TYPE_CHECKING:
    from secureload.gateway.app import Services


def make(parts: Services) -> Any:
    """The API as an ASGI application; who asks was settled before a request comes here."""
    return FastAPI(openapi_url="/api/secureload/v1/openapi.json")
