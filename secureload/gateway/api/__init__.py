"""Our own API at `/api/secureload/v1`, described by its OpenAPI document.

Who may do what is the table's business (`gateway.routes`), and settled before a request comes
here. One module a subject; `shapes` has what goes in and out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from secureload.gateway.problems import Invalid, NoSuchPage, NotAllowed, Problem
from secureload.settings import version

if TYPE_CHECKING:
    from secureload.gateway.parts import Services

PREFIX = "/api/secureload/v1"

_ABOUT = """Ask for admissions and scans, read verdicts, reports and evidence, review and recall.

Errors are problem documents (RFC 9457). A token goes into `Authorization: Bearer`.
"""


def make(parts: Services) -> Any:
    """The API as an ASGI application."""
    from secureload.gateway.api import admissions, recalls, records, reviews, scans, tokens

    app = FastAPI(
        title="secureload",
        version=version(),
        description=_ABOUT,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.parts = parts
    for module in (admissions, scans, records, reviews, recalls, tokens):
        app.include_router(module.router, prefix=PREFIX, responses=_PROBLEMS)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    return app


_DOCUMENT = {
    "application/problem+json": {
        "schema": {
            "type": "object",
            "required": ["title", "status", "detail"],
            "properties": {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "error": {"type": "string"},
            },
        }
    }
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": _DOCUMENT}
    for status, text in {
        400: "The request cannot be read",
        401: "Not known here",
        403: "Not allowed, or refused",
        404: "Not found",
        409: "Does not fit how things stand",
        413: "Too large",
        422: "Makes no sense",
        503: "Not now",
    }.items()
}


def _answer(problem: Problem) -> Response:
    answer = Response(problem.body(), status_code=problem.status)
    answer.raw_headers = [
        *problem.header_list(),
        (b"content-length", str(len(problem.body())).encode()),
    ]
    return answer


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _answer(error)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    where = ".".join(str(part) for part in found[0]["loc"]) if found else "body"
    errors = [
        {"at": ".".join(str(part) for part in one["loc"]), "message": str(one["msg"])}
        for one in found[:20]
    ]
    what = found[0]["msg"] if found else "not valid"
    return _answer(Invalid(f"{where}: {what}", more={"errors": errors}))


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return _answer(NoSuchPage("there is nothing at this path"))
    if error.status_code == 405:
        return _answer(NotAllowed("this path is not for this method"))
    problem = Problem(str(error.detail))
    problem.status = error.status_code
    return _answer(problem)
