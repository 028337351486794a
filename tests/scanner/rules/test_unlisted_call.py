"""Calls that were not reviewed."""

from __future__ import annotations

from scanner.facts import CallFact
from scanner.findings import Severity, Where
from scanner.frozen import replace
from scanner.pickles.values import Call, Global, Value, callee
from scanner.rules.unlisted_call import RULE

HERE = Where(offset=2, opcode="REDUCE")


def call(function: Value, objection: str | None = "not so") -> CallFact:
    return CallFact(
        where=HERE, function=function, args=(), callee=callee(function), objection=objection
    )


def result(module: str, name: str) -> Call:
    return Call(Global(module, name), (), opcode="REDUCE", offset=0)


def test_a_listed_name_with_other_arguments_fires() -> None:
    (finding,) = RULE.apply(call(Global("builtins", "bytearray")))
    assert finding.severity is Severity.HIGH


def test_a_resolver_with_other_arguments_is_critical() -> None:
    (finding,) = RULE.apply(call(Global("builtins", "getattr")))
    assert finding.severity is Severity.CRITICAL


def test_the_result_of_a_call_fires_and_more_so_when_a_resolver_made_it() -> None:
    (plain,) = RULE.apply(call(result("vendor", "factory")))
    (resolved,) = RULE.apply(call(result("operator", "attrgetter")))
    assert (plain.severity, resolved.severity) == (Severity.HIGH, Severity.CRITICAL)


def test_a_type_that_makes_harmless_code_is_not_critical() -> None:
    fact = replace(call(result("cloudpickle.cloudpickle", "_builtin_type")), by_value=True)
    (finding,) = RULE.apply(fact)
    assert finding.severity is Severity.HIGH


def test_stays_quiet_on_allowed_calls_and_on_callees_reported_by_name() -> None:
    assert list(RULE.apply(call(Global("collections", "OrderedDict"), None))) == []
    assert list(RULE.apply(call(Global("vendor.net", "Model")))) == []
