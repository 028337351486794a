"""From a listing to an attestation: fetch raw objects, walk the chain, judge the signatures.

`attest` judges what git carries, before any file is fetched; `bind` carries that on to the
bytes, and judges signatures over the folder itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from secureload.flow import (
    Attestation,
    DetachedSignature,
    GitRemote,
    Link,
    Listing,
    SignatureResult,
    SignatureStatus,
    Signer,
    Snapshot,
)
from secureload.signatures import chain, folder, gpg, ssh
from secureload.signatures.gitobjects import MalformedObjectError, Tag, parse_tag
from secureload.signatures.gitstore import AbsentCommitError, GitStore, NoGitHereError
from secureload.signatures.kinds import WRONG, Clock, Judgement, Memory, judged_with_memory
from secureload.signatures.trust import TrustRoots

_KINDS = (gpg.SIGNATURE, ssh.SIGNATURE)
_BYTES = ("blob", "bytes", "manifest")
"""Links that end at files: where one does not hold, the files are not those signed."""

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def attest(
    listing: Listing,
    remote: GitRemote | None,
    trust: TrustRoots,
    workdir: Path,
    *,
    now: Clock | None = None,
    offline: bool = False,
    seen: Memory | None = None,
) -> Attestation:
    """Say who signed a listing's commit, and which blobs that commit holds.

    Raw objects are fetched into `workdir`, every id is recomputed here, and the listing is
    compared with the tree. `now` is the clock expiry is judged by (None: the machine's). A
    tag that the caller asked for is judged beside the commit it names. `seen` tells when a
    signature was first met; with it, a key that ended since need not count against one.

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
    commit = walked.commit
    ask = _Ask(trust=trust, repository=listing.source.repository, moment=moment, seen=seen)
    judged = ask.judge(commit.payload, commit.signature)
    links = [_signature_link("commit", commit.payload, judged), *walked.links]
    problems = [*walked.problems, *chain.compare_claims(listing.claims, walked.blobs)]

    results = [_result("commit", commit.signature, judged)] if commit.signature else []
    tagged = _judge_tag(store, listing, ask, problems)
    if tagged is not None:
        tag, tag_judged = tagged
        links.insert(0, _signature_link(f"tag {tag.name}", tag.payload, tag_judged))
        results.append(_result(f"tag {tag.name}", tag.signature, tag_judged))
    if problems:
        return replace(
            _broken(links, problems),
            signer=judged.signer,
            blobs=dict(walked.blobs) or None,
            signatures=tuple(results),
        )
    return summed_up(
        Attestation(
            status=SignatureStatus.UNSIGNED,
            chain=tuple(links),
            blobs=dict(walked.blobs),
            detail=judged.detail,
            signatures=tuple(results),
        )
    )


def summed_up(attestation: Attestation) -> Attestation:
    """The attestation with the status that its signatures have together.

    A wrong one spoils all; else the best counts; without any the attestation stays as it is.
    """
    results = attestation.signatures
    if not results or _is_broken(attestation):
        return attestation
    counts = next((one for one in results if one.status in WRONG), None)
    order = (
        SignatureStatus.VERIFIED,
        SignatureStatus.UNKNOWN_KEY,
        SignatureStatus.PLATFORM_ATTESTED,
    )
    for status in order:
        counts = counts or next((one for one in results if one.status is status), None)
    assert counts is not None
    return replace(attestation, status=counts.status, signer=counts.signer, detail=counts.detail)


def bind(
    attestation: Attestation,
    snapshot: Snapshot,
    trust: TrustRoots | None = None,
    detached: Iterable[DetachedSignature] = (),
    *,
    ignored: Iterable[str] = (),
    ignore_unsigned: bool = False,
    now: Clock | None = None,
    seen: Memory | None = None,
) -> Attestation:
    """Carry the chain on to the bytes in quarantine, one file after another.

    `detached` are signatures over the folder. `ignored` are paths that the caller leaves out
    besides those that a signer left out; `ignore_unsigned` lets files pass that no signature
    covers. Both only say what is verified: `unsigned` of the result names what is not.

    Raises:
        PolicyError: a trust root's file is not what it should be.
        ToolError: a library that a signature needs is missing.
    """
    bound = attestation
    if attestation.blobs is not None:
        links = [
            link
            for file in snapshot.files
            for link in chain.file_links(file, attestation.blobs.get(file.path))
        ]
        bound = _with_links(attestation, links)
    own = folder.Folder(
        snapshot=snapshot,
        trust=trust or TrustRoots(),
        ignored=tuple(ignored),
        ignore_unsigned=ignore_unsigned,
        moment=now() if now is not None else None,
        seen=seen,
    )
    covered = any(
        one.status is SignatureStatus.VERIFIED for one in bound.signatures
    ) and not _is_broken(bound)
    found = own.check(detached)
    results = tuple(one.result for one in found)
    bound = summed_up(replace(bound, signatures=(*bound.signatures, *results)))
    for one in found:
        bound = _with_links(bound, one.links)
    if not covered:
        unsigned = [set(one.unsigned) for one in found if one.covers]
        left = set.intersection(*unsigned) if unsigned else set()
        fetched = {file.path for file in snapshot.files}
        bound = replace(bound, unsigned=tuple(sorted(left & fetched)))
    return bound


def _with_links(attestation: Attestation, links: list[Link]) -> Attestation:
    """The attestation with further links; one that does not hold breaks the chain."""
    bound = replace(attestation, chain=(*attestation.chain, *links))
    problems = [
        f"{link.subject}: {link.detail}" for link in links if not link.ok and link.kind in _BYTES
    ]
    if not problems:
        return bound
    detail = "; ".join([attestation.detail, *problems] if _is_broken(attestation) else problems)
    return replace(bound, status=SignatureStatus.BROKEN_CHAIN, detail=detail)


def verification_json(listing: Listing, attestation: Attestation) -> dict[str, Any]:
    """The attestation as `secureload verify --format json` prints it."""
    return {
        "schema": "secureload.verification/1",
        "source": str(listing.source),
        "commit": listing.commit,
        "status": attestation.status.value,
        "signer": _signer_json(attestation.signer),
        "detail": attestation.detail,
        "signatures": [
            {
                "kind": one.kind,
                "subject": one.subject,
                "status": one.status.value,
                "signer": _signer_json(one.signer),
                "trustRoot": one.root,
                "detail": one.detail,
            }
            for one in attestation.signatures
        ],
        "unsigned": list(attestation.unsigned),
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


def _signer_json(signer: Signer | None) -> dict[str, str] | None:
    if signer is None:
        return None
    return {"kind": signer.kind, "fingerprint": signer.fingerprint, "name": signer.name}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ask:
    """Whose signatures count, where, and when."""

    trust: TrustRoots
    repository: str
    moment: datetime | None
    seen: Memory | None

    def judge(self, payload: bytes, signature: bytes | None) -> Judgement:
        if signature is None:
            return Judgement(status=SignatureStatus.UNSIGNED, detail="the commit has no signature")
        for kind in _KINDS:
            if signature.startswith(kind.begins):
                return judged_with_memory(
                    kind, payload, signature, self.trust, self.repository, self.moment, self.seen
                )
        shown = signature.split(b"\n", 1)[0][:60].decode("ascii", "backslashreplace")
        return Judgement(
            status=SignatureStatus.BAD_SIGNATURE,
            detail=f"the signature is of no known kind; it begins {shown!r}",
        )


def _judge_tag(
    store: GitStore,
    listing: Listing,
    ask: _Ask,
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
    return tag, ask.judge(tag.payload, tag.signature)


def _result(subject: str, signature: bytes | None, judged: Judgement) -> SignatureResult:
    kinds = [kind.name for kind in _KINDS if (signature or b"").startswith(kind.begins)]
    return SignatureResult(
        kind=kinds[0] if kinds else "unknown",
        subject=subject,
        status=judged.status,
        signer=judged.signer,
        root=judged.root,
        detail=judged.detail,
    )


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
