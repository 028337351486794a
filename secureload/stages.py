"""The stages of an admission that is not on record: the one place that knows their order.

resolve -> verify -> fetch -> scan -> decide -> convert -> keep
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from pathlib import Path

import scanner
from scanner import Report
from secureload import (
    code,
    convert,
    fetching,
    history,
    judging,
    modelcard,
    policy,
    sandbox,
    selection,
    tracing,
)
from secureload.cache.placing import ReuseLostError
from secureload.errors import Refused
from secureload.evidence import operator
from secureload.flow import (
    AdmissionKey,
    Artifact,
    ArtifactFile,
    Attestation,
    CacheEntry,
    CodeSet,
    Decided,
    Listing,
    Need,
    Reading,
    SignatureStatus,
    Snapshot,
)
from secureload.surroundings import Surroundings

_NOT_ASKED = frozenset({"sources", "repo-types", "repos"})
"""Topics that refuse a model by its place, so that not even its signatures are asked for."""

_NOT_FETCHED = _NOT_ASKED | {"revision", "owner", "limits", "recalled"}
"""Topics that refuse a model before a byte of it is fetched; for others every file is read,
so that the refusal has every reason."""


def admit(
    within: Surroundings,
    listing: Listing,
    key: AdmissionKey,
    need: Need,
    work: Path,
    *,
    again: bool = False,
) -> CacheEntry:
    """Take a listing through every stage after `resolve`, in the folder `work`.

    What has been converted of the very same bytes is not converted `again` unless that says
    so: another policy or ruleset is another verdict, and no other conversion.

    Raises:
        Refused: the policy says no; `.verdict` has every reason.
        SecureloadError: no decision was reached.
    """
    confined = sandbox.served(work / "scratch")
    decided = _decide(within, listing, need, work, confined)
    if decided.approval is None or decided.snapshot is None:
        within.cache.record_verdict(decided, key)
        raise Refused(decided.verdict, decided.report)
    if not again and (found := _made_before(within, decided.snapshot, key, work, confined)):
        with contextlib.suppress(ReuseLostError):  # gone meanwhile: convert after all
            return _keep(within, found, key, need, decided)
    staging = work / "artifact"
    staging.mkdir()
    with tracing.stage("convert"):
        artifact = convert.convert(
            decided.snapshot,
            decided.approval,
            staging,
            framework=need.framework,
            progress=within.progress,
            through=confined.convert_folder,
        )
    artifact = dataclasses.replace(artifact, confinement=confined.tier.value)
    made = {path for done in artifact.conversions for path in done.outputs}
    tracing.add("converted_bytes", sum(file.size for file in artifact.files if file.path in made))
    return _keep(within, artifact, key, need, decided)


def _made_before(
    within: Surroundings,
    snapshot: Snapshot,
    key: AdmissionKey,
    work: Path,
    confined: sandbox.Sandbox,
) -> Artifact | None:
    """What an earlier admission made of these bytes, in no looser confinement than today's."""
    found = within.cache.converted(snapshot, key)
    if found is None:
        return None
    entry, tier = found
    if tier not in (confined.tier.value, sandbox.Tier.FULL.value):
        return None
    files = tuple(
        dataclasses.replace(file, blake3="") for file in entry.files if file.path != code.MANIFEST
    )
    root = work / "reused"
    root.mkdir()
    return Artifact(
        snapshot=snapshot,
        root=root,
        files=files,
        conversions=entry.conversions,
        confinement=tier,
        reused=entry.admission,
        kept=frozenset(file.path for file in files),
    )


def _keep(
    within: Surroundings, artifact: Artifact, key: AdmissionKey, need: Need, decided: Decided
) -> CacheEntry:
    """Publish an artifact, unless a file that was made is recalled.

    Raises:
        Refused: it is recalled.
        ReuseLostError: what was to be used again is gone.
    """
    listing, snapshot = decided.listing, artifact.snapshot
    loaded = listing.source.repo_type != "space"  # whose program somebody else will run
    if need.code and loaded and (found := code.code_of(snapshot)):
        artifact = _with_code(artifact, found)
    if bad := history.recalled(within, listing, [file.sha256 for file in artifact.files]):
        decided = judging.unfetched(
            within, listing, decided.attestation, bad, decided.circumstances
        )
        within.cache.record_verdict(decided, key)
        raise Refused(decided.verdict)
    with tracing.stage("keep"):
        evidence = _evidence(within, key, artifact, decided)
        return within.cache.publish(key, artifact, decided, evidence=evidence)


