"""Answers that are not the one hoped for, in the words of the Hub and of RFC 9457.

The Hub's clients show `X-Error-Message` where `X-Error-Code` is one they know; programs read
the JSON body, which is a problem document with the Hub's field `error` beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from secureload.flow import Verdict

_LONGEST = 3_000
"""Characters of a message in a header; servers and proxies stop at 8 KiB of headers."""


class Problem(Exception):  # noqa: N818  the word of RFC 9457
    """An answer with a status from 400 on.

    `code` is the Hub's `X-Error-Code`, `more` further members of the JSON body.
    """

    status = 400
    title = "Bad request"
    code = ""

    def __init__(
        self,
        detail: str,
        *,
        hint: str = "",
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def body(self) -> bytes:
        """The JSON document."""
        document = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "error": self.said(),
            **({"hint": self.hint} if self.hint else {}),
            **self.more,
        }
        return json.dumps(document).encode("ascii")

    def said(self) -> str:
        """What clients show; equal in header and body, so that they show it once."""
        return in_header(f"{self.detail}; {self.hint}" if self.hint else self.detail)

    def header_list(self) -> list[tuple[bytes, bytes]]:
        """The headers, with the message as the Hub's clients show it."""
        named = {"X-Error-Message": self.said(), **self.headers}
        if self.code:
            named["X-Error-Code"] = self.code
        if self.code == "GatedRepo":
            # The command line of the Hub's client has words of its own for this code, and
            # shows those of the server only as a warning.
            named["X-HF-Warning"] = f"{self.title}; {self.said()}"
        named["Content-Type"] = "application/problem+json"
        named["Cache-Control"] = "no-store"
        return [(name.lower().encode(), value.encode("latin-1")) for name, value in named.items()]


class Invalid(Problem):
    """The request itself makes no sense."""

    status, title = 422, "Invalid request"


class TooLarge(Problem):
    """The request's body is larger than the service takes."""

    status, title = 413, "Too large"


class Unauthorised(Problem):
    """The service does not know who asks. `GatedRepo` so that clients show the text."""

    status, title, code = 401, "Unauthorised", "GatedRepo"

    def __init__(self, detail: str, **rest: Any) -> None:
        super().__init__(detail, **rest)
        self.headers.setdefault("WWW-Authenticate", "Bearer")


class Forbidden(Problem):
    """Known, and not allowed. `GatedRepo` so that clients show the text."""

    status, title, code = 403, "Forbidden", "GatedRepo"


class NoSuchPage(Problem):
    """There is nothing at this path."""

    status, title = 404, "Not found"


class NotAllowed(Problem):
    """There is something at this path, but not for this method."""

    status, title = 405, "Method not allowed"


class RepoNotFound(Problem):
    """The repository does not exist, or is hidden from whoever asks."""

    status, title, code = 404, "Repository not found", "RepoNotFound"


class RevisionNotFound(Problem):
    """The repository has no such branch, tag or commit."""

    status, title, code = 404, "Revision not found", "RevisionNotFound"


class EntryNotFound(Problem):
    """The revision has no such file."""

    status, title, code = 404, "Entry not found", "EntryNotFound"


class Gated(Problem):
    """The hub's own refusal to whoever asks."""

    status, title, code = 403, "Gated", "GatedRepo"


class Unconvertible(Problem):
    """Weights that cannot become safetensors. `GatedRepo` so that clients show the text.

    No decision, and none to come while the files are the same: trying again changes nothing.
    """

    status, title, code = 403, "Cannot be converted", "GatedRepo"


class Conflict(Problem):
    """What was asked for does not fit how things stand."""

    status, title = 409, "Conflict"


class NotYet(Problem):
    """An admission is on its way; ask again."""

    status, title = 503, "Not admitted yet"

    def __init__(self, detail: str, *, seconds: int, **rest: Any) -> None:
        super().__init__(detail, **rest)
        self.headers["Retry-After"] = str(seconds)


class Unavailable(NotYet):
    """Something that the answer needs cannot be reached."""

    title = "Unavailable"


class RefusedByPolicy(Problem):
    """The gate's no, with every reason. `GatedRepo` so that clients show the text."""

    status, title, code = 403, "Refused by policy", "GatedRepo"

    def __init__(self, verdict: Verdict) -> None:
        reasons = "; ".join(str(reason) for reason in verdict.reasons)
        super().__init__(
            f"{verdict.subject} is refused by policy `{verdict.policy.name}`: {reasons}",
            headers={"X-Secureload-Policy": in_header(verdict.policy.digest)},
            more={
                "commit": verdict.commit,
                "policy": {"name": verdict.policy.name, "digest": verdict.policy.digest},
                "ruleset": verdict.ruleset,
                "reasons": [
                    {
                        "rule": reason.rule,
                        "message": reason.message,
                        "subject": reason.subject,
                        "setting": reason.setting,
                    }
                    for reason in verdict.reasons
                ],
            },
        )


def in_header(text: str) -> str:
    """Text that a header can carry: one line of Latin-1, not too long."""
    plain = text.encode("latin-1", "replace").decode("latin-1")
    line = "".join(c if c.isprintable() else " " for c in plain)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 4]} ..."
