"""The application: one door for every request.

    match a row of the table -> say who asks -> check their roles -> call the handler

Problems of every kind are put into words here, so that handlers only raise them.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

import anyio.to_thread

from secureload import tracing
from secureload.cache import work
from secureload.errors import SecureloadError
from secureload.gateway import aside, health
from secureload.gateway.call import Call, Handler
from secureload.gateway.front import Front
from secureload.gateway.parts import Services
from secureload.gateway.principals import Principal
from secureload.gateway.problems import (
    Forbidden,
    NoSuchPage,
    NotAllowed,
    Problem,
    Unauthorised,
    Unavailable,
)
from secureload.gateway.routes import ROUTES, Row, Table
from secureload.gateway.sending import Receive, Scope, Send, send_bytes, send_json
from secureload.gateway.standing import Standing
from secureload.gateway.watching import PRINCIPAL, Watched

_LOG = logging.getLogger("secureload.gateway")


class Pages(Protocol):
    """What a person's browser is shown: rows of its own, whose problems are pages too."""

    rows: tuple[Row, ...]

    def handlers(self) -> Mapping[str, Handler]:
        """Every handler by its row's name."""

    def shows(self, path: str) -> bool:
        """Whether this path is one of a page, or looks like one."""

    async def principal(self, scope: Scope) -> Principal:
        """Who asks for a page: whoever has signed in, else as `Identities` says."""

    async def say(self, scope: Scope, send: Send, problem: Problem) -> None:
        """Answer with a page that says what the problem is."""


