"""The decision: every reason against, every warning, and an `Approval` when there is none.

Nothing here reads a file, a clock or the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypedDict

from scanner import PICKLED, FileResult, Finding, Report, Severity, Status
from scanner.frozen import dataclass, replace
from secureload import flow
from secureload.flow import (
    Approval,
    Attestation,
    Circumstances,
    CodeSet,
    Decision,
    Listing,
    Reason,
    Selection,
    Snapshot,
    Source,
    Verdict,
    Waived,
)
from secureload.policy import identity, standing
from secureload.policy.excuses import Excuses
from secureload.policy.objections import Objection, deny

if TYPE_CHECKING:
    import datetime as dt

    from secureload.policy.compiled import CompiledPolicy
    from secureload.policy.document import Policy
    from secureload.policy.topics import Action, Size, Topics

_PROGRAM = frozenset(
    {"python", "javascript", "shell", "build-script", "markup", "text", "yaml", "json", "jinja",
     "notebook"}
)  # fmt: skip
"""Formats of a program's own text, which somebody has read who approves a Space."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """A decision with its reasons and warnings, before it is bound to a subject."""

    decision: Decision
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()
    waived: tuple[Waived, ...] = ()


def decide(
    subject: str,
    listing: Listing,
    attestation: Attestation,
    snapshot: Snapshot | None,
    report: Report | None,
    policy: Policy,
    *,
    mended: frozenset[str] = frozenset(),
    remote_code_requested: bool = False,
    code: CodeSet | None = None,
    approved_code: frozenset[str] | None = None,
    confined: bool = False,
    signing: bool = True,
    circumstances: Circumstances | None = None,
    today: dt.date | None = None,
) -> tuple[Verdict, Approval | None]:
    """Decide on one snapshot and list every reason, not the first.

    `mended` names the rules whose findings the later stages remove from what is loaded (a
    key scrubbed from a configuration): those only warn. `confined` says that the files were
    read in full confinement, `signing` that there is a key to sign evidence with, `today` on which
    day (UTC) waivers must be current: without it none counts. `code` is the repository's
    Python, where it is asked for, and `approved_code` the digests that the policy has for it.
    Without snapshot and report there is never an approval.
    """
    topics = policy.topics(listing.source)
    objections = [
        *_before_bytes(listing, policy, None, circumstances or Circumstances()),
        *identity.objections(attestation, topics),
        *standing.licences(circumstances or Circumstances(), topics),
        *_remote_code(listing, code, approved_code, requested=remote_code_requested),
        *_evidence(topics, signing=signing),
    ]
    if snapshot is not None:
        objections += _limits(topics, [(file.path, file.size) for file in snapshot.files])
    if report is not None:
        objections += _confinement(topics, confined=confined)
        digests = {file.path: file.sha256 for file in snapshot.files} if snapshot else {}
        excuses = Excuses(
            waivers=policy.waivers,
            settings=topics.waivers,
            repository=listing.source.repository,
            digests=digests,
            today=today,
        )
        runs = code is not None and code.digest in (approved_code or ())
        reviewed = frozenset(file.path for file in code.files) if code and runs else frozenset()
        if listing.source.repo_type == "space":
            texts = {file.path for file in report if set(file.format.split("+")) <= _PROGRAM}
            reviewed &= texts
        objections += _scanned(report, topics, mended, excuses, reviewed)
        if listing.source.repo_type != "model":
            objections += _unconverted(listing.source, report)
    if snapshot is not None and report is not None:
        objections += _coverage(snapshot, report)
    elif not any(objection.action == "deny" for objection in objections):
        message = "the files were not read, so nothing is known about them"
        objections.append(Objection(reason=Reason(rule="unread", message=message), unread=True))
    judgement = _judge(objections, topics.mode, complete=snapshot is not None)
    verdict = Verdict(
        decision=judgement.decision,
        subject=subject,
        commit=listing.commit,
        policy=policy.id,
        ruleset=report.ruleset if report is not None else "",
        reasons=judgement.reasons,
        warnings=judgement.warnings,
        waived=judgement.waived,
    )
    if verdict.decision is not Decision.ALLOW or snapshot is None or report is None:
        return verdict, None
    return verdict, Approval(verdict, snapshot.digest, seal=flow._SEAL)


def decide_early(
    listing: Listing,
    attestation: Attestation,
    policy: Policy,
    *,
    selection: Selection | None = None,
    circumstances: Circumstances | None = None,
) -> tuple[Reason, ...]:
    """The reasons to refuse that are known before any file is fetched; empty to go on.

    Of signatures only what git carries is known by then, so that none is missed yet; one
    that is there and wrong is.
    """
    topics = policy.topics(listing.source)
    objections = [
        *_before_bytes(listing, policy, selection, circumstances or Circumstances()),
        *(one for one in identity.objections(attestation, topics) if one.always),
    ]
    return _judge(objections, topics.mode).reasons


