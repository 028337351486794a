"""Recorded decisions made again under another policy: what would it say of what we have?

Nothing is asked, fetched or scanned again. What a policy wants to know and the ledger does not
hold is taken for the best: a no then is a no whatever the truth, and a yes is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from secureload import history, policy
from secureload.code import is_code
from secureload.convert import mends
from secureload.flow import (
    ArtifactFile,
    Attestation,
    CodeSet,
    Listing,
    Signal,
    SignatureResult,
    SignatureStatus,
    Upstream,
    Verdict,
    digest_of,
)
from secureload.sandbox.lockdown import Tier

if TYPE_CHECKING:
    from secureload.ledger.decisions import Decision
    from secureload.policy import Policy
    from secureload.policy.topics import Topics
    from secureload.signatures.trust import TrustedKey, TrustRoots

_CARRIED_OVER = "remote-code"


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """What a policy says of one recorded decision, and what it would have to ask first."""

    verdict: Verdict
    unknown: tuple[str, ...]

    @property
    def answer(self) -> str:
        """The decision; `undecided` where it would be yes if what is unknown were for the best."""
        found = self.verdict.decision.value
        return "undecided" if found == "allow" and self.unknown else found


def again(old: Decision, by: Policy, trust: TrustRoots, *, now: datetime, signing: bool) -> Replay:
    """Decide once more, as of `now`; `signing` as in `policy.decide`.

    Age, owner, lineage, licences, confinement and the hub's scan are those recorded; signatures
    and findings are as they were judged then.
    """
    topics = by.topics(old.listing.source)
    attestation, strangers = _recognised(old.attestation, trust, old.listing.source.repository)
    listing = _spoken_well_of(old.listing)
    code = _code(old)
    verdict, _ = policy.decide(
        old.verdict.subject, listing, attestation, old.snapshot, old.report, by,
        mended=mends(listing.source), confined=Tier(old.confinement).full,
        remote_code_requested=code is not None, code=code,
        approved_code=policy.approved_code(topics, listing.source.repository),
        signing=signing, circumstances=replace(old.circumstances, now=now), today=now.date(),
    )  # fmt: skip
    return Replay(verdict=verdict, unknown=(*strangers, *_unknown(old, topics)))


def _unknown(old: Decision, topics: Topics) -> Iterator[str]:
    source, known = old.listing.source, old.circumstances
    if topics.revision.monotonic and history.moves(source) and known.lineage is None:
        yield "spec.revision.monotonic: what this commit follows was not asked"
    if source.kind == "hub":
        if topics.owner.pin != "none" and known.changed_ids is None:
            yield "spec.owner: the owner's ids were not compared"
        if topics.hub_signals.consult == "always" and _signal(old.listing) is None:
            yield "spec.hubSignals: the hub was not asked for its scan"
    read = old.reading
    if topics.scope == "all" and not (read and read.complete):
        yield "spec.scope: some files of the commit were not read"
    if read is None or (read.profiles, read.allow) != (
        topics.pickles.profiles,
        topics.pickles.allow,
    ):
        yield "spec.pickles: the files were scanned with other allowed globals"
    if any(reason.rule == _CARRIED_OVER for reason in old.verdict.reasons):
        yield "spec.remoteCode: which code the configurations name is not recorded"


def _signal(listing: Listing) -> Signal | None:
    return listing.upstream.signal if listing.upstream else None


def _spoken_well_of(listing: Listing) -> Listing:
    """The listing, with the best that a hub may say where nothing is recorded."""
    if listing.source.kind != "hub" or _signal(listing) is not None:
        return listing
    ids = listing.upstream.ids if listing.upstream else {}
    return replace(listing, upstream=Upstream(ids=ids, signal=Signal(state="safe", asked_at="")))


def _code(old: Decision) -> CodeSet | None:
    """The repository's Python, where it was asked for; what names it has been judged then."""
    said = (*old.verdict.reasons, *old.verdict.warnings)
    if not any(reason.rule == _CARRIED_OVER for reason in said):
        return None
    files = tuple(
        ArtifactFile(path=file.path, size=file.size, sha256=file.sha256)
        for file in old.snapshot.files
        if is_code(file.path, old.listing.source)
    )
    digest = digest_of((file.sha256, file.size, file.path) for file in files)
    return CodeSet(digest=f"sha256:{digest}", files=files, names={})


# -- whose signatures count ----------------------------------------------------------------


def _recognised(
    attestation: Attestation, trust: TrustRoots, repository: str
) -> tuple[Attestation, tuple[str, ...]]:
    """The attestation as these trust roots may see it, and what is not known of its signers."""
    unknown = []
    signatures = []
    for one in attestation.signatures:
        keys = [key for key in trust.of(one.kind) if key.speaks_for(repository)]
        if one.status is SignatureStatus.VERIFIED and not any(_held(one, key) for key in keys):
            unknown.append(f"spec.identity.trustRoots: not asked whether one holds {one.signer}")
        elif one.status is SignatureStatus.UNKNOWN_KEY and (
            holders := [key for key in keys if _may_hold(one, key)]
        ):
            unknown.append(f"spec.identity.trustRoots: {one.signer} was unknown then")
            one = replace(one, status=SignatureStatus.VERIFIED, root=holders[0].root)
        signatures.append(one)
    if attestation.status is SignatureStatus.UNKNOWN_KEY and len(unknown):
        attestation = replace(attestation, status=SignatureStatus.VERIFIED)
    return replace(attestation, signatures=tuple(signatures)), tuple(dict.fromkeys(unknown))


def _held(one: SignatureResult, key: TrustedKey) -> bool:
    """Whether a key is the one that verified a signature, as far as the record tells."""
    return key.root == one.root and (_names(one, key) or _issues(key))


def _may_hold(one: SignatureResult, key: TrustedKey) -> bool:
    """Whether a key may verify a signature; OpenPGP's are often named by a subkey."""
    return _names(one, key) or _issues(key) or key.kind == "openpgp"


def _names(one: SignatureResult, key: TrustedKey) -> bool:
    if one.signer is None:
        return False
    return one.signer.fingerprint in key.fingerprints or (
        key.fingerprints.get(one.signer.name) == one.signer.fingerprint  # sigstore's identity
    )


def _issues(key: TrustedKey) -> bool:
    """Whether a key is an authority, whose signers have certificates of their own."""
    return getattr(key.entry, "method", None) == "certificate"
