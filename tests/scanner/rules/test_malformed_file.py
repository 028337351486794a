"""Damage is told once: by this rule, or by the one that knows the kind better."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import scanner.rules
from scanner.facts import ProblemFact
from scanner.findings import Severity, Where
from scanner.rules import rules
from scanner.rules.malformed_file import ELSEWHERE, RULE
from tests.scanner.rules.problems import said


@pytest.mark.parametrize("kind", ["malformed", "incomplete", "duplicate-key", "never-heard-of"])
def test_fires(kind: str) -> None:
    assert [finding.severity for finding in said(RULE, kind)] == [Severity.MEDIUM]


def test_a_missing_checksum_is_only_a_note() -> None:
    assert [finding.severity for finding in said(RULE, "crc-absent")] == [Severity.INFO]


def _kinds() -> set[str]:
    """Every kind of problem that the rules of this project name."""
    modules = [importlib.import_module(f"scanner.rules.{info.name}")
               for info in pkgutil.iter_modules(scanner.rules.__path__)]  # fmt: skip
    return {kind for module in modules for kind in getattr(module, "_KINDS", ())} | ELSEWHERE


@pytest.mark.parametrize("kind", sorted(_kinds()))
def test_every_other_kind_is_told_by_exactly_one_other_rule(kind: str) -> None:
    fact = ProblemFact(where=Where(), kind=kind, message="m")
    told = [rule.id for rule in rules() if list(rule.apply(fact))]
    assert len(told) == 1
    assert told != [RULE.id]
