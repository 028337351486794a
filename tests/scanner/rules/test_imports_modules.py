"""A pickle imports something that imports modules by name."""

from __future__ import annotations

import pytest

from scanner.facts import ImportFact
from scanner.findings import Severity, Where
from scanner.rules.imports_modules import RULE

HERE = Where(offset=2, opcode="GLOBAL")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "__import__"),
        ("importlib", "import_module"),
        ("pkgutil", "resolve_name"),
        ("imp", "load_source"),
        ("pydoc", "locate"),
    ],
)
def test_fires(module: str, name: str) -> None:
    (finding,) = RULE.apply(ImportFact(where=HERE, module=module, name=name))

    assert finding.rule == "imports-modules"
    assert finding.severity is Severity.CRITICAL
    assert finding.where == HERE
    assert finding.evidence["global"] == f"{module}.{name}"
    assert finding.evidence["admit"] == f'spec.pickles.allow: ["{module}.{name}"]'


@pytest.mark.parametrize(
    ("module", "name"),
    [("collections", "Counter"), ("vendor.importing", "Thing")],
)
def test_stays_quiet(module: str, name: str) -> None:
    assert list(RULE.apply(ImportFact(where=HERE, module=module, name=name))) == []


def test_stays_quiet_on_what_an_allowlist_admits() -> None:
    module, name = ("builtins", "__import__")
    fact = ImportFact(where=HERE, module=module, name=name, objection=None)
    assert list(RULE.apply(fact)) == []
