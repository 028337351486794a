"""A pickle imports something that unpickles further bytes."""

from __future__ import annotations

import pytest

from scanner.facts import ImportFact
from scanner.findings import Severity, Where
from scanner.rules.unpickles_again import RULE

HERE = Where(offset=2, opcode="GLOBAL")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("pickle", "loads"),
        ("cPickle", "loads"),
        ("_pickle", "Unpickler"),
        ("torch", "load"),
        ("torch.storage", "_load_from_bytes"),
        ("numpy", "load"),
        ("joblib", "load"),
        ("dill._dill", "_create_function"),
        ("shelve", "open"),
    ],
)
def test_fires(module: str, name: str) -> None:
    (finding,) = RULE.apply(ImportFact(where=HERE, module=module, name=name))

    assert finding.rule == "unpickles-again"
    assert finding.severity is Severity.CRITICAL
    assert finding.where == HERE
    assert finding.evidence["global"] == f"{module}.{name}"
    assert finding.evidence["admit"] == f'spec.pickles.allow: ["{module}.{name}"]'


@pytest.mark.parametrize(
    ("module", "name"),
    [("torch._utils", "_rebuild_tensor_v2"), ("numpy.core.multiarray", "_reconstruct")],
)
def test_stays_quiet(module: str, name: str) -> None:
    assert list(RULE.apply(ImportFact(where=HERE, module=module, name=name))) == []


def test_stays_quiet_on_what_an_allowlist_admits() -> None:
    module, name = ("pickle", "loads")
    fact = ImportFact(where=HERE, module=module, name=name, objection=None)
    assert list(RULE.apply(fact)) == []


def test_it_is_high_where_the_code_of_a_function_is_harmless() -> None:
    fact = ImportFact(where=HERE, module="dill._dill", name="_create_function", by_value=True)
    (finding,) = RULE.apply(fact)
    assert finding.severity is Severity.HIGH