class App:
    """An ASGI application. `rows` and `handlers` may be added to; `pages` is the dashboard."""

    def __init__(
        self,
        parts: Services,
        *,
        rows: Iterable[Row] = (),
        handlers: Mapping[str, Handler] | None = None,
        pages: Pages | None = None,
    ) -> None:
        from secureload.gateway import api

        self.parts = parts
        self._pages = pages
        self._page_rows = frozenset(row.name for row in pages.rows) if pages else frozenset()
        self.table = Table((*rows, *(pages.rows if pages else ()), *ROUTES))
        front = Front(
            parts.admissions,
            parts.catalogue,
            parts.store,
            parts.loads,
            parts.config.public_url,
        )
        self.api = api.make(parts)
        self._handlers: dict[str, Handler] = {
            "livez": self._livez,
            "readyz": self._readyz,
            "metrics": self._metrics,
            "api": self._call_api,
            **front.handlers(),
            **(pages.handlers() if pages else {}),
            **(handlers or {}),
        }
        missing = {row.name for row in self.table.rows} - self._handlers.keys()
        if missing:
            raise LookupError(f"rows without a handler: {sorted(missing)}")
        self._ending = False
        self._health = health.Health(health.checks(parts))
        self._traced = tracing.is_on()
        self._standing = Standing(parts.metrics, parts.ledger, parts.catalogue)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start what runs beside requests, and end it."""
        anyio.to_thread.current_default_thread_limiter().total_tokens = aside.THREADS
        await self.parts.jobs.start()
        try:
            yield
        finally:
            self._ending = True
            await self.parts.admissions.close()
            await self.parts.jobs.close()
            await self.parts.loads.close()
            # A worker that hung in a read was ended hard, and left its folder.
            await aside.aside(work.sweep, self.parts.catalogue.cache.layout)

    # -- one request ---------------------------------------------------------------------

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        with Watched(scope, send, self.parts.metrics, traced=self._traced) as watched:
            try:
                watched.row = await self._answer(scope, receive, watched)
            except Problem as problem:
                watched.row = getattr(problem, "row", "")
                if self._pages is not None and self._pages.shows(scope["path"]):
                    await self._pages.say(scope, watched.send, problem)
                else:
                    await self._say(watched.send, problem)

    async def _answer(self, scope: Scope, receive: Receive, watched: Watched) -> str:
        matched = self.table.match(scope["method"], scope["raw_path"].decode("latin-1"))
        if isinstance(matched, frozenset):
            if matched:
                allow = ", ".join(sorted(matched))
                raise NotAllowed("this path is not for this method", headers={"Allow": allow})
            raise NoSuchPage("there is nothing at this path")
        row = matched.row
        try:
            try:
                principal = await self._principal(scope, row)
            except Unauthorised:
                self.parts.limiter.unknown(_address(scope))
                raise
            scope[PRINCIPAL] = principal.name
            call = Call(scope, receive, watched.send, principal, matched.fields)
            with self.parts.limiter.held(
                principal, _address(scope), row.name, lambda: watched.bytes
            ):
                await self._handlers[row.name](call)
        except Problem as problem:
            problem.row = row.name  # type: ignore[attr-defined]
            raise
        except SecureloadError as error:
            _LOG.error("%s %s: %s", scope["method"], scope["path"], error)
            raise Unavailable(
                f"the service cannot answer: {type(error).__name__}",
                hint="its log says why",
                seconds=30,
            ) from error
        return row.name

    async def _principal(self, scope: Scope, row: Row) -> Principal:
        address = _address(scope)
        if row.roles is None:
            return Principal(name=f"anyone@{address}", roles=frozenset(), known=False)
        if self._pages is not None and row.name in self._page_rows:
            principal = await self._pages.principal(scope)
        else:
            given = [value for name, value in scope["headers"] if name == b"authorization"]
            text = given[0].decode("latin-1") if given else ""
            principal = await self.parts.workloads.identify(text) or self.parts.identities.identify(
                text, address
            )
        check(principal, row)
        return principal

    async def _say(self, send: Send, problem: Problem) -> None:
        await send_bytes(send, problem.body(), problem.header_list(), status=problem.status)

    # -- the service itself --------------------------------------------------------------

    async def _livez(self, call: Call) -> None:
        await send_json(call.send, {"status": "ok"})

    async def _readyz(self, call: Call) -> None:
        """Ready: not ending, and every part works that no request can do without."""
        if self._ending:
            raise Unavailable("the service is ending", seconds=10)
        parts = await self._health.parts()
        for name, state in parts.items():
            self.parts.metrics.sound.labels(name).set(state == "ok")
        failing = {name for name, state in parts.items() if state != "ok"}
        if needed := ", ".join(sorted(failing - health.SPARED)):
            raise Unavailable(f"not ready: {needed}", seconds=10, more={"parts": parts})
        policy = await aside.aside(self.parts.catalogue.policy)
        status = "degraded" if failing else "ok"
        await send_json(call.send, {"status": status, "policy": policy.id.digest, "parts": parts})

    async def _metrics(self, call: Call) -> None:
        waiting = await self.parts.jobs.running()
        await self._standing.refresh()
        body, kind = self.parts.metrics.text(
            running=sum(not ticket.place for ticket in waiting),
            queued=sum(bool(ticket.place) for ticket in waiting),
        )
        await send_bytes(call.send, body, [(b"content-type", kind.encode())])

    async def _call_api(self, call: Call) -> None:
        scope = dict(call.scope)
        scope["state"] = {**scope.get("state", {}), "principal": call.principal}
        await self.api(scope, call.receive, call.send)

    # -- lifespan ------------------------------------------------------------------------

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with contextlib.AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self.running())
            except Exception as error:
                _LOG.error("the service cannot start: %s", error)
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else "unknown"


def check(principal: Principal, row: Row) -> None:
    """Let a principal pass who has one of a row's roles.

    Raises:
        Unauthorised: nobody is known to ask, and nobody unknown may.
        Forbidden: whoever asks is known, and may not.
    """
    if row.roles is None or principal.roles & row.roles:
        return
    wanted = " or ".join(sorted(role.value for role in row.roles))
    if not principal.known:
        raise Unauthorised(
            f"this needs a token of this service with the role {wanted}",
            hint="set HF_TOKEN to one; whoever runs the service makes them",
        )
    raise Forbidden(f"{principal.name} may not do this: it needs the role {wanted}")
