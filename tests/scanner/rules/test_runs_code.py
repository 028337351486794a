"""A pickle imports something that runs Python code."""

from __future__ import annotations

import pytest

from scanner.facts import ImportFact
from scanner.findings import Severity, Where
from scanner.rules.runs_code import RULE

HERE = Where(offset=2, opcode="GLOBAL")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("__builtin__", "execfile"),
        ("code", "InteractiveInterpreter"),
        ("timeit", "timeit"),
        ("marshal", "loads"),
        ("types", "FunctionType"),
        ("_interpreters", "create"),
        ("numpy.testing._private.utils", "runstring"),
    ],
)
def test_fires(module: str, name: str) -> None:
    (finding,) = RULE.apply(ImportFact(where=HERE, module=module, name=name))

    assert finding.rule == "runs-code"
    assert finding.severity is Severity.CRITICAL
    assert finding.where == HERE
    assert finding.evidence["global"] == f"{module}.{name}"
    assert finding.evidence["admit"] == f'spec.pickles.allow: ["{module}.{name}"]'


@pytest.mark.parametrize(
    ("module", "name"),
    [("builtins", "list"), ("copyreg", "_reconstructor"), ("vendor.layer", "Attention")],
)
def test_stays_quiet(module: str, name: str) -> None:
    assert list(RULE.apply(ImportFact(where=HERE, module=module, name=name))) == []


def test_stays_quiet_on_what_an_allowlist_admits() -> None:
    module, name = ("builtins", "eval")
    fact = ImportFact(where=HERE, module=module, name=name, objection=None)
    assert list(RULE.apply(fact)) == []
