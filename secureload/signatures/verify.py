"""From a listing to an attestation: fetch raw objects, walk the chain, judge the signatures."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from secureload.flow import (
    Attestation,
    GitRemote,
    Link,
    Listing,
    SignatureStatus,
    Snapshot,
)
from secureload.signatures import chain, gpg, ssh
from secureload.signatures.gitobjects import MalformedObjectError, Tag, parse_tag
from secureload.signatures.gitstore import AbsentCommitError, GitStore, NoGitHereError
from secureload.signatures.kinds import Clock, Judgement
from secureload.signatures.trust import TrustRoots

_KINDS = (gpg.SIGNATURE, ssh.SIGNATURE)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

_WRONG = frozenset(SignatureStatus) - {
    SignatureStatus.VERIFIED,
    SignatureStatus.UNSIGNED,
    SignatureStatus.UNKNOWN_KEY,
    SignatureStatus.PLATFORM_ATTESTED,
}
"""Statuses of a signature that is there, could be judged, and does not hold."""


def attest(
    listing: Listing,
    remote: GitRemote | None,
    trust: TrustRoots,
    workdir: Path,
    *,
    now: Clock | None = None,
    offline: bool = False,
) -> Attestation:
    """Say who signed a listing's commit, and which blobs that commit holds.

    Raw objects are fetched into `workdir`, every id is recomputed here, and the listing is
    compared with the tree. `now` is the clock expiry is judged by (None: the machine's). A
    tag that the caller asked for is judged beside the commit it names.

    Raises:
        SourceError: the network failed, or the repository may not be read.
        ToolError: git, gpg or ssh-keygen is missing.
    """
    if remote is None:
        return _unsigned("a local folder carries no commit signature")
    store = GitStore(workdir, remote, listing.commit)
    try:
        store.fetch(offline=offline)
    except NoGitHereError as error:
        return _unsigned(error.message)
    except AbsentCommitError as error:
        link = Link(
            kind="commit", subject=listing.commit, digest="", ok=False, detail=error.message
        )
        return _broken([link], [error.message])
    walked = chain.walk(store, listing.commit)
    if walked.commit is None:
        return _broken(walked.links, walked.problems)

    moment = now() if now is not None else None
    repository = listing.source.repository
    commit = walked.commit
    judged = _judge(commit.payload, commit.signature, trust, repository, moment)
    links = [_signature_link("commit", commit.payload, judged), *walked.links]
    problems = [*walked.problems, *chain.compare_claims(listing.claims, walked.blobs)]

    tagged = _judge_tag(store, listing, trust, moment, problems)
    if tagged is not None:
        tag, tag_judged = tagged
        links.insert(0, _signature_link(f"tag {tag.name}", tag.payload, tag_judged))
        judged = _stronger(judged, tag_judged)
    if problems:
        return replace(
            _broken(links, problems), signer=judged.signer, blobs=dict(walked.blobs) or None
        )
    return Attestation(
        status=judged.status,
        signer=judged.signer,
        chain=tuple(links),
        blobs=dict(walked.blobs),
        detail=judged.detail,
    )


def bind(attestation: Attestation, snapshot: Snapshot) -> Attestation:
    """Carry the chain on from blob ids to the bytes in quarantine, one file after another."""
    if attestation.blobs is None:
        return attestation
    links = [
        link
        for file in snapshot.files
        for link in chain.file_links(file, attestation.blobs.get(file.path))
    ]
    bound = replace(attestation, chain=(*attestation.chain, *links))
    problems = [f"{link.subject}: {link.detail}" for link in links if not link.ok]
    if not problems:
        return bound
    detail = "; ".join([attestation.detail, *problems] if _is_broken(attestation) else problems)
    return replace(bound, status=SignatureStatus.BROKEN_CHAIN, detail=detail)


def verification_json(listing: Listing, attestation: Attestation) -> dict[str, Any]:
    """The attestation as `secureload verify --format json` prints it."""
    signer = attestation.signer
    return {
        "schema": "secureload.verification/1",
        "source": str(listing.source),
        "commit": listing.commit,
        "status": attestation.status.value,
        "signer": None
        if signer is None
        else {"kind": signer.kind, "fingerprint": signer.fingerprint, "name": signer.name},
        "detail": attestation.detail,
        "chain": [
            {
                "kind": link.kind,
                "subject": link.subject,
                "digest": link.digest,
                "ok": link.ok,
                "detail": link.detail,
            }
            for link in attestation.chain
        ],
    }


def _judge(
    payload: bytes,
    signature: bytes | None,
    trust: TrustRoots,
    repository: str,
    moment: datetime | None,
) -> Judgement:
    if signature is None:
        return Judgement(status=SignatureStatus.UNSIGNED, detail="the commit has no signature")
    for kind in _KINDS:
        if signature.startswith(kind.begins):
            return kind.check(payload, signature, trust, repository, moment)
    shown = signature.split(b"\n", 1)[0][:60].decode("ascii", "backslashreplace")
    return Judgement(
        status=SignatureStatus.BAD_SIGNATURE,
        detail=f"the signature is of no known kind; it begins {shown!r}",
    )


def _judge_tag(
    store: GitStore,
    listing: Listing,
    trust: TrustRoots,
    moment: datetime | None,
    problems: list[str],
) -> tuple[Tag, Judgement] | None:
    """Judge the annotated tag that the caller asked for; None when there is none."""
    name = (listing.source.revision or "").removeprefix("refs/tags/")
    if not name or _COMMIT.fullmatch(name) or name.startswith("refs/"):
        return None
    oid = store.ref(f"refs/tags/{name}")
    if oid is None or oid == listing.commit:
        return None
    if not _COMMIT.fullmatch(oid) or not store.fetch_object(oid):
        problems.append(f"the server does not give out tag {name!r}, object {oid}")
        return None
    try:
        (content,) = store.read("tag", [oid])
        store.check_collisions("tag", [(oid, content)])
        tag = parse_tag(content)
    except MalformedObjectError as error:
        # A lightweight tag that has moved to another commit since is no signature at all.
        if "is commit" not in str(error):
            problems.append(f"tag {name!r}: {error}")
        return None
    if tag.name != name:
        problems.append(f"tag {name!r} is an object made for {tag.name!r}")
        return None
    if tag.target != listing.commit or tag.kind != "commit":
        # It moved after the commit was resolved; what it signs now is not asked for.
        return None
    if tag.signature is None:
        return None
    return tag, _judge(tag.payload, tag.signature, trust, listing.source.repository, moment)


def _stronger(commit: Judgement, tag: Judgement) -> Judgement:
    """One judgement of two signatures: a wrong one spoils both, a verified one suffices."""
    for judged in (commit, tag):
        if judged.status in _WRONG:
            return judged
    order = (
        SignatureStatus.VERIFIED,
        SignatureStatus.UNKNOWN_KEY,
        SignatureStatus.PLATFORM_ATTESTED,
    )
    for status in order:
        for judged in (commit, tag):
            if judged.status is status:
                return judged
    return commit


def _signature_link(subject: str, payload: bytes, judged: Judgement) -> Link:
    signer = f" by {judged.signer}" if judged.signer else ""
    return Link(
        kind="signature",
        subject=f"{subject}{signer}",
        digest=chain.payload_digest(payload),
        ok=judged.status is SignatureStatus.VERIFIED,
        detail=judged.detail,
    )


def _unsigned(why: str) -> Attestation:
    return Attestation(status=SignatureStatus.UNSIGNED, detail=why)


def _broken(links: list[Link], problems: list[str]) -> Attestation:
    return Attestation(
        status=SignatureStatus.BROKEN_CHAIN, chain=tuple(links), detail="; ".join(problems)
    )


def _is_broken(attestation: Attestation) -> bool:
    return attestation.status is SignatureStatus.BROKEN_CHAIN
