"""A pickle imports something that reaches any attribute or method by name."""

from __future__ import annotations

import pytest

from scanner.facts import ImportFact
from scanner.findings import Severity, Where
from scanner.rules.resolves_attributes import RULE

HERE = Where(offset=2, opcode="GLOBAL")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("operator", "attrgetter"),
        ("operator", "methodcaller"),
        ("functools", "reduce"),
        ("builtins", "map"),
        ("collections", "OrderedDict.__init__.__globals__"),
    ],
)
def test_fires(module: str, name: str) -> None:
    (finding,) = RULE.apply(ImportFact(where=HERE, module=module, name=name))

    assert finding.rule == "resolves-attributes"
    assert finding.severity is Severity.CRITICAL
    assert finding.where == HERE
    assert finding.evidence["global"] == f"{module}.{name}"
    assert finding.evidence["admit"] == f'spec.pickles.allow: ["{module}.{name}"]'


@pytest.mark.parametrize(
    ("module", "name"),
    [("enum", "Enum"), ("collections", "OrderedDict")],
)
def test_stays_quiet(module: str, name: str) -> None:
    assert list(RULE.apply(ImportFact(where=HERE, module=module, name=name))) == []


def test_stays_quiet_on_what_an_allowlist_admits() -> None:
    module, name = ("operator", "attrgetter")
    fact = ImportFact(where=HERE, module=module, name=name, objection=None)
    assert list(RULE.apply(fact)) == []
