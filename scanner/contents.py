"""Read a file and all that lies inside it, recognised by content, to a bounded depth."""

from __future__ import annotations

from collections.abc import Iterator

from scanner import promises
from scanner.facts import Fact, ProblemFact
from scanner.findings import Severity
from scanner.formats import Format, recognised
from scanner.reader import Blob
from scanner.report import PICKLED
from scanner.rules import judge


def read(top: Blob, facts: list[Fact]) -> list[str]:
    """Read a blob and all blobs inside it; return the names of the formats of the outermost."""
    labels: list[str] = []
    stack: list[tuple[Blob, Iterator[Fact | Blob]]] = []
    most = top.limits.findings * 100
    inside: dict[str, Blob] = {}
    try:
        for form in recognised(top):
            if not form.aspect:
                labels.append(_label(form, top))
            stack.append((top, form.read(top)))
    except Exception as error:
        facts.append(_stumbled(top, error))
    if len(labels) > 1:
        facts.append(
            top.problem("polyglot", f"several formats in one file: {', '.join(sorted(labels))}")
        )
    while stack:
        blob, reading = stack[-1]
        try:
            item = next(reading, None)
        except Exception as error:
            # A reader that stumbles has not read its file: that is an answer, not a crash.
            facts.append(_stumbled(blob, error))
            stack.pop()
            continue
        if item is None:
            stack.pop()
        elif isinstance(item, Blob):
            try:
                stack.extend(_enter(item, facts, inside))
            except Exception as error:
                facts.append(_stumbled(item, error))
        else:
            _note(top, facts, item, most)
    if not any(label.startswith((*PICKLED, "torch", "pt2")) for label in labels):
        for label, blob in sorted(inside.items()):  # once a file, however many members are some
            facts.append(blob.problem("pickle-inside", f"holds a pickle ({label})"))
    return labels


def _label(form: Format, blob: Blob) -> str:
    return form.label(blob) if form.label else form.name


def _stumbled(blob: Blob, error: Exception) -> ProblemFact:
    message = f"reading stopped at {type(error).__name__}: {str(error)[:200]}"
    return blob.problem("damaged", message, fatal=True)


def _note(top: Blob, facts: list[Fact], fact: Fact, most: int) -> None:
    """Keep a fact that a rule speaks of; past `most` of them, only what is critical.

    A file with so many has not been told to its end, which is an error of its own.
    """
    worst = max((finding.severity for finding in judge((fact,))), default=None)
    fatal = isinstance(fact, ProblemFact) and fact.fatal
    if worst is None and not fatal:
        return
    if len(facts) < most:
        facts.append(fact)
    elif len(facts) == most:
        facts.append(top.problem("limit-reached", "more findings than the limit", fatal=True))
    if worst is Severity.CRITICAL and most < len(facts) < most * 2:
        facts.append(fact)


def _enter(
    blob: Blob, facts: list[Fact], inside: dict[str, Blob]
) -> Iterator[tuple[Blob, Iterator[Fact | Blob]]]:
    if not len(blob.data):
        return
    most = blob.limits.findings * 100
    if blob.depth > blob.limits.archive_depth:
        facts.append(
            blob.problem("limit-reached", "archives nest deeper than the limit", fatal=True)
        )
        return
    if not blob.budget.enter(len(blob.data)):
        said = "members hold the same bytes more often than archives may nest"
        _note(blob, facts, blob.problem("limit-reached", said, fatal=True), most)
        return
    known = recognised(blob)
    if not known and blob.hint != "raw":
        _note(blob, facts, blob.problem("unrecognised", "a member of no known format"), most)
    whole = [form for form in known if not form.aspect]
    for problem in promises.problems(blob, [form.name for form in whole]):
        _note(blob, facts, problem, most)
    if len(whole) > 1:
        names = ", ".join(sorted(form.name for form in whole))
        facts.append(blob.problem("polyglot", f"several formats in one member: {names}"))
    for form in whole:
        if (label := _label(form, blob)).startswith(PICKLED):
            inside.setdefault(label, blob)
    for form in known:
        yield blob, form.read(blob)
