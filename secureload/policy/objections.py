"""What speaks against a model, before it is known whether the policy's mode lets it count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from scanner.frozen import dataclass
from secureload.flow import Reason, Waived

if TYPE_CHECKING:
    from secureload.policy.topics import Action


@dataclass(frozen=True, kw_only=True, slots=True)
class Objection:
    """A reason with what the policy says about it.

    `always`: refused in every mode. `unread`: the file could not be read to its end, so if
    nothing else speaks against it there is no decision at all. `waived`: what would have
    refused, had no waiver excused it.
    """

    reason: Reason
    action: Action = "deny"
    always: bool = False
    unread: bool = False
    waived: Waived | None = None


def deny(
    rule: str, message: str, subject: str, setting: str, value: Iterable[str] | str | int | None
) -> Objection:
    """An objection that refuses, with the setting and its value as the policy has them."""
    if value is not None and not isinstance(value, (str, int)):
        value = f"[{', '.join(value)}]"
    shown = setting if value is None else f"{setting}: {value}"
    return Objection(reason=Reason(rule=rule, message=message, subject=subject, setting=shown))


def by_action(
    rule: str, message: str, subject: str, setting: str, action: Action, *, always: bool = False
) -> Objection:
    """An objection that does what the setting says."""
    reason = Reason(rule=rule, message=message, subject=subject, setting=f"{setting}: {action}")
    return Objection(reason=reason, action=action, always=always)
