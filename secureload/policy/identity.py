"""Whose signatures a policy asks for, and what speaks against those that are there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from secureload.flow import Attestation, Reason, SignatureResult, SignatureStatus
from secureload.policy.objections import Objection, by_action

if TYPE_CHECKING:
    from secureload.policy.topics import Action, Demand, Topics

_SAID = {
    SignatureStatus.UNSIGNED: ("absent", "absent", "nobody signed it"),
    SignatureStatus.UNKNOWN_KEY: (
        "unknownKey",
        "unknown_key",
        "signed by a key that no trust root holds",
    ),
    SignatureStatus.PLATFORM_ATTESTED: (
        "platformAttested",
        "platform_attested",
        "signed by the platform, not by the publisher",
    ),
}

_OVER_COMMITS = frozenset({"openpgp", "ssh"})


def objections(attestation: Attestation, topics: Topics) -> Iterator[Objection]:
    """What speaks against the signatures, or the lack of them; a yes comes as `allow`."""
    yield _status(attestation, topics)
    yield from _demands(attestation, topics)
    if attestation.unsigned:
        yield by_action(
            "identity",
            "not covered by the signature; the signer left it out",
            ", ".join(attestation.unsigned),
            "spec.identity.unsignedFiles",
            topics.identity.unsigned_files,
        )


def _status(attestation: Attestation, topics: Topics) -> Objection:
    status = attestation.status
    signer = str(attestation.signer) if attestation.signer else ""
    if status is SignatureStatus.VERIFIED:
        return Objection(
            reason=Reason(rule="identity", message=f"signed by {signer}"), action="allow"
        )
    setting, attribute, sentence = _SAID.get(
        status, ("invalid", "invalid", f"the signature does not hold ({status.value})")
    )
    action: Action = getattr(topics.identity, attribute)
    message = f"{sentence}: {attestation.detail}" if attestation.detail else sentence
    return by_action(
        "identity",
        message,
        signer,
        f"spec.identity.{setting}",
        action,
        always=setting == "invalid",
    )


def _demands(attestation: Attestation, topics: Topics) -> Iterator[Objection]:
    asked = topics.identity
    met = {demand for demand in (*asked.any_of, *asked.all_of, *asked.prefer)
           if _is_met(demand, attestation)}  # fmt: skip
    if asked.any_of and not met & set(asked.any_of):
        why = "; ".join(_why_not(demand, attestation) for demand in asked.any_of)
        yield by_action(
            "identity", f"none of the signatures asked for: {why}", "", "spec.identity.anyOf",
            "deny",
        )  # fmt: skip
    for demand in asked.all_of:
        if demand not in met:
            message = f"not signed as asked for: {_why_not(demand, attestation)}"
            yield by_action("identity", message, "", "spec.identity.allOf", "deny")
    if asked.prefer and not met & set(asked.prefer):
        wanted = ", ".join(str(demand) for demand in asked.prefer)
        message = f"signed otherwise than preferred ({wanted})"
        yield by_action("identity", message, "", "spec.identity.prefer", "warn")


def _is_met(demand: Demand, attestation: Attestation) -> bool:
    return all(_is_there(one, attestation) for one in demand.each)


def _is_there(demand: Demand, attestation: Attestation) -> bool:
    return any(
        one.status is SignatureStatus.VERIFIED and demand.trust_root in (None, one.root)
        for one in _of_kind(demand, attestation)
    )


def _of_kind(demand: Demand, attestation: Attestation) -> Iterator[SignatureResult]:
    kinds = _OVER_COMMITS if demand.kind == "commit" else {demand.kind}
    yield from (one for one in attestation.signatures if one.kind in kinds)


def _why_not(demand: Demand, attestation: Attestation) -> str:
    missing = [one for one in demand.each if not _is_there(one, attestation)]
    return " and ".join(_reason(one, attestation) for one in missing)


def _reason(demand: Demand, attestation: Attestation) -> str:
    found = list(_of_kind(demand, attestation))
    said = [
        f"{one.subject} is verified by trust root `{one.root}`"
        if one.status is SignatureStatus.VERIFIED
        else f"{one.subject}: {one.detail or one.status.value}"
        for one in found
    ]
    return f"{demand} ({'; '.join(said) or 'there is none'})"
