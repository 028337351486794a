"""Scan what is sent: nothing is kept, and nothing in it is run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from secureload.gateway.api.shapes import Asking, Parts
from secureload.gateway.aside import aside
from secureload.gateway.jobs import Ticket
from secureload.gateway.problems import Invalid, TooLarge, Unavailable
from secureload.gateway.work import Order
from secureload.sources.base import path_problem

router = APIRouter(tags=["scans"])

_FILES = 1_000
"""Most files of one upload."""

_SECONDS = 600.0
"""Longest wait for a scan."""

_TYPES = {
    "json": "application/json",
    "sarif": "application/sarif+json",
    "junit": "application/xml",
    "markdown": "text/markdown; charset=utf-8",
    "text": "text/plain; charset=utf-8",
}
_SHAPES = ("object", "object", "string", "string", "string")
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": _FILES,
                            "items": {"type": "string", "format": "binary"},
                        }
                    },
                }
            }
        },
    },
    "responses": {
        "200": {
            "description": "The report, as `secureload scan --format` prints it",
            "headers": {"X-Secureload-Decision": {"schema": {"enum": ["allow", "deny", "error"]}}},
            "content": {
                kind.partition(";")[0]: {
                    "schema": {"type": "object" if "json" in kind else "string"}
                }
                for kind in _TYPES.values()
            },
        }
    },
}


@router.post("/scans", openapi_extra=_BODY, response_class=Response)
async def scan(
    request: Request,
    asking: Asking,
    parts: Parts,
    format: Annotated[  # noqa: A002
        Literal["json", "sarif", "junit", "markdown", "text"], Query()
    ] = "json",
) -> Response:
    """Scan files sent as `multipart/form-data`, each in a field `files` with its path as name."""
    async with _folder(parts) as folder:
        await _receive(request, folder, parts.config.upload_bytes)
        config = parts.config
        order = Order(
            kind="scan",
            policy=config.settings.policy,
            home=str(config.settings.home),
            upstream=config.settings.endpoint,
            folder=str(folder),
            format=format,
        )
        ticket: Ticket = await parts.jobs.submit(order, by=asking.name)
        waited: Ticket = await parts.jobs.wait(ticket.id, _SECONDS)
    if waited.outcome is None or waited.outcome.state != "done":
        why = waited.outcome.message if waited.outcome else "it takes too long"
        raise Unavailable(f"the files could not be scanned: {why}", seconds=60)
    decision = (waited.outcome.document or {}).get("decision", "error")
    return Response(
        waited.outcome.text,
        media_type=_TYPES[format],
        headers={"X-Secureload-Decision": str(decision), "Cache-Control": "no-store"},
    )


@asynccontextmanager
async def _folder(parts: Parts) -> AsyncIterator[Path]:
    """A folder for the upload, beside the cache's own work in progress."""
    home: Path = parts.config.settings.home / "uploads"

    def make() -> str:
        home.mkdir(mode=0o700, exist_ok=True)
        return tempfile.mkdtemp(dir=home)

    made = Path(await aside(make))
    try:
        yield made
    finally:
        await aside(shutil.rmtree, made, ignore_errors=True)


async def _receive(request: Request, folder: Path, most: int) -> None:
    """Write what comes into `folder`, and refuse names that lead elsewhere.

    Raises:
        Invalid: it is no upload of files.
        TooLarge: it is longer than `most` bytes.
    """
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        raise Invalid("send the files as multipart/form-data, each in a field `files`")
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdecimal() and int(length[:19]) > most:
        raise TooLarge(f"the upload is longer than {most} bytes")

    async def counted() -> AsyncGenerator[bytes, None]:
        seen = 0
        async for chunk in request.stream():
            seen += len(chunk)
            if seen > most:
                raise TooLarge(f"the upload is longer than {most} bytes")
            yield chunk

    try:
        parser = MultiPartParser(request.headers, counted(), max_files=_FILES, max_fields=0)
        form: FormData = await parser.parse()
    except (MultiPartException, KeyError, ValueError, UnicodeDecodeError) as error:
        raise Invalid(f"the upload cannot be read: {getattr(error, 'message', error)}") from error
    try:
        files = [value for name, value in form.multi_items() if name == "files"]
        if not files or len(files) != len(form.multi_items()):
            raise Invalid("send one file or more, each in a field `files`")
        for file in files:
            if not isinstance(file, UploadFile):
                raise Invalid("send one file or more, each in a field `files`")
            await aside(_write, file, _target(folder, file.filename or ""))
    finally:
        await form.close()


def _target(folder: Path, name: str) -> Path:
    if problem := path_problem(name):
        raise Invalid(f"the file name {name!r} {problem}")
    return folder / name


def _write(file: Any, target: Path) -> None:
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with target.open("xb") as written:
            shutil.copyfileobj(file.file, written, 1 << 20)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise Invalid("two files have one name, or one is the folder of another") from error
