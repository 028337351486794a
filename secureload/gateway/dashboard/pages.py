"""How a page is made and sent: one template environment, one set of headers, forms that prove.

Everything a template prints goes through `words.plain` and is escaped. There is no script at
all, and the headers forbid any.
"""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

import jinja2

from secureload.gateway.call import Call
from secureload.gateway.dashboard import words
from secureload.gateway.dashboard.rows import BY_NAME, HOME
from secureload.gateway.dashboard.sessions import Session, Sessions
from secureload.gateway.principals import Principal
from secureload.gateway.problems import Forbidden, Invalid, Problem
from secureload.gateway.sending import Scope, Send, send_bytes
from secureload.settings import version

if TYPE_CHECKING:
    from collections.abc import Iterable

LINES = 25
"""Lines of a list on one page."""

_FORM_BYTES = 64 << 10
"""Largest form: a statement, a reason and what proves the form."""

_FURTHEST = 100_000
"""The last page of any list that can be asked for."""

_HEADERS = (
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        b"frame-ancestors 'none'; base-uri 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)

NAVIGATION = (
    ("queue", "Queue"),
    ("verdicts", "Verdicts"),
    ("reviews", "Reviews"),
    ("admissions", "Admitted"),
    ("jobs", "Jobs"),
    ("waivers", "Waivers"),
    ("recalls", "Recalls"),
    ("loads", "Loads"),
    ("audit", "Audit log"),
)
"""The pages that every page leads to, for those who may see them."""


class Pages:
    """Renders and sends."""

    def __init__(self, sessions: Sessions, *, company: str = "") -> None:
        self.sessions = sessions
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            # What the ledger holds is older than this template, or lacks what is empty.
            undefined=jinja2.ChainableUndefined,
            finalize=words.plain,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            when=words.when,
            size=words.size,
            short=words.short,
            severity=words.severity,
            repo_type=words.repo_type,
        )
        self._templates.globals.update(home=HOME, version=version(), row=BY_NAME, company=company)

    async def show(
        self,
        call: Call,
        template: str,
        *,
        status: int = 200,
        headers: Iterable[tuple[bytes, bytes]] = (),
        **values: Any,
    ) -> None:
        """Answer a call with a page."""
        await self.send(call.scope, call.send, call.principal, template, status, headers, **values)

    async def send(
        self,
        scope: Scope,
        send: Send,
        asking: Principal | None,
        template: str,
        status: int = 200,
        headers: Iterable[tuple[bytes, bytes]] = (),
        **values: Any,
    ) -> None:
        """Answer with a page for whoever asks, if that is known."""
        session: Session = values.pop("session", None) or self.sessions.read(scope)
        name = template.partition(".")[0]
        asked = query(scope)
        text = self._templates.get_template(template).render(
            asking=asking,
            may=lambda row: bool(asking and _may(asking, row)),
            here=name,
            navigation=[(row, label) for row, label in NAVIGATION if asking and _may(asking, row)],
            proof=self.sessions.proof(session),
            done=DONE.get(asked.get("done", ""), ""),
            **{"problem": None, **values},
        )
        sent = [*_HEADERS, *headers]
        if session.fresh:
            sent.append(self.sessions.header(session))
        await send_bytes(send, text.encode("utf-8", "replace"), sent, status=status)

    async def form(self, call: Call) -> dict[str, str]:
        """The fields of a form that one of our own pages sent.

        Raises:
            Forbidden: it comes from elsewhere, or from a session that has ended.
            Invalid, TooLarge: it is no form, or a huge one.
        """
        named = {name: value.decode("latin-1") for name, value in call.scope["headers"]}
        if named.get(b"sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Forbidden("this form came from another site")
        kind = named.get(b"content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise Invalid("this is no form")
        body = await call.body(_FORM_BYTES)
        try:
            read = parse_qs(
                body.decode("ascii"), keep_blank_values=True, max_num_fields=50, errors="strict"
            )
        except ValueError as error:
            raise Invalid("this is no form") from error
        fields = {name: given[-1] for name, given in read.items()}
        session = self.sessions.read(call.scope)
        wanted = self.sessions.proof(session).encode()
        if session.fresh or not hmac.compare_digest(fields.pop("proof", "").encode(), wanted):
            raise Forbidden(
                "this form is no longer good", hint="go back, load its page again, and send it anew"
            )
        return fields

    async def lead(
        self, send: Send, path: str, *headers: tuple[bytes, bytes], done: str = ""
    ) -> None:
        """Lead the browser to another page, as after a form."""
        target = f"{path}?{urlencode({'done': done})}" if done else path
        named = [*_HEADERS[1:], (b"location", target.encode("ascii")), *headers]
        await send_bytes(send, b"", named, status=303)


DONE = {
    "asked": "Your request for a review is in the queue.",
    "approved": "Approved. The waiver counts from now on; ask for the admission again.",
    "declined": "Declined. The refusal stands.",
    "recalled": "Recalled. Every admission of it is revoked, and its loads are listed below.",
    "lifted": "The recall is lifted; the policy alone decides again.",
}
"""What a page says after a form; a word in the address, so nobody can put their own there."""


def query(scope: Scope) -> dict[str, str]:
    """The fields of the address, the last of each name."""
    try:
        read = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=50)
    except ValueError as error:
        raise Invalid("this address has too many fields") from error
    return {name: given[-1] for name, given in read.items()}


class Page:
    """Which part of a list is shown; `one` more line than shown tells whether there are more."""

    def __init__(self, scope: Scope, path: str, **kept: str) -> None:
        text = query(scope).get("page", "1")
        valid = text.isascii() and text.isdigit() and 0 < len(text) <= 6
        self.number = max(1, min(int(text), _FURTHEST)) if valid else 1
        self.offset = (self.number - 1) * LINES
        self.limit = LINES + 1
        self.more = False
        self._path = path
        self._kept = {name: value for name, value in kept.items() if value}

    def cut(self, found: Iterable[Any]) -> list[Any]:
        """The lines to show, of up to one more."""
        lines = list(found)
        self.more = len(lines) > LINES
        return lines[:LINES]

    def slice(self, found: Iterable[Any]) -> list[Any]:
        """The lines to show, of all there are."""
        return self.cut(list(found)[self.offset : self.offset + self.limit])

    def to(self, number: int) -> str:
        """The address of another page of the list."""
        return f"{self._path}?{urlencode({**self._kept, 'page': number})}"


def headers_of(problem: Problem) -> list[tuple[bytes, bytes]]:
    """A problem's headers that fit a page."""
    left = (b"content-type", b"cache-control")
    return [(name, value) for name, value in problem.header_list() if name not in left]


def _may(asking: Principal, name: str) -> bool:
    roles = BY_NAME[name].roles
    return roles is None or bool(asking.roles & roles)
