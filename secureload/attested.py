"""Admit what was decided elsewhere: the air gap's side of the gate.

A verification summary stands in for resolve, verify, fetch, scan, decide and convert. What is
left to do here: verify its signature by a key that a trust root calls a verifier, see that it
speaks of this policy, ruleset and converter, and measure every file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import scanner
from secureload import policy, signatures, versions
from secureload.errors import EvidenceError, Refused
from secureload.flow import (
    Artifact,
    Attestation,
    CacheEntry,
    Conversion,
    Decided,
    Listing,
    Reason,
    SignatureStatus,
    Signer,
    Snapshot,
    Source,
    StoredFile,
)

if TYPE_CHECKING:
    from secureload.cache import TrustedCache
    from secureload.evidence.bundle import Bundle
    from secureload.evidence.summary import Claim
    from secureload.policy import Policy

Recalls: TypeAlias = Callable[[Listing, Sequence[str]], tuple[Reason, ...]]

_DOCUMENT = re.compile(r"[a-z0-9][a-z0-9-]*\.(?:json|sig)")


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What a verified bundle says; `problems` is what keeps it from counting here."""

    claim: Claim | None
    verifier: str
    documents: dict[str, bytes]
    conversions: tuple[Conversion, ...]
    digests: tuple[str, ...]
    """SHA-256 of the admitted files, and of those they were made of."""
    problems: tuple[Reason, ...]


def verifiers(trusted: Policy, source: Source) -> dict[str, bytes]:
    """The public keys (PEM) whose admissions of a source count, by key id.

    Raises:
        PolicyError: a trust root is not valid.
    """
    from secureload.evidence.operator import keyid_of

    roots = signatures.TrustRoots.load(trusted.trust_roots)
    return {
        keyid_of(key.material): key.material
        for key in roots.of("verifier")
        if key.speaks_for(source.repository)
    }


def admit(
    path: Path,
    source: Source | None,
    trusted: Policy,
    cache: TrustedCache,
    *,
    recalled: Recalls,
) -> CacheEntry:
    """Admit one exported model; `recalled` says why a commit or bytes were taken back here.

    Raises:
        Refused: the attestation does not hold here; `.verdict` has every reason.
        SecureloadError: it cannot be read.
    """
    from secureload.evidence import bundle

    files = None
    if source is not None and source.kind == "local" and Path(source.location) != path:
        # The files lie in a folder of their own, which says nothing about where they came from.
        files, source = Path(source.location), None
    with bundle.opened(path, files) as carried:
        said = _read(carried, trusted, source)
        if said.claim is not None:
            again = recalled(_listing(said.claim), said.digests)
            said = replace(said, problems=(*said.problems, *again))
        if said.claim is None or said.problems:
            _refuse(said, str(source or path), trusted, cache)
        with cache.lock(said.claim.key.digest), cache.work() as work:
            return _keep(carried, said, said.claim, work, trusted, cache)


def _read(carried: Bundle, trusted: Policy, source: Source | None) -> _Said:
    """Verify everything but the files' bytes."""
    from secureload.evidence import VSA, bundle, provenance, summary
    from secureload.evidence.envelope import NotSignedError, unseal

    document = bundle.document(carried, VSA)
    documents = {VSA: document}
    conversions: list[Conversion] = []
    try:
        keys = [
            key.material for key in signatures.TrustRoots.load(trusted.trust_roots).of("verifier")
        ]
        payload, keyid = unseal(document, keys)
        claim = summary.parse(payload)
    except NotSignedError as error:
        return _Said(
            claim=None, verifier="", documents={}, conversions=(), digests=(),
            problems=(_problem(str(error), VSA),),
        )  # fmt: skip
    problems = list(_disagreements(claim, keyid, trusted, source, carried))
    digests = [file.sha256 for file in claim.files]
    for name, sha256 in sorted(claim.inputs.items()):
        if not _DOCUMENT.fullmatch(name) or name == VSA:
            problems.append(_problem("no name for a document", name))
            continue
        try:
            data = bundle.document(carried, name)
        except EvidenceError as error:
            problems.append(_problem(error.message, name))
            continue
        if hashlib.sha256(data).hexdigest() != sha256:
            problems.append(_problem("is not the document that the summary names", name))
            continue
        documents[name] = data
        if name.startswith("provenance-"):
            try:
                payload, _ = unseal(data, keys)
                conversions.append(provenance.parse(payload))
                digests += provenance.inputs(payload)
            except NotSignedError as error:
                problems.append(_problem(str(error), name))
    return _Said(
        claim=claim,
        verifier=keyid,
        documents=documents,
        conversions=tuple(conversions),
        digests=tuple(digests),
        problems=tuple(problems),
    )


