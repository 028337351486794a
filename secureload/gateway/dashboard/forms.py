"""What a person may do: sign in and out, ask, decide, recall. Each form does what the API does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import Response
from pydantic import BaseModel, ValidationError

from secureload.gateway.api import admissions, recalls, reviews
from secureload.gateway.api.shapes import ModelAsked
from secureload.gateway.call import Call, Handler
from secureload.gateway.dashboard.pages import Pages, query
from secureload.gateway.dashboard.report import Reports, identity
from secureload.gateway.dashboard.rows import HOME
from secureload.gateway.problems import Invalid, Problem

if TYPE_CHECKING:
    from secureload.gateway.parts import Services

_Model = TypeVar("_Model", bound=BaseModel)


class Forms:
    """Handlers of forms. A form that was good leads on, so that reloading repeats nothing."""

    def __init__(self, parts: Services, pages: Pages, reports: Reports) -> None:
        self._parts = parts
        self._pages = pages
        self._reports = reports

    def handlers(self) -> Mapping[str, Handler]:
        """Every handler by its row's name."""
        return {
            "sign_in_page": self.sign_in_page,
            "sign_in": self.sign_in,
            "sign_out": self.sign_out,
            "admit": self.admit,
            "ask": self.ask,
            "decide": self.decide,
            "recall": self.recall,
            "lift": self.lift,
        }

    async def sign_in_page(self, call: Call) -> None:
        """The page that asks for a token."""
        asked = query(call.scope).get("next", HOME)
        await self._pages.show(call, "sign_in.html", next=_ours(asked))

    async def sign_in(self, call: Call) -> None:
        """Make a session from a token; a new one, so that nobody's old cookie becomes theirs."""
        form = await self._pages.form(call)
        following = _ours(form.get("next", ""))
        try:
            session = await self._pages.sessions.begin(form.get("token", ""))
        except Problem as problem:
            await self._pages.show(
                call, "sign_in.html", status=problem.status, problem=problem, next=following
            )
            return
        await self._pages.lead(call.send, following, self._pages.sessions.header(session))

    async def sign_out(self, call: Call) -> None:
        """Take the session away."""
        await self._pages.form(call)
        await self._pages.lead(call.send, f"{HOME}/sign-in", self._pages.sessions.end())

    async def admit(self, call: Call) -> None:
        """Ask for an admission."""
        form = await self._pages.form(call)
        asked = _made(
            ModelAsked,
            repository=form.get("repository", "").strip(),
            revision=form.get("revision", "").strip() or "main",
            again=form.get("again") == "yes",
        )
        job = await admissions.admit(asked, call.principal, self._parts, Response())
        await self._pages.lead(call.send, f"{HOME}/jobs/{job.id}")

    async def ask(self, call: Call) -> None:
        """Ask that a refusal be looked at."""
        form = await self._pages.form(call)
        verdict = identity(call)

        async def act() -> str:
            asked = _made(reviews.ReviewAsked, verdict=verdict, statement=_line(form, "statement"))
            made = await reviews.ask(asked, self._parts, call.principal)
            return f"{HOME}/reviews/{made['id']}"

        await self._do(call, act, self._reports.verdict, "asked")

    async def decide(self, call: Call) -> None:
        """Approve or decline a review."""
        form = await self._pages.form(call)
        review, approve = identity(call), form.get("decision") == "approve"

        async def act() -> str:
            if form.get("decision") not in ("approve", "decline"):
                raise Invalid("say whether you approve or decline")
            decided = _made(
                reviews.Decided,
                approve=approve,
                comment=_line(form, "comment"),
                expires=form.get("expires") or None,
            )
            await reviews.decide(review, decided, self._parts, call.principal)
            return f"{HOME}/reviews/{review}"

        await self._do(call, act, self._reports.review, "approved" if approve else "declined")

    async def recall(self, call: Call) -> None:
        """Recall an admission, a commit or a file."""
        form = await self._pages.form(call)
        asked = _made(
            recalls.RecallAsked, subject=_line(form, "subject"), reason=_line(form, "reason")
        )
        await recalls.recall(asked, self._parts, call.principal)
        await self._pages.lead(call.send, f"{HOME}/recalls", done="recalled")

    async def lift(self, call: Call) -> None:
        """Lift a recall."""
        await self._pages.form(call)
        await recalls.lift(identity(call), self._parts, call.principal)
        await self._pages.lead(call.send, f"{HOME}/recalls", done="lifted")

    async def _do(
        self,
        call: Call,
        act: Callable[[], Awaitable[str]],
        page: Callable[[Call, Problem | None], Awaitable[None]],
        done: str,
    ) -> None:
        """Act and lead on; a problem is shown on the page that the form was on."""
        try:
            following = await act()
        except Problem as problem:
            await page(call, problem)
            return
        await self._pages.lead(call.send, following, done=done)


def _line(form: Mapping[str, str], name: str) -> str:
    """What was typed, on one line."""
    return " ".join(form.get(name, "").split())


def _made(kind: type[_Model], **fields: Any) -> _Model:
    """What the API would be asked.

    Raises:
        Invalid: a field is not as it must be.
    """
    try:
        return kind(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"{where}: {first['msg']}") from error


def _ours(path: str) -> str:
    """A path of the dashboard, whatever was asked for."""
    plain = path.isascii() and path.isprintable() and "\\" not in path and len(path) < 2_000
    below = path == HOME or path.startswith((f"{HOME}/", f"{HOME}?"))
    return path if plain and below else HOME
