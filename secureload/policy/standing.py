"""How a commit stands: its age, what it follows, who owns it, its licence, what the hub says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from secureload.flow import Circumstances, Listing, Reason
from secureload.policy.objections import Objection, by_action, deny

if TYPE_CHECKING:
    from secureload.policy.topics import Action, Topics


def objections(
    listing: Listing, circumstances: Circumstances, topics: Topics
) -> Iterator[Objection]:
    """What speaks against a commit before any of its files is read."""
    yield from _lineage(listing, circumstances, topics)
    yield from _age(listing, circumstances, topics)
    yield from _owner(circumstances, topics)
    yield from _signal(listing, topics)


def _lineage(listing: Listing, circumstances: Circumstances, topics: Topics) -> Iterator[Objection]:
    lineage = circumstances.lineage
    if not topics.revision.monotonic or lineage is None:
        return
    said = {
        "ancestor": "is older than {}, which was admitted before: a rollback",
        "unrelated": "does not follow {}, which was admitted before: history was rewritten",
        "unknown": "cannot be shown to follow {}, which was admitted before",
    }
    if lineage.relation in said:
        sentence = said[lineage.relation].format(lineage.before)
        detail = f" ({lineage.detail})" if lineage.detail else ""
        name = f"`{listing.source.revision}`" if listing.source.revision else "the default branch"
        message = f"{name} leads to {listing.commit}, which {sentence}{detail}"
        yield deny("revision", message, "", "spec.revision.monotonic", "true")


def _age(listing: Listing, circumstances: Circumstances, topics: Topics) -> Iterator[Objection]:
    wanted = topics.revision.min_age
    if wanted is None or listing.source.kind == "local":
        return
    now, seen = circumstances.now, circumstances.first_seen
    if now is None or seen is None:
        message = "nothing is known of how long this commit has been there"
        yield deny("revision", message, "", "spec.revision.minAge", wanted)
        return
    from secureload.policy.topics import in_seconds

    ready = seen + timedelta(seconds=in_seconds(wanted))
    if now < ready:
        yield deny(
            "revision",
            f"commit {listing.commit} was first seen here at {seen:%Y-%m-%d %H:%M} UTC; "
            f"ask again after {ready:%Y-%m-%d %H:%M} UTC",
            "",
            "spec.revision.minAge",
            wanted,
        )


def _owner(circumstances: Circumstances, topics: Topics) -> Iterator[Objection]:
    owner = topics.owner
    if owner.pin == "none":
        return
    for what, (then, now) in sorted((circumstances.changed_ids or {}).items()):
        if now in owner.accept:
            continue
        whose = "the repository itself" if what == "repository" else "the account that owns it"
        found = f"is `{now}` now" if now else "is not named any more"
        message = (
            f"{whose} was `{then}` when first met here and {found}: the name may have changed "
            "hands; `spec.owner.accept` takes the new id once you have made sure"
        )
        setting = f"spec.owner.onChange: {owner.on_change}"
        reason = Reason(rule="owner", message=message, setting=setting)
        action: Action = "deny" if owner.on_change == "quarantine" else owner.on_change
        yield Objection(reason=reason, action=action)


def _signal(listing: Listing, topics: Topics) -> Iterator[Objection]:
    asked = topics.hub_signals
    if listing.source.kind != "hub" or asked.consult == "never":
        return
    signal = listing.upstream.signal if listing.upstream else None
    state = signal.state if signal else "unavailable"
    if state == "safe":
        return  # which proves nothing, and so upgrades nothing
    said = {
        "unsafe": "the hub's own scan calls it unsafe",
        "suspicious": "the hub's own scan calls it suspicious",
        "pending": "the hub has not scanned it yet",
        "unavailable": "the hub says nothing of its own scan",
    }
    files = ", ".join(path for path, _ in signal.files) if signal else ""
    at = f" (asked at {signal.asked_at})" if signal else ""
    action: Action = getattr(asked, state)
    yield by_action("hub-signals", f"{said[state]}{at}", files, f"spec.hubSignals.{state}", action)


def licences(circumstances: Circumstances, topics: Topics) -> Iterator[Objection]:
    """What speaks against the licences that the model card names."""
    wanted = topics.licences
    allowed = None if wanted.allow is None else {one.casefold() for one in wanted.allow}
    denied = {one.casefold() for one in wanted.deny}
    named = circumstances.licences
    if not named:
        message = "the model card names no licence" if named is not None else "no model card"
        yield by_action("licences", message, "", "spec.licences.unknown", wanted.unknown)
        return
    for name in named:
        if name.casefold() in denied:
            yield deny("licences", f"the licence `{name}` is refused", "", "spec.licences.deny",
                       wanted.deny)  # fmt: skip
        elif allowed is not None and name.casefold() not in allowed:
            yield deny("licences", f"the licence `{name}` is not among those allowed", "",
                       "spec.licences.allow", wanted.allow)  # fmt: skip