def _disagreements(
    claim: Claim, keyid: str, trusted: Policy, source: Source | None, carried: Bundle
) -> Iterator[Reason]:
    key = claim.key
    asked = Source(kind=key.kind, location=key.repository, revision=claim.revision)
    if not claim.passed:
        yield _problem("the summary says FAILED")
    if keyid not in verifiers(trusted, asked):
        yield _problem(f"key {keyid[:16]} may not decide about `{asked.repository}`")
    if source is not None and (
        (source.kind, source.location) != (asked.kind, asked.location)
        or source.revision not in (None, claim.revision, key.commit)
    ):
        yield _problem(f"it speaks of {asked}, commit {key.commit}")
    for what, theirs, ours in (
        ("policy", key.policy, trusted.id.digest),
        ("ruleset", key.ruleset, scanner.ruleset()),
        ("converters", key.converter, versions.conversion()),
    ):
        if theirs != ours:
            yield _problem(f"decided under {what} {theirs[:26]}, which here is {ours[:26]}")
    named, present = {file.path for file in claim.files}, carried.files()
    for path in sorted(named - present):
        yield _problem("is missing", path)
    for path in sorted(present - named):
        yield _problem("was added", path)


def _keep(
    carried: Bundle, said: _Said, claim: Claim, work: Path, trusted: Policy, cache: TrustedCache
) -> CacheEntry:
    from secureload.evidence import bundle

    root = work / "files"
    root.mkdir()
    problems = []
    for file in claim.files:
        parts = Path(file.path).parts
        if Path(file.path).is_absolute() or ".." in parts or not parts:
            problems.append(_problem("is no path in a folder", file.path))
        elif wrong := bundle.take(carried, file, root):
            problems.append(_problem(wrong, file.path))
    decided = _decided(said, claim, root, trusted, tuple(problems))
    if decided.snapshot is None or decided.approval is None:
        cache.record_verdict(decided)
        raise Refused(decided.verdict)
    artifact = Artifact(
        snapshot=decided.snapshot, root=root, files=claim.files, conversions=said.conversions
    )
    return cache.publish(
        claim.key, artifact, decided, evidence=said.documents, verifier=said.verifier
    )


def _decided(
    said: _Said, claim: Claim, root: Path, trusted: Policy, problems: tuple[Reason, ...]
) -> Decided:
    listing = _listing(claim)
    source = listing.source
    snapshot = None
    if not problems:
        snapshot = Snapshot(
            listing=listing,
            root=root,
            files=tuple(
                StoredFile(path=file.path, size=file.size, sha256=file.sha256, git_oid="")
                for file in claim.files
            ),
        )
    about = f"decided by {said.verifier[:16]} on {claim.verified_at}"
    verdict, approval = policy.accept(
        str(source),
        listing,
        snapshot,
        trusted,
        ruleset=claim.key.ruleset,
        problems=problems,
        warnings=(Reason(rule="attestation", message=about), *claim.warnings),
        waived=claim.waived,
    )
    attestation = Attestation(
        status=claim.signature,
        signer=Signer(kind="verifier", fingerprint=said.verifier),
        detail=about,
    )
    return Decided(
        listing=listing,
        attestation=attestation,
        snapshot=snapshot,
        report=None,
        verdict=verdict,
        approval=approval,
    )


def _refuse(said: _Said, subject: str, trusted: Policy, cache: TrustedCache) -> NoReturn:
    claim = said.claim
    listing = Listing(source=Source(kind="local", location=subject), commit="", claims=())
    if claim is not None:
        listing = _listing(claim)
    verdict, _ = policy.accept(
        subject, listing, None, trusted, ruleset=scanner.ruleset(), problems=said.problems
    )
    status = SignatureStatus.BAD_SIGNATURE if claim is None else claim.signature
    decided = Decided(
        listing=listing,
        attestation=Attestation(status=status, detail="admission made elsewhere"),
        snapshot=None,
        report=None,
        verdict=verdict,
        approval=None,
    )
    cache.record_verdict(decided)
    raise Refused(verdict)


def _listing(claim: Claim) -> Listing:
    source = Source(kind=claim.key.kind, location=claim.key.repository, revision=claim.revision)
    return Listing(source=source, commit=claim.key.commit, claims=())


def _problem(message: str, subject: str = "") -> Reason:
    return Reason(
        rule="attestation", message=message, subject=subject, setting="--require-attestation"
    )
