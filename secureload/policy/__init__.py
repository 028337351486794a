"""What is allowed: policies read from files, and the decision that they make.

`load` gives a `Policy` with everything filled in. `decide` is the one place where an
`Approval` comes into being; it is pure, so the same facts under the same policy always
give the same answer.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from secureload.policy.compiled import SHIPPED, shipped_folder
from secureload.policy.decide import (
    Judgement,
    accept,
    decide,
    decide_early,
    judge_report,
    scan_options,
)
from secureload.policy.excuses import fingerprint

if TYPE_CHECKING:
    from secureload.policy.code import approved_code
    from secureload.policy.document import Policy, Rule, load, with_trust_roots, with_waivers
    from secureload.policy.topics import Topics
    from secureload.policy.waivers import Waiver

__all__ = [
    "SHIPPED",
    "Judgement",
    "Policy",
    "Rule",
    "Topics",
    "Waiver",
    "accept",
    "approved_code",
    "decide",
    "decide_early",
    "fingerprint",
    "judge_report",
    "load",
    "scan_options",
    "shipped_folder",
    "with_trust_roots",
    "with_waivers",
]

_LATER = {
    "Policy": "secureload.policy.document",
    "Rule": "secureload.policy.document",
    "Topics": "secureload.policy.topics",
    "approved_code": "secureload.policy.code",
    "load": "secureload.policy.document",
    "Waiver": "secureload.policy.waivers",
    "with_trust_roots": "secureload.policy.document",
    "with_waivers": "secureload.policy.document",
}
"""What reads policies, imported with its libraries when it is asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(_LATER[name]), name)
    return found
