"""What can go wrong, and what to do about it.

A refusal is an answer: `Refused` carries the verdict, and the gate worked. Everything else
is an accident: a `SecureloadError` with a hint for the person reading it. Both are
`OSError`, because that is what callers of `from_pretrained` catch, and what transformers
lets through unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanner import Report
    from secureload.flow import Verdict


class SecureloadError(OSError):
    """An accident: no decision was reached. `hint` says what the reader can do."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class UsageError(SecureloadError):
    """The request itself makes no sense: a reference, an option, an argument."""


class PolicyError(SecureloadError):
    """A policy, trust root or waiver file is not valid; the message names file and line."""


class SourceError(SecureloadError):
    """A source could not be reached or answered with nonsense."""


class NotFoundError(SourceError):
    """The repository, revision or path does not exist, or is hidden from this token."""


class NothingNeededError(NotFoundError):
    """The commit is there, and none of its files is one that the request needs."""

    def __init__(self, message: str, *, commit: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.commit = commit


class AccessError(SourceError):
    """The repository is gated or private, and this token may not read it."""


class OfflineError(SourceError):
    """The answer needs the network, and the caller or the environment forbids it."""


class IntegrityError(SecureloadError):
    """Bytes differ from what was promised or recorded. Nothing was loaded."""


class TamperedError(IntegrityError):
    """Fetched bytes are not those that were claimed or signed.

    `problems` maps each file's path to what is wrong with it, for all files; `path` is the
    first of them.
    """

    def __init__(self, subject: str, problems: Mapping[str, str], *, hint: str = "") -> None:
        lines = "\n".join(f"  - {path}: {what}" for path, what in sorted(problems.items()))
        super().__init__(
            f"{subject} is not what it claims to be:\n{lines}",
            hint=hint or "nothing was loaded; try again, and if it stays, tell the publisher",
        )
        self.problems = dict(sorted(problems.items()))
        self.path = next(iter(self.problems), "")


class ConversionError(SecureloadError):
    """Weights could not be converted; the message names tensor and member."""


class CacheError(SecureloadError):
    """The trusted cache or its ledger is damaged, unwritable or of another version."""


class EvidenceError(SecureloadError):
    """An operator key, an attestation or an exported admission is missing or not valid."""


class ToolError(SecureloadError):
    """A program the gate relies on (git, gpg, ssh-keygen) is missing or misbehaves."""


class Refused(SecureloadError):  # noqa: N818  a refusal is an answer, not an error
    """The policy says no. `verdict` has every reason, `report` every finding."""

    def __init__(self, verdict: Verdict, report: Report | None = None) -> None:
        reasons = "\n".join(f"  - {reason}" for reason in verdict.reasons)
        super().__init__(
            f"{verdict.subject} is refused by policy `{verdict.policy.name}`:\n{reasons}",
            hint=f"`secureload admit {verdict.subject}` prints the details; "
            "`secureload policy show` the rules",
        )
        self.verdict = verdict
        self.report = report