def _decide(
    within: Surroundings, listing: Listing, need: Need, work: Path, confined: sandbox.Sandbox
) -> Decided:
    topics = within.policy.topics(listing.source)
    circumstances = history.circumstances(within, listing)
    early = policy.decide_early(listing, None, within.policy, circumstances=circumstances)
    if any(reason.rule in _NOT_ASKED for reason in early):
        early = (*history.recalled(within, listing), *early)
        unasked = Attestation(
            status=SignatureStatus.UNSIGNED, detail="not asked for: the policy refuses the place"
        )
        return judging.unfetched(within, listing, unasked, early, circumstances)
    with tracing.stage("verify"):
        attestation = fetching.attest(within, listing, work)
    selected = selection.select(listing, need, scope=topics.scope)
    circumstances = dataclasses.replace(
        circumstances, lineage=history.lineage(within, listing, work)
    )
    early = policy.decide_early(
        listing, attestation, within.policy, selection=selected, circumstances=circumstances
    )
    early = (*history.recalled(within, listing), *early)
    if any(reason.rule in _NOT_FETCHED for reason in early):
        return judging.unfetched(within, listing, attestation, early, circumstances)
    with tracing.stage("fetch"):
        attestation, snapshot = fetching.fetch(within, listing, attestation, selected, work)
    if snapshot and (
        bad := history.recalled(within, listing, [file.sha256 for file in snapshot.files])
    ):
        return judging.unfetched(within, listing, attestation, bad, circumstances)
    report: Report | None = None
    if snapshot is not None:
        named = modelcard.licences(snapshot.root)
        circumstances = dataclasses.replace(circumstances, licences=named)
        tracing.add("scanned_bytes", sum(file.size for file in snapshot.files))
        with tracing.stage("scan"):
            report = scanner.scan(
                [snapshot.root],
                profiles=topics.pickles.profiles or None,
                allow=topics.pickles.allow,
                examine=confined.examine,
            )
    approved = policy.approved_code(topics, listing.source.repository) if need.code else None
    with tracing.stage("decide"):
        verdict, approval = policy.decide(
            str(listing.source), listing, attestation, snapshot, report, within.policy,
            mended=convert.mends(listing.source), confined=confined.tier.full,
            remote_code_requested=need.code,
            code=code.code_of(snapshot) if need.code and snapshot else None,
            approved_code=approved,
            signing=operator.configured(within.settings.home) is not None,
            circumstances=circumstances,
            today=within.clock().date(),
        )  # fmt: skip
    return Decided(
        listing=listing,
        attestation=attestation,
        snapshot=snapshot,
        report=report,
        verdict=verdict,
        approval=approval,
        confinement=confined.tier.value,
        circumstances=circumstances,
        reading=Reading(
            complete=snapshot is not None and len(snapshot.files) == len(listing.claims),
            profiles=topics.pickles.profiles,
            allow=topics.pickles.allow,
        ),
    )


def _evidence(
    within: Surroundings, key: AdmissionKey, artifact: Artifact, decided: Decided
) -> dict[str, bytes]:
    """The documents about an admission, signed; none where there is no operator key."""
    path = operator.configured(within.settings.home)
    if path is None:
        return {}
    from secureload.evidence import documents

    return documents.make(key, artifact, decided, operator.load(path), at=within.clock())


def _with_code(artifact: Artifact, found: CodeSet) -> Artifact:
    """The artifact with the manifest of its approved code."""
    data = code.manifest(found)
    (artifact.root / code.MANIFEST).write_bytes(data)
    made = ArtifactFile(path=code.MANIFEST, size=len(data), sha256=hashlib.sha256(data).hexdigest())
    return dataclasses.replace(artifact, files=(*artifact.files, made))
