"""Which findings of a report are waived, and why the other waivers of them do not count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from scanner import FileResult, Finding, Severity, Status
from scanner.frozen import dataclass
from secureload.flow import Reason, Waived

if TYPE_CHECKING:
    import datetime as dt

    from secureload.policy.topics import Waivers
    from secureload.policy.waivers import Waiver


@dataclass(frozen=True, kw_only=True)
class Excuses:
    """Which findings of one report are waived.

    `digests` are the files' SHA-256 by path, where they are known better than in the report;
    `repository` is None for files that come from none. Without `today` nothing is waived.
    """

    waivers: Sequence[Waiver]
    settings: Waivers
    repository: str | None
    digests: Mapping[str, str]
    today: dt.date | None

    def of(self, file: FileResult, finding: Finding) -> tuple[Waived | None, tuple[Reason, ...]]:
        """The waiver that excuses a finding, or why those that speak of it do not count."""
        sha256 = self.digests.get(file.path) or file.sha256
        if sha256 is None or self.today is None:
            return None, ()
        name = fingerprint(sha256, finding)
        troubles = []
        for waiver in self.waivers:
            if not self._speaks_of(waiver, sha256, name, finding):
                continue
            problem = waiver.problem(self.settings, self.today)
            setting = "spec.waivers"
            if not problem and (forbidden := self._forbidden(file, finding)):
                problem = f"may not excuse a `{forbidden}` finding"
                setting = f"spec.waivers.forbidRules: [{', '.join(self.settings.forbid_rules)}]"
            if not problem:
                excused = Waived(
                    waiver=waiver.name,
                    owner=waiver.owner,
                    path=file.path,
                    rule=finding.rule,
                    fingerprint=name,
                    expires=waiver.expires.isoformat(),
                )
                return excused, ()
            message = f"waiver `{waiver.name}` of {waiver.owner} {problem}"
            troubles.append(
                Reason(rule="waiver", message=message, subject=file.path, setting=setting)
            )
        return None, tuple(troubles)

    def _speaks_of(self, waiver: Waiver, sha256: str, name: str, finding: Finding) -> bool:
        return (
            sha256 in waiver.files
            and name in waiver.fingerprints
            and finding.rule in waiver.rules
            and any(fnmatchcase(self.repository or "", glob) for glob in waiver.repos)
        )

    def _forbidden(self, file: FileResult, finding: Finding) -> str:
        classes = [finding.rule]
        if finding.severity is Severity.CRITICAL:
            classes.append("malicious")
        if file.status is Status.FAILED:
            classes.append("error")
        return next((name for name in classes if name in self.settings.forbid_rules), "")


def fingerprint(sha256: str, finding: Finding) -> str:
    """Name one finding in these very bytes: 32 hex digits.

    What is named is the file, the rule, the member, and the global if the finding is about
    one: two findings that differ only in their place have one name.
    """
    import hashlib  # loads OpenSSL, which a scan without findings does not wait for

    about = finding.evidence.get("global") or finding.message
    parts = (sha256, finding.rule, finding.where.member or "", str(about))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]
