"""Imports that no allowlist names."""

from __future__ import annotations

import pytest

from scanner.facts import ImportFact
from scanner.findings import Severity, Where
from scanner.rules.unlisted_global import RULE

HERE = Where(offset=2, opcode="GLOBAL")


@pytest.mark.parametrize(("module", "name"), [("vendor.net", "Model"), ("a", "b.c")])
def test_fires(module: str, name: str) -> None:
    (finding,) = RULE.apply(ImportFact(where=HERE, module=module, name=name))
    assert finding.severity is Severity.HIGH
    assert finding.evidence["admit"] == f'spec.pickles.allow: ["{module}.{name}"]'


@pytest.mark.parametrize(
    "fact",
    [
        ImportFact(where=HERE, module="collections", name="OrderedDict", objection=None),
        ImportFact(where=HERE, module="os", name="system"),
        ImportFact(where=HERE, module=None, name="x"),
    ],
)
def test_stays_quiet_on_what_is_listed_or_reported_elsewhere(fact: ImportFact) -> None:
    assert list(RULE.apply(fact)) == []
