"""An approved review becomes a waiver: a file of `kind: Waiver` that the policy counts with."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from scanner import Severity
from secureload.cache.waivers import bring, place_of, write
from secureload.errors import PolicyError
from secureload.flow import Source
from secureload.gateway.problems import Conflict
from secureload.ledger.records import ReviewRecord, VerdictRecord
from secureload.policy import waivers

if TYPE_CHECKING:
    from secureload.gateway.catalogue import Catalogue

__all__ = ["DAYS", "bring", "waive"]

DAYS = 30
"""How long a waiver lasts where the reviewer names no day."""


def waive(
    catalogue: Catalogue,
    review: ReviewRecord,
    about: VerdictRecord,
    *,
    reviewer: str,
    comment: str,
    expires: dt.date | None,
) -> str:
    """Write the waiver of an approved review into `$SECURELOAD_HOME/waivers`; gives its text.

    Whoever asked owns it, the reviewer has approved it, and it names the very files and
    findings of the verdict.

    Raises:
        Conflict: the refusal is none that a waiver excuses, or the waiver would not count.
        OSError: the disk refused.
    """
    policy = catalogue.policy()
    source = Source(kind=about.kind, location=about.repository, revision=about.revision)  # type: ignore[arg-type]
    settings = policy.topics(source).waivers
    decided = [
        one
        for one in catalogue.cache.decisions(source)
        if one.verdict.commit == about.verdict.commit
    ]
    report = decided[-1].report if decided else ()
    found = [
        (file.sha256, finding)
        for file in report
        for finding in file.findings
        if finding.severity > Severity.INFO and file.sha256 is not None
    ]
    if not found:
        raise Conflict(
            "no finding in a file is behind this refusal, so no waiver excuses it",
            hint="what the policy says of signatures, sources or formats changes with the policy",
        )
    classes = {finding.rule for _, finding in found}
    if any(finding.severity is Severity.CRITICAL for _, finding in found):
        classes.add("malicious")
    if forbidden := sorted(classes & set(settings.forbid_rules)):
        raise Conflict(f"nothing excuses `{forbidden[0]}` under policy `{policy.id.name}`")
    text = waivers.draft(
        found,
        name=f"review-{review.id[:12]}",
        owner=review.requested_by,
        statement=f"{review.statement} -- {comment}",
        issued=policy.today,
        expires=expires or policy.today + dt.timedelta(days=DAYS),
        approved_by=[reviewer],
        repos=[about.repository],
    )

    def check(draft: Path) -> None:
        if problem := waivers.load(draft).problem(settings, policy.today):
            raise Conflict(f"the waiver would not count: it {problem}")

    try:
        write(place_of(catalogue.cache.layout.home, review.id), text, check)
    except PolicyError as error:
        raise Conflict(f"the waiver would not be valid: {error.message}") from error
    return text
