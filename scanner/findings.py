"""What a rule says: a finding, how bad it would be, and how sure the rule is."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from scanner.frozen import dataclass, field

EvidenceValue: TypeAlias = "str | int | bool | tuple[str, ...] | None"

_NOTHING: Mapping[str, EvidenceValue] = MappingProxyType({})


class Severity(enum.IntEnum):
    """How bad it is if the finding is true."""

    INFO = 0
    """Worth knowing; the file stays clean."""
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    """LOW to HIGH: not provably harmless; the file is suspicious."""
    CRITICAL = 4
    """A known dangerous effect; the file is malicious."""

    def __str__(self) -> str:
        return self.name.lower()


class Confidence(enum.IntEnum):
    """How sure the rule is that what it saw is there."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, kw_only=True, slots=True)
class Where:
    """A place inside a file: the archive member, the byte offset in it, the opcode there."""

    member: str | None = None
    offset: int | None = None
    opcode: str | None = None

    def __str__(self) -> str:
        parts = []
        if self.member is not None:
            parts.append(self.member)
        if self.offset is not None:
            parts.append(f"byte {self.offset}")
        if self.opcode is not None:
            parts.append(self.opcode)
        return ", ".join(parts) or "whole file"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing a rule saw in one file.

    `evidence` holds plain values only (what a report can print); by convention `global` is
    the dotted name of a pickle global, `count` how often the finding occurred in the file,
    and `admit` the policy line that would admit it.
    """

    rule: str
    severity: Severity
    confidence: Confidence
    message: str
    where: Where
    evidence: Mapping[str, EvidenceValue] = field(default_factory=lambda: _NOTHING)