def judge_report(
    report: Report,
    policy: Policy | CompiledPolicy,
    *,
    confined: bool = False,
    today: dt.date | None = None,
) -> Judgement:
    """Judge files alone, as `secureload scan` does: no source, no signature.

    Waivers count on the day `today` for files whose digest is in the report.
    """
    topics = policy.topics(Source(kind="local", location=""))
    excuses = Excuses(
        waivers=policy.waivers,
        settings=topics.waivers,
        repository=None,
        digests={},
        today=today,
    )
    objections = [
        *_confinement(topics, confined=confined),
        *_scanned(report, topics, frozenset(), excuses),
    ]
    return _judge(objections, topics.mode)


def accept(
    subject: str,
    listing: Listing,
    snapshot: Snapshot | None,
    policy: Policy,
    *,
    ruleset: str,
    problems: tuple[Reason, ...],
    warnings: tuple[Reason, ...] = (),
    waived: tuple[Waived, ...] = (),
) -> tuple[Verdict, Approval | None]:
    """Take over a decision made elsewhere, unless there is anything wrong with it.

    `problems` is what the caller found wrong with the attestation; the decision itself is not
    made again. Without a snapshot there is never an approval.
    """
    verdict = Verdict(
        decision=Decision.DENY if problems or snapshot is None else Decision.ALLOW,
        subject=subject,
        commit=listing.commit,
        policy=policy.id,
        ruleset=ruleset,
        reasons=problems,
        warnings=() if problems else warnings,
        waived=() if problems else waived,
    )
    if verdict.decision is not Decision.ALLOW or snapshot is None:
        return verdict, None
    return verdict, Approval(verdict, snapshot.digest, seal=flow._SEAL)


class ScanOptions(TypedDict):
    """The part of a policy that the scanner has to know."""

    profiles: tuple[str, ...]
    allow: tuple[str, ...]


def scan_options(topics: Topics) -> ScanOptions:
    """What the scanner has to know of a policy: the globals that a pickle may name besides."""
    pickles = topics.pickles
    if pickles.mode != "allowlist":
        return {"profiles": (), "allow": ()}
    return {"profiles": pickles.profiles, "allow": pickles.allow}


def _judge(objections: list[Objection], mode: str, *, complete: bool = True) -> Judgement:
    reasons: dict[Reason, bool] = {}
    warnings: dict[Reason, None] = {}
    waived: dict[Waived, None] = {}
    for objection in objections:
        refuses = objection.action == "deny" and (mode == "enforce" or objection.always)
        if refuses or (objection.unread and not complete):
            reasons[objection.reason] = reasons.get(objection.reason, True) and objection.unread
        elif objection.action != "allow":
            warnings[objection.reason] = None
        if objection.waived is not None:
            waived[objection.waived] = None
    if not reasons:
        decision = Decision.ALLOW
    elif all(reasons.values()):
        decision = Decision.ERROR
    else:
        decision = Decision.DENY
    return Judgement(
        decision=decision,
        reasons=tuple(reasons),
        warnings=tuple(warning for warning in warnings if warning not in reasons),
        waived=tuple(waived),
    )


def _before_bytes(
    listing: Listing,
    policy: Policy,
    selection: Selection | None,
    circumstances: Circumstances,
) -> Iterator[Objection]:
    source = listing.source
    topics = policy.topics(source)
    yield from _source(source, policy, topics)
    yield from _revision(listing, topics)
    yield from standing.objections(listing, circumstances, topics)
    if selection is not None:
        wanted = frozenset(selection.paths)
        claimed = [(claim.path, claim.size) for claim in listing.claims if claim.path in wanted]
        yield from _limits(topics, claimed)


def _source(source: Source, policy: Policy, topics: Topics) -> Iterator[Objection]:
    name, kind = source.repository, source.kind
    if kind not in topics.sources:
        yield deny(
            "sources",
            f"sources of kind `{kind}` are not allowed",
            "",
            "spec.sources",
            topics.sources,
        )
    if kind == "hub" and source.repo_type not in topics.repo_types:
        yield deny(
            "repo-types",
            f"`{name}` is a {source.repo_type}, and only "
            f"{' and '.join(f'{one}s' for one in topics.repo_types) or 'nothing'} may be asked for",
            "",
            "spec.repoTypes",
            topics.repo_types,
        )
    if not any(fnmatchcase(name, glob) for glob in topics.repos.allow):
        yield deny(
            "repos",
            f"`{name}` is not among the repositories allowed",
            "",
            "spec.repos.allow",
            topics.repos.allow,
        )
    for glob in topics.repos.deny:
        # Without its prefix too: what is denied of a name is denied of every type.
        if any(fnmatchcase(one.lower(), glob.lower()) for one in (name, source.name)):
            yield deny("repos", f"`{name}` is refused by name", "", "spec.repos.deny", [glob])
    for rule in policy.rules:
        if rule.deny and rule.applies_to(source):
            yield deny("repos", rule.deny, "", f"spec.rules.{rule.name}.deny", None)


