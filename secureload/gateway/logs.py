"""The service's log: one line an event, without secrets and without control characters.

A line is JSON (`--log-format json`) or text. What a client or a hub wrote may stand in it, so
tokens are taken out and what does not print is replaced, wherever a message came from.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from contextlib import nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, TextIO

Format = Literal["json", "text"]

_TALKATIVE = (
    *("httpx", "httpx2", "httpcore", "urllib3", "aiobotocore", "botocore"),
    *("alembic", "asyncio", "procrastinate"),
)
"""Libraries that would tell each of their own requests or steps, with its URL or arguments."""

_started: tuple[Format, str] | None = None

REQUEST: ContextVar[str] = ContextVar("secureload_request", default="")
"""The id of the request that is being answered."""

_LONGEST = 8_000
"""Characters of one value; what is longer is cut."""

_SHORT = 256
"""Characters of a value that is worth remembering."""

# Each is tried once a word, whose beginning it looks back for: a client may send a word of 60,000
# letters, and to try it from each letter on would keep everybody waiting for minutes.
_SECRETS = (
    # Tokens by their look: ours, the hub's, GitHub's, a cloud's key, a signed web token.
    (re.compile(r"\b(slt_|hf_|ghp_|ghs_|github_pat_)[A-Za-z0-9_-]{8,}"), r"\1***"),
    (
        re.compile(
            r"(?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]+\.)((?:[A-Za-z0-9_-]*?-)??)"
            r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)*"
        ),
        r"\1***",
    ),
    (re.compile(r"\bAKIA[0-9A-Z]{12,}"), "AKIA***"),
    # By their place: credentials in a URL, a header, a query.
    (re.compile(r"(?<=://)[^/?#\s@]+@"), "***@"),
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[^\s,;'\"]+"), r"\1\2***"),
    (re.compile(r"(?i)\b(authorization|cookie|set-cookie)(\W{1,4})[^\r\n]+"), r"\1\2***"),
    (
        re.compile(
            r"(?i)(?<![\w.-])([\w.-]*(?:token|secret|password|passwd|signature|credential|api_?key))"
            r"(['\"]?\s*[=:]\s*['\"]?)[^\s&'\",;]+"
        ),
        r"\1\2***",
    ),
    (re.compile(r"(?i)([?&](?:code|state|sig)=)[^\s&'\"]+"), r"\1***"),
)


def scrubbed(text: str) -> str:
    """Text for the log: on one line, printable, without secrets, not too long."""
    return _known(text) if len(text) <= _SHORT else _scrubbed(text)


def _scrubbed(text: str) -> str:
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


_known = lru_cache(maxsize=4_096)(_scrubbed)
"""Paths, agents and names come again and again; what clients send at length is not kept."""


class Lines(logging.Formatter):
    """Records as lines; `extra={"fields": {...}}` adds to what a record says."""

    def __init__(self, kind: Format) -> None:
        super().__init__()
        self._kind = kind

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the record holds."""
        level = record.levelname.lower()
        said: dict[str, Any] = {"message": scrubbed(record.getMessage())}
        if request := REQUEST.get():
            said["request"] = request
        for name, value in (getattr(record, "fields", None) or {}).items():
            said[name] = scrubbed(value) if isinstance(value, str) else value
        if record.exc_info and record.exc_info[0] is not None:
            told = "".join(traceback.format_exception(*record.exc_info))
            said["exception"] = scrubbed(told.strip().replace("\n", " | "))
        second, fraction = divmod(record.created, 1)
        at = f"{_second(int(second))}.{int(fraction * 1_000):03d}Z"
        if self._kind == "json":
            head = {"time": at, "level": level, "logger": record.name}
            return json.dumps({**head, **said}, ensure_ascii=True)
        words = [said.pop("message"), *(f"{name}={value}" for name, value in said.items())]
        return f"{at} {level:7} {record.name} {' '.join(words)}"


@lru_cache(maxsize=1)
def _second(at: int) -> str:
    """A second as ISO 8601 writes it; most lines are of the same one as the line before."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class Stream(logging.StreamHandler[TextIO]):
    """Writes a line at once; lines of one turn of an event loop together, at its end.

    Many requests are answered in a turn, and each write is a call of the system.
    """

    def __init__(self, stream: TextIO) -> None:
        self._lines: list[str] = []
        self._soon: asyncio.AbstractEventLoop | None = None
        super().__init__(stream)

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record; from a warning on, and outside an event loop, it is written now."""
        try:
            self._lines.append(self.format(record))
            loop = asyncio._get_running_loop()
            if loop is None or record.levelno >= logging.WARNING:
                self.flush()
            elif self._soon is not loop:
                self._soon = loop
                loop.call_soon(self.flush)
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Write what waits."""
        with self.lock or nullcontext():
            lines, self._lines, self._soon = self._lines, [], None
            if lines:
                self.stream.write("\n".join((*lines, "")))
            super().flush()


def start(kind: Format, level: str, stream: TextIO | None = None) -> None:
    """Send every record of this process, from `level` on, to standard error or `stream`."""
    global _started
    _started = kind, level
    handler = Stream(stream or sys.stderr)
    handler.setFormatter(Lines(kind))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
    logging.captureWarnings(True)
    # What no line tells need not be found out for each (logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def started() -> tuple[Format, str] | None:
    """How this process logs, for those that it starts; None where it does not."""
    return _started


def event(logger: logging.Logger, level: int, message: str, fields: Mapping[str, Any]) -> None:
    """Write a record with fields; from where in the code it came is not looked for."""
    if logger.isEnabledFor(level):
        more = {"fields": fields}
        logger.handle(logger.makeRecord(logger.name, level, "", 0, message, (), None, extra=more))
