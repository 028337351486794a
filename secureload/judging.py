"""Decide without a model: on one file that a program loads by itself, or before any is fetched."""

from __future__ import annotations

from pathlib import Path

import scanner
from scanner import Report
from scanner.engine import Options
from secureload import history, policy, sandbox
from secureload.evidence import operator
from secureload.flow import (
    Attestation,
    Circumstances,
    Decided,
    Decision,
    Listing,
    Reason,
    SignatureStatus,
    Snapshot,
    Source,
    StoredFile,
    Verdict,
)
from secureload.policy import Topics
from secureload.surroundings import Surroundings

_HERE = 1 << 20
"""Most bytes of a pickle in memory that are read in this process."""


def unfetched(
    within: Surroundings,
    listing: Listing,
    attestation: Attestation,
    reasons: tuple[Reason, ...],
    circumstances: Circumstances,
) -> Decided:
    """A refusal that no file had to be read for."""
    verdict = Verdict(
        decision=Decision.DENY,
        subject=str(listing.source),
        commit=listing.commit,
        policy=within.policy.id,
        ruleset=scanner.ruleset(),
        reasons=reasons,
    )
    return Decided(
        listing=listing,
        attestation=attestation,
        snapshot=None,
        report=None,
        verdict=verdict,
        approval=None,
        circumstances=circumstances,
    )


def judge(within: Surroundings, name: str, what: Path | bytes) -> tuple[Verdict, Report]:
    """Decide on one file, or on bytes, that a program is about to load itself.

    Nothing is fetched, converted or kept; a refusal is recorded. `name` is what messages
    call it. Few bytes are read here, where the policy does not demand confinement: a
    program may load thousands of small pickles, and a worker costs some milliseconds.

    Raises:
        SecureloadError: no decision was reached.
    """
    topics = within.policy.topics(Source(kind="local", location=name))
    if isinstance(what, bytes) and len(what) <= _HERE and topics.sandbox != "required":
        options = Options(second="never", **policy.scan_options(topics))
        result = scanner.scan_bytes(what, name="pickle", options=options)
        report, confined = Report(files=(result,), ruleset=scanner.ruleset()), False
    else:
        report, confined = _examined(within, what, topics)
    return _judged(within, name, report, confined=confined), report


def _examined(within: Surroundings, what: Path | bytes, topics: Topics) -> tuple[Report, bool]:
    with within.cache.work() as work:
        if isinstance(what, bytes):
            path = work / "pickle"
            path.write_bytes(what)
        else:
            path = what
        sandboxed = sandbox.served(work / "scratch")
        report = scanner.scan(
            [path], **policy.scan_options(topics), examine=sandboxed.examine
        )  # fmt: skip
        return report, sandboxed.tier.full


def _judged(within: Surroundings, name: str, report: Report, *, confined: bool) -> Verdict:
    source = Source(kind="local", location=name)
    files = tuple(
        StoredFile(path=file.path, size=file.size, sha256=file.sha256 or "", git_oid="")
        for file in report
    )
    listing = Listing(source=source, commit=f"local-{files[0].sha256}", claims=())
    attestation = Attestation(status=SignatureStatus.UNSIGNED, detail="a file on this machine")
    snapshot = Snapshot(listing=listing, root=Path(name), files=files)
    circumstances = Circumstances(now=within.clock())
    if bad := history.recalled(within, listing, [file.sha256 for file in files]):
        decided = unfetched(within, listing, attestation, bad, circumstances)
    else:
        verdict, approval = policy.decide(
            name, listing, attestation, snapshot, report, within.policy, confined=confined,
            signing=operator.configured(within.settings.home) is not None,
            circumstances=circumstances,
        )  # fmt: skip
        decided = Decided(
            listing=listing,
            attestation=attestation,
            snapshot=snapshot,
            report=report,
            verdict=verdict,
            approval=approval,
            circumstances=circumstances,
        )
    if decided.verdict.decision is not Decision.ALLOW:
        within.cache.record_verdict(decided)
    return decided.verdict
