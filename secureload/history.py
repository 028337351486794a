"""What the ledger remembers of a source, and what follows for the next time it is asked for."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from secureload import sources, tracing
from secureload.flow import Circumstances, Lineage, Listing, Reason, Source
from secureload.surroundings import Surroundings

if TYPE_CHECKING:
    from secureload.signatures import Memory

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def resolve(within: Surroundings, source: Source) -> Listing:
    """Ask what a source is today, and remember it.

    Raises:
        SecureloadError: it could not be asked.
    """
    consult = within.policy.topics(source).hub_signals.consult
    context = dataclasses.replace(within.connections, signals=consult == "always")
    with tracing.stage("resolve"):
        listing = sources.resolve(source, context)
    if source.kind != "local":  # a folder is always there to be asked again
        within.cache.remember(listing)
    return listing


def commit_without_asking(within: Surroundings, source: Source) -> str | None:
    """The commit when no source has to be asked for it: named, or locked to the last."""
    if source.kind == "local":
        return None
    if source.revision and _COMMIT.fullmatch(source.revision):
        return source.revision
    revision = within.policy.topics(source).revision
    if revision.require == "commit-sha":
        return None  # a branch is refused even where its last admitted commit is known
    if within.offline or revision.branches != "follow":
        return within.cache.latest(source)
    return None


def note_head(within: Surroundings, listing: Listing | None) -> None:
    """Record where a branch or tag has come to, when that had been admitted by itself."""
    if listing is None or not moves(listing.source):
        return
    if within.cache.head(listing.source) != listing.commit:
        within.cache.admitted(listing)


def may_be_warm(within: Surroundings, source: Source, listing: Listing | None) -> bool:
    """False where the way of asking may be refused, whatever was admitted before."""
    if not moves(source):
        return True
    revision = within.policy.topics(source).revision
    if revision.require != "any":
        return False
    if revision.monotonic and listing is not None:
        return within.cache.head(source) in (None, listing.commit)
    return True


def first_seen(within: Surroundings, source: Source) -> Memory | None:
    """When the ledger met a signature, where the policy wants that to count."""
    identity = within.policy.topics(source).identity
    expired, retired = (how == "first-seen" for how in (identity.expired_key, identity.revoked_key))
    if not (expired or retired):
        return None
    from secureload.signatures import Memory

    first = functools.partial(within.cache.first_seen, "signature")
    return Memory(first=first, expired=expired, retired=retired)


def circumstances(within: Surroundings, listing: Listing) -> Circumstances:
    """What ledger and clock say of a commit, and the hub in its listing; nobody is asked."""
    source, topics = listing.source, within.policy.topics(listing.source)
    if source.kind == "local":
        return Circumstances(now=within.clock())
    return Circumstances(
        now=within.clock(),
        first_seen=within.cache.first_seen(
            "commit", f"{source.kind}:{source.repository}@{listing.commit}"
        ),
        changed_ids=_changed_ids(within, listing) if topics.owner.pin != "none" else None,
    )


def recalled(
    within: Surroundings, listing: Listing, digests: Iterable[str] = ()
) -> tuple[Reason, ...]:
    """Why a commit, or files of these SHA-256, may not be admitted again."""
    return tuple(
        Reason(
            rule="recalled",
            message=f"was recalled on {found.recalled_at[:10]} by {found.recalled_by}: "
            f"{found.reason}",
            subject=found.subject,
        )
        for found in within.cache.recalled(listing, digests)
    )


def lineage(within: Surroundings, listing: Listing, work: Path) -> Lineage | None:
    """How a commit stands to the one admitted before, as git says; None if nobody wants to know.

    Raises:
        SecureloadError: git could not be asked.
    """
    wanted = within.policy.topics(listing.source).revision.monotonic
    if not wanted or not moves(listing.source):
        return None
    before = within.cache.head(listing.source)
    if before is None:
        return Lineage(relation="first")
    from secureload import signatures

    context = within.connections
    return signatures.lineage(
        before,
        listing.commit,
        sources.git_remote(listing, context),
        work / "history",
        offline=context.no_network,
    )


def _changed_ids(within: Surroundings, listing: Listing) -> dict[str, tuple[str, str]]:
    """Ids of repository and account that are others than when first met, as (then, now)."""
    if listing.upstream is None:
        return {}
    name = listing.source.repository
    account, ids = _account(listing.source), listing.upstream.ids
    scopes = {
        "repository": f"{listing.source.kind}:{name}#repository",
        "name": f"{listing.source.kind}:{name}#name",
        "account": f"{listing.source.kind}:{account}#account",
    }
    changed = {}
    for what, scope in scopes.items():
        now = ids.get(what, "")
        first = within.cache.first_id(scope, now)
        if first != now:
            changed[what] = (first, now)
    return changed


def _account(source: Source) -> str:
    """Whose a repository is: one account has models, datasets and Spaces under one name."""
    owner, slash, _ = source.name.partition("/")
    return owner if slash else source.repository


def moves(source: Source) -> bool:
    """Whether what was asked for may lead to another commit tomorrow: a branch, a tag."""
    return source.kind != "local" and not _COMMIT.fullmatch(source.revision or "")
