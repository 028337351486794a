"""What the verbs print with: colour for people, one JSON object for machines.

The command line's library does some of this too; a plain scan does not wait for it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from secureload.errors import Refused, SecureloadError, UsageError

if TYPE_CHECKING:
    from secureload.flow import CacheEntry, Decision, Reason, Verdict

_EXIT_CODES = {"allow": 0, "deny": 1, "error": 2}

_UNPRINTABLE = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]"
"""Compiled when something is printed; `re` keeps it."""

_STYLE = r"\x1b\[[;?0-9]*[a-zA-Z]"
_COLOURS = {"red": 31, "green": 32, "yellow": 33, "cyan": 36}


class OutputClosedError(Exception):
    """Whoever read the output has gone; there is nobody left to tell."""


def printable(text: str) -> str:
    """Show control and direction characters as escapes, so that names cannot act on a terminal."""
    if text.isascii() and text.isprintable():  # mostly, and without compiling a pattern
        return text
    return re.sub(_UNPRINTABLE, lambda found: f"\\x{ord(found[0]):02x}", text)


def styled(text: str, fg: str = "", *, bold: bool = False, dim: bool = False) -> str:
    """Text in a colour or a weight, for `say`."""
    codes = [*([_COLOURS[fg]] if fg else ()), *([1] if bold else ()), *([2] if dim else ())]
    return "".join(f"\x1b[{code}m" for code in codes) + f"{text}\x1b[0m"


def say(text: str = "", *, err: bool = False) -> None:
    """Print a line, coloured only on a terminal."""
    stream = sys.stderr if err else sys.stdout
    if "\x1b" in text and not wants_colour(stream):
        text = re.sub(_STYLE, "", text)
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError as error:
        raise OutputClosedError from error
    except UnicodeEncodeError:
        print(text.encode("ascii", "backslashreplace").decode(), file=stream, flush=True)


def write(text: str) -> None:
    """Write a finished document to standard output as it is."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise OutputClosedError from error
    except UnicodeEncodeError:
        sys.stdout.write(text.encode("ascii", "backslashreplace").decode())


def wants_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal whose reader has not asked for plain text."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def show_json(value: dict[str, Any]) -> None:
    """Print one JSON object; its key `schema` says which."""
    write(json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False) + "\n")


def fail(message: str, hint: str = "") -> None:
    """Print an error, and what to do about it, to standard error."""
    say(f"{styled('error:', 'red', bold=True)} {printable(message)}", err=True)
    if hint:
        say(f"{styled('hint:', 'cyan')}  {printable(hint)}", err=True)


def version() -> str:
    """The installed version."""
    from secureload.settings import version as installed

    return installed()


def counted(count: int, noun: str) -> str:
    """`1 file`, `2 files`: as the scanner's reports write it, which are imported with it."""
    from scanner.words import counted as words

    return words(count, noun)


def exit_code(decision: Decision) -> int:
    """What a shell sees of a decision."""
    return _EXIT_CODES[decision.value]


def fail_with(error: SecureloadError) -> int:
    """Print an accident or a refusal and return its exit code."""
    if isinstance(error, Refused):
        show_verdict(error.verdict, err=True)
        return exit_code(error.verdict.decision)
    fail(error.message, error.hint)
    return 2


_WORDS = {
    "allow": ("allowed", "green"),
    "deny": ("refused", "red"),
    "error": ("no decision", "yellow"),
}


def show_verdict(verdict: Verdict, *, err: bool = False) -> None:
    """Print a decision with every reason and warning, one a line."""
    word, colour = _WORDS[verdict.decision.value]
    subject = printable(verdict.subject)
    policy = f"policy {printable(verdict.policy.name)} {verdict.policy.digest[:19]}"
    say(f"{styled(word, colour, bold=True)}  {subject}  ({policy})", err=err)
    if verdict.commit:
        say(f"  commit {verdict.commit}", err=err)
    show_reasons(verdict.reasons, verdict.warnings, err=err)


def show_reasons(reasons: Iterable[Reason], warnings: Iterable[Reason], *, err: bool) -> None:
    """Print reasons in red and warnings in yellow."""
    for title, colour, items in (("because", "red", reasons), ("warning", "yellow", warnings)):
        for reason in items:
            subject = f"{printable(reason.subject)}: " if reason.subject else ""
            rule = styled(f"[{reason.rule}]", dim=True)
            say(
                f"  {styled(title, colour)}  {subject}{printable(reason.message)} {rule}",
                err=err,
            )
            if reason.setting:
                say(styled(f"           {printable(reason.setting)}", dim=True), err=err)


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain values, `secureload.verdict/1` without the schema key."""

    def plain(reason: Reason) -> dict[str, str]:
        return {
            "rule": reason.rule,
            "message": reason.message,
            "subject": reason.subject,
            "setting": reason.setting,
        }

    return {
        "verdict": verdict.decision.value,
        "subject": verdict.subject,
        "commit": verdict.commit,
        "policy": {"name": verdict.policy.name, "digest": verdict.policy.digest},
        "ruleset": verdict.ruleset,
        "reasons": [plain(reason) for reason in verdict.reasons],
        "warnings": [plain(reason) for reason in verdict.warnings],
    }


def entry_json(entry: CacheEntry) -> dict[str, Any]:
    """An admission as plain values, `secureload.admission/1` without the schema key."""
    return {
        **verdict_json(entry.verdict),
        "admission": entry.admission,
        "path": str(entry.path),
        "source": {
            "kind": entry.source.kind,
            "location": entry.source.location,
            "repo_type": entry.source.repo_type,
        },
        "files": [
            {"path": file.path, "size": file.size, "sha256": file.sha256} for file in entry.files
        ],
        "conversions": [
            {
                "converter": conversion.converter,
                "inputs": list(conversion.inputs),
                "outputs": list(conversion.outputs),
                "tensors": len(conversion.tensors),
                "notes": list(conversion.notes),
            }
            for conversion in entry.conversions
        ],
        "evidence": [{"name": file.name, "sha256": file.sha256} for file in entry.evidence],
        "verifier": entry.verifier,
    }


def save(text: str, path: Path) -> None:
    """Write a document to a file, whole or not at all.

    Raises:
        UsageError: the folder is missing or not writable.
    """
    import tempfile

    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise UsageError(
            f"cannot write {path}: {error.strerror or error}",
            hint="name a file in a folder that exists and is writable",
        ) from error
