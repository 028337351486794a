"""A pickle imports something that changes the running interpreter."""

from __future__ import annotations

import pytest

from scanner.facts import ImportFact
from scanner.findings import Severity, Where
from scanner.rules.tampers_interpreter import RULE

HERE = Where(offset=2, opcode="GLOBAL")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "setattr"),
        ("sys", "settrace"),
        ("atexit", "register"),
        ("signal", "signal"),
        ("copyreg", "add_extension"),
        ("fickling.hook", "remove_hook"),
        ("threading", "Thread"),
    ],
)
def test_fires(module: str, name: str) -> None:
    (finding,) = RULE.apply(ImportFact(where=HERE, module=module, name=name))

    assert finding.rule == "tampers-interpreter"
    assert finding.severity is Severity.CRITICAL
    assert finding.where == HERE
    assert finding.evidence["global"] == f"{module}.{name}"
    assert finding.evidence["admit"] == f'spec.pickles.allow: ["{module}.{name}"]'


@pytest.mark.parametrize(
    ("module", "name"),
    [("copyreg", "_reconstructor"), ("datetime", "timedelta")],
)
def test_stays_quiet(module: str, name: str) -> None:
    assert list(RULE.apply(ImportFact(where=HERE, module=module, name=name))) == []


def test_stays_quiet_on_what_an_allowlist_admits() -> None:
    module, name = ("builtins", "setattr")
    fact = ImportFact(where=HERE, module=module, name=name, objection=None)
    assert list(RULE.apply(fact)) == []
