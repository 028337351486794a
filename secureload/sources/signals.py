"""What the Hub says of a repository besides its files: who owns it, what its scanners found.

Shapes have changed before and will again. What is not understood is unavailable, never safe.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from secureload.flow import Signal, Upstream

_SAID_CHARACTERS = 4_000
"""How much of the Hub's own words is kept as evidence."""

_SHOWN = 50
_FINE = frozenset({"safe", "innocuous"})
_PENDING = frozenset({"unscanned", "queued", "pending", "error"})


def read(info: dict[str, Any], asked_at: datetime) -> Upstream:
    """Read the answer about a model, asked for with `securityStatus=true`.

    `ids` are `repository` (the Hub's own id of it), `account` (the id of who owns it) and
    `name` (where a renamed repository leads), as far as the answer has them.
    """
    author = info.get("authorData")
    found = {
        "repository": info.get("_id"),
        "account": author.get("_id") if isinstance(author, dict) else None,
        "name": info.get("id"),
    }
    ids = {key: value for key, value in found.items() if isinstance(value, str) and value}
    return Upstream(ids=ids, signal=_signal(info, f"{asked_at:%Y-%m-%dT%H:%M:%SZ}"))


def _signal(info: dict[str, Any], at: str) -> Signal:
    status = info.get("securityRepoStatus", info.get("securityStatus"))
    said = json.dumps(status, sort_keys=True)[:_SAID_CHARACTERS] if status is not None else ""
    if not isinstance(status, dict) or not isinstance(status.get("scansDone"), bool):
        return Signal(state="unavailable", asked_at=at, said=said)
    try:
        files = tuple(_issues(status))
    except (TypeError, KeyError):
        return Signal(state="unavailable", asked_at=at, said=said)
    levels = {level for _, level in files}
    shown = files[:_SHOWN]
    if "unsafe" in levels:
        return Signal(state="unsafe", asked_at=at, files=shown, said=said)
    if levels - _FINE - _PENDING:
        return Signal(state="suspicious", asked_at=at, files=shown, said=said)
    if levels & _PENDING or not status["scansDone"]:
        return Signal(state="pending", asked_at=at, files=shown, said=said)
    return Signal(state="safe", asked_at=at, said=said)


def _issues(status: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Files and levels, in the shape of today or in that of 2023.

    Raises:
        TypeError, KeyError: it is neither.
    """
    if "filesWithIssues" in status:
        for issue in status["filesWithIssues"]:
            path, level = issue["path"], issue["level"]
            if not isinstance(path, str) or not isinstance(level, str):
                raise TypeError(issue)
            yield path, level.lower()
        return
    if not isinstance(status["hasUnsafeFile"], bool):
        raise TypeError(status)
    named = [*status.get("clamAVInfectedFiles", ()), *status.get("dangerousPickles", ())]
    if status["hasUnsafeFile"] or named:
        yield from ((str(path), "unsafe") for path in named or ["(not named)"])
