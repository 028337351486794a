"""What is allowed: policies read from files, and the decision that they make.

`load` gives a `Policy` with everything filled in. `decide` is the one place where an
`Approval` comes into being; it is pure, so the same facts under the same policy always
give the same answer.
"""

from secureload.policy.decide import (
    Judgement,
    accept,
    decide,
    decide_early,
    judge_report,
    scan_options,
)
from secureload.policy.document import (
    SHIPPED,
    Policy,
    Rule,
    load,
    shipped_folder,
    with_trust_roots,
)
from secureload.policy.topics import Topics

__all__ = [
    "SHIPPED",
    "Judgement",
    "Policy",
    "Rule",
    "Topics",
    "accept",
    "decide",
    "decide_early",
    "judge_report",
    "load",
    "scan_options",
    "shipped_folder",
    "with_trust_roots",
]
