"""What speaks against files in the scanner's report of them, after what waivers excuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scanner import PICKLED, FileResult, Finding, Report, Severity, Status
from scanner.frozen import replace
from secureload.flow import Reason, Snapshot, Source
from secureload.policy.excuses import Excuses
from secureload.policy.objections import Objection, deny

if TYPE_CHECKING:
    from secureload.policy.topics import Action, Topics


def objections(
    report: Report,
    topics: Topics,
    mended: frozenset[str],
    excuses: Excuses,
    reviewed: frozenset[str] = frozenset(),
) -> Iterator[Objection]:
    """What speaks against the files of a report, each finding of them in its turn.

    `mended` and `excuses` make warnings of what they speak of; `reviewed` are the paths of
    files that somebody has read and approved by digest, whose findings only warn.
    """
    for file in report:
        yield from _format(file, topics)
        if file.path in reviewed:  # somebody has read these very bytes and said yes
            for finding in file.findings:
                if finding.severity is not Severity.INFO:
                    yield Objection(reason=_found(file, finding, ""), action="warn")
            continue
        spoken = False
        for finding in file.findings:
            if finding.severity is Severity.INFO:
                continue
            if finding.rule in mended:
                reason = _found(file, finding, "")
                yield Objection(reason=reason, action="warn")
                continue
            spoken = True
            if finding.severity is Severity.CRITICAL:
                reason = _found(file, finding, "spec.verdicts.malicious: deny")
                objection = Objection(reason=reason, always=True)
            else:
                unread = file.status is Status.FAILED
                objection = _judged(file, finding, topics, unread=unread)
            yield from _excused(objection, file, finding, excuses)
        if file.status is not Status.EXAMINED and not spoken:
            yield _unread(file, topics)


def unconverted(source: Source, report: Report) -> Iterator[Objection]:
    """What only conversion would make safe: pickles, of which a dataset's are left as they are."""
    pickled = (*PICKLED, "torch", "pt2")  # what torch wrote holds pickles beside its tensors
    for file in report:
        told = [
            f"is a pickle ({name})" for name in file.format.split("+") if name.startswith(pickled)
        ]
        told += [found.message for found in file.findings if found.rule == "pickle-inside"]
        if told:
            reason = Reason(
                rule="pickles",
                message=f"{told[0]}, and nothing of a {source.repo_type} is converted; ask the "
                "publisher for parquet, JSON, arrays or safetensors",
                subject=file.path,
                setting="spec.repoTypes",
            )
            yield Objection(reason=reason, always=True)


def coverage(snapshot: Snapshot, report: Report) -> Iterator[Objection]:
    """Every file in quarantine was scanned, and what was scanned is what lies there."""
    results = {file.path: file for file in report}
    for stored in snapshot.files:
        result = results.get(stored.path)
        if result is None:
            message = "fetched, but not in the scanner's report"
            reason = Reason(rule="unscanned", message=message, subject=stored.path)
            yield Objection(reason=reason, always=True)
        elif result.size != stored.size or result.sha256 not in (None, stored.sha256):
            message = "changed between fetching and scanning"
            reason = Reason(rule="integrity", message=message, subject=stored.path)
            yield Objection(reason=reason, always=True)


def _excused(
    objection: Objection, file: FileResult, finding: Finding, excuses: Excuses
) -> Iterator[Objection]:
    """The objection, or a warning in its place where a waiver counts."""
    if objection.action != "deny":
        yield objection
        return
    waived, troubles = excuses.of(file, finding)
    if waived is None:
        yield objection
        for trouble in troubles:
            yield replace(objection, reason=trouble)
        return
    about = f"waived by {waived.owner} until {waived.expires}"
    reason = replace(
        objection.reason,
        message=f"{objection.reason.message}: {about}",
        setting=f"waiver {waived.waiver}",
    )
    yield Objection(reason=reason, action="warn", waived=waived)


def _judged(file: FileResult, finding: Finding, topics: Topics, *, unread: bool) -> Objection:
    name: str = "error" if unread else "suspicious"
    action: Action = getattr(topics.verdicts, name)
    setting = f"spec.verdicts.{name}: {action}"
    admit = finding.evidence.get("admit")
    if admit:
        setting = f"{setting}; admitted by {admit}"
    return Objection(reason=_found(file, finding, setting), action=action, unread=unread)


def _unread(file: FileResult, topics: Topics) -> Objection:
    unread = file.status is Status.FAILED
    name, rule, message = (
        ("error", "unreadable", "could not be read to its end")
        if unread
        else ("suspicious", "unrecognised", "no known format, so nothing is known about it")
    )
    action: Action = getattr(topics.verdicts, name)
    reason = Reason(
        rule=rule, message=message, subject=file.path, setting=f"spec.verdicts.{name}: {action}"
    )
    return Objection(reason=reason, action=action, unread=unread)


def _format(file: FileResult, topics: Topics) -> Iterator[Objection]:
    formats = topics.formats
    names = file.format.split("+")  # a file that several readers understand has several
    for name in names:
        if formats.allow is not None and name not in formats.allow:
            message = f"`{name}` is not among the formats allowed"
            yield deny("formats", message, file.path, "spec.formats.allow", formats.allow)
        if name in formats.deny:
            yield deny("formats", f"`{name}` is refused", file.path, "spec.formats.deny", [name])
        if topics.pickles.mode == "forbid" and name.startswith(PICKLED):
            message = f"`{name}` is a pickle"
            yield deny("pickles", message, file.path, "spec.pickles.mode", "forbid")


def _found(file: FileResult, finding: Finding, setting: str) -> Reason:
    where = str(finding.where)
    message = finding.message if where == "whole file" else f"{finding.message} (at {where})"
    return Reason(rule=finding.rule, message=message, subject=file.path, setting=setting)
