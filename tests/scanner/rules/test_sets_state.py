"""State and items on objects that are no plain containers."""

from __future__ import annotations

from scanner.facts import StateFact
from scanner.findings import Severity, Where
from scanner.pickles.danger import EVALUATED
from scanner.pickles.values import Call, DictValue, Global, Value, callee
from scanner.rules.sets_state import RULE

HERE = Where(offset=2, opcode="BUILD")


def change(target: Value, objection: str | None = "not so") -> StateFact:
    name = callee(target.function if isinstance(target, Call) else target)
    return StateFact(where=HERE, target=target, state=DictValue(), callee=name, objection=objection)


def made(objection: str | None) -> Call:
    return Call(Global("torch", "device"), (), opcode="REDUCE", offset=0, objection=objection)


def test_a_change_to_a_global_is_critical() -> None:
    (finding,) = RULE.apply(change(Global("numpy", "mean")))
    assert finding.severity is Severity.CRITICAL


def test_state_that_was_not_reviewed_fires() -> None:
    (finding,) = RULE.apply(change(made(None)))
    assert finding.severity is Severity.HIGH


def test_state_that_is_evaluated_is_critical() -> None:
    (finding,) = RULE.apply(change(made(None), f"its formula, {EVALUATED}, holds more"))
    assert finding.severity is Severity.CRITICAL


def test_a_change_to_a_plain_value_is_odd_only() -> None:
    (finding,) = RULE.apply(change("text"))
    assert finding.severity is Severity.MEDIUM


def test_stays_quiet_on_reviewed_state_and_on_objects_reported_already() -> None:
    assert list(RULE.apply(change(made(None), None))) == []
    assert list(RULE.apply(change(made("no allowlist names it")))) == []
