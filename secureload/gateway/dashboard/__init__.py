"""The dashboard: what security reviewers see and do, as plain pages without any script.

A guided tour. `rows` lists every page and form with the roles that may use it; `sessions` says
who has signed in; `pages` renders and sends. `lists` and `report` read the ledger, `difference`
compares two revisions, `forms` does what the API does, by calling it. `words` makes untrusted
text fit to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from secureload.gateway.call import Call, Handler
from secureload.gateway.dashboard.forms import Forms
from secureload.gateway.dashboard.lists import Lists
from secureload.gateway.dashboard.pages import Pages, headers_of
from secureload.gateway.dashboard.report import Reports
from secureload.gateway.dashboard.rows import HOME, ROWS
from secureload.gateway.dashboard.sessions import Sessions
from secureload.gateway.principals import Principal
from secureload.gateway.problems import NoSuchPage, Problem, Unauthorised
from secureload.gateway.sending import Scope, Send, send_bytes

if TYPE_CHECKING:
    from secureload.gateway.parts import Services

_STATIC = {"style.css": b"text/css; charset=utf-8", "mark.svg": b"image/svg+xml"}


class Dashboard:
    """The pages, as `app.Pages` wants them."""

    def __init__(self, parts: Services) -> None:
        secure = parts.config.public_url.startswith("https://")
        self.rows = ROWS
        self.sessions = Sessions(
            parts.config.settings.home, parts.ledger, parts.identities, secure=secure
        )
        people = [one.name for one in parts.config.oidc if one.for_people]
        self._pages = Pages(self.sessions, company=people[0] if people else "")
        self._lists = Lists(parts, self._pages)
        self._reports = Reports(parts, self._pages)
        self._forms = Forms(parts, self._pages, self._reports)
        folder = Path(__file__).parent / "static"
        self._files = {name: (folder / name).read_bytes() for name in _STATIC}

    def handlers(self) -> Mapping[str, Handler]:
        """Every handler by its row's name."""
        named = {
            "root": self._root,
            "static": self._static,
            **self._lists.handlers(),
            **self._reports.handlers(),
            **self._forms.handlers(),
        }
        return {f"dashboard.{name}": handler for name, handler in named.items()}

    def shows(self, path: str) -> bool:
        """Whether this path is one of a page, or looks like one."""
        return path in ("/", HOME) or path.startswith(f"{HOME}/")

    async def principal(self, scope: Scope) -> Principal:
        """Whoever has signed in; without a session, as for any other request."""
        return await self.sessions.principal(scope)

    async def say(self, scope: Scope, send: Send, problem: Problem) -> None:
        """Answer with a page that says what the problem is, or with the sign-in."""
        template = "sign_in.html" if isinstance(problem, Unauthorised) else "problem.html"
        try:
            asking = await self.principal(scope)
        except Problem:
            asking = None
        raw = scope["raw_path"].decode("latin-1")
        asked = scope["query_string"].decode("latin-1")
        before = f"{raw}?{asked}" if asked else raw
        await self._pages.send(
            scope,
            send,
            asking,
            template,
            problem.status,
            headers_of(problem),
            problem=problem,
            next=before if scope["method"] in ("GET", "HEAD") else HOME,
        )

    async def _root(self, call: Call) -> None:
        await self._pages.lead(call.send, HOME)

    async def _static(self, call: Call) -> None:
        name = call.fields["name"]
        if name not in self._files:
            raise NoSuchPage("there is nothing at this path")
        headers = [
            (b"content-type", _STATIC[name]),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"public, max-age=300"),
        ]
        await send_bytes(call.send, self._files[name], headers)