def _revision(listing: Listing, topics: Topics) -> Iterator[Objection]:
    source = listing.source
    if source.kind == "local" or source.revision == listing.commit:
        return
    asked = f"`{source.revision}`" if source.revision else "the default branch"
    if topics.revision.require == "commit-sha":
        yield deny(
            "revision",
            f"{asked} is no commit; name one, for example {listing.commit}",
            "",
            "spec.revision.require",
            "commit-sha",
        )
    elif topics.revision.branches == "last-admitted":
        yield deny(
            "revision",
            f"{asked} may move and no commit of it was admitted before; "
            f"name a commit, for example {listing.commit}",
            "",
            "spec.revision.branches",
            "last-admitted",
        )


def _remote_code(
    listing: Listing, code: CodeSet | None, approved: frozenset[str] | None, *, requested: bool
) -> Iterator[Objection]:
    space = listing.source.repo_type == "space"
    paths = [claim.path for claim in listing.claims if space or claim.path.endswith(".py")]
    if not requested or not paths:
        return
    setting = "spec.remoteCode: forbid"
    if approved is None:
        message = "`trust_remote_code` would run this repository's Python"
        if space:
            message = "a Space is a program, and this policy admits no code of a repository"
        subject = ", ".join(paths)
    elif code is None or code.digest not in approved:
        digest = code.digest if code else "not read"
        message = (
            f"no approval of this code: all of it together is {digest}; `secureload code approve "
            f"{listing.source} --file FILE` approves it once it was read"
        )
        subject, setting = ", ".join(paths), "spec.remoteCode.mode: approved-digests"
    elif code.astray:
        message = "a configuration names code that is not among the approved files"
        subject, setting = ", ".join(code.astray), "spec.remoteCode.mode: approved-digests"
    else:
        what = "is a program" if space else "runs its own code"
        message = f"{what}, approved as {code.digest}"
        yield Objection(reason=Reason(rule="remote-code", message=message), action="warn")
        return
    reason = Reason(rule="remote-code", message=message, subject=subject, setting=setting)
    yield Objection(reason=reason, always=True)


def _confinement(topics: Topics, *, confined: bool) -> Iterator[Objection]:
    if topics.sandbox == "required" and not confined:
        yield deny(
            "sandbox",
            "the files were not read in full confinement, which this policy demands; "
            "`secureload doctor` tells what this machine lacks",
            "",
            "spec.sandbox",
            "required",
        )


def _evidence(topics: Topics, *, signing: bool) -> Iterator[Objection]:
    if topics.evidence.sign == "required" and not signing:
        yield deny(
            "evidence",
            "there is no operator key to sign evidence with (`secureload init` makes one)",
            "",
            "spec.evidence.sign",
            "required",
        )


def _limits(topics: Topics, files: list[tuple[str, int]]) -> Iterator[Objection]:
    limits = topics.limits
    total = sum(size for _, size in files)
    if _over(total, limits.repo_bytes):
        yield deny(
            "limits", f"{total} bytes altogether", "", "spec.limits.repoBytes", limits.repo_bytes
        )
    for path, size in files:
        if _over(size, limits.file_bytes):
            yield deny("limits", f"{size} bytes", path, "spec.limits.fileBytes", limits.file_bytes)
    if limits.files is not None and len(files) > limits.files:
        yield deny("limits", f"{len(files)} files", "", "spec.limits.files", limits.files)


def _over(size: int, limit: Size) -> bool:
    from secureload.policy.topics import in_bytes

    return limit is not None and size > in_bytes(limit)


def _scanned(
    report: Report,
    topics: Topics,
    mended: frozenset[str],
    excuses: Excuses,
    reviewed: frozenset[str] = frozenset(),
) -> Iterator[Objection]:
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


def _unconverted(source: Source, report: Report) -> Iterator[Objection]:
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


def _coverage(snapshot: Snapshot, report: Report) -> Iterator[Objection]:
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


def _found(file: FileResult, finding: Finding, setting: str) -> Reason:
    where = str(finding.where)
    message = finding.message if where == "whole file" else f"{finding.message} (at {where})"
    return Reason(rule=finding.rule, message=message, subject=file.path, setting=setting)
