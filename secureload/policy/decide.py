"""The decision: every reason against, every warning, and an `Approval` when there is none.

Nothing here reads a file, a clock or the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypedDict

from scanner import Report
from scanner.frozen import dataclass
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
from secureload.policy import identity, scanned, standing
from secureload.policy.excuses import Excuses
from secureload.policy.objections import Objection, deny

if TYPE_CHECKING:
    import datetime as dt

    from secureload.policy.compiled import CompiledPolicy
    from secureload.policy.document import Policy
    from secureload.policy.topics import Size, Topics

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
        objections += scanned.objections(report, topics, mended, excuses, reviewed)
        if listing.source.repo_type != "model":
            objections += scanned.unconverted(listing.source, report)
    if snapshot is not None and report is not None:
        objections += scanned.coverage(snapshot, report)
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
    attestation: Attestation | None,
    policy: Policy,
    *,
    selection: Selection | None = None,
    circumstances: Circumstances | None = None,
) -> tuple[Reason, ...]:
    """The reasons to refuse that are known before any file is fetched; empty to go on.

    Of signatures only what git carries is known by then, so that none is missed yet; one
    that is there and wrong is. Without an `attestation` not even git was asked.
    """
    topics = policy.topics(listing.source)
    objections = [*_before_bytes(listing, policy, selection, circumstances or Circumstances())]
    if attestation is not None:
        objections += (one for one in identity.objections(attestation, topics) if one.always)
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
        *scanned.objections(report, topics, frozenset(), excuses),
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
