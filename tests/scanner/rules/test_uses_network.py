"""A pickle imports something that opens network connections."""

from __future__ import annotations

import pytest

from scanner.facts import ImportFact
from scanner.findings import Severity, Where
from scanner.rules.uses_network import RULE

HERE = Where(offset=2, opcode="GLOBAL")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("socket", "create_connection"),
        ("urllib.request", "urlopen"),
        ("urllib2", "urlopen"),
        ("http.client", "HTTPSConnection"),
        ("torch.hub", "load"),
        ("requests", "get"),
    ],
)
def test_fires(module: str, name: str) -> None:
    (finding,) = RULE.apply(ImportFact(where=HERE, module=module, name=name))

    assert finding.rule == "uses-network"
    assert finding.severity is Severity.CRITICAL
    assert finding.where == HERE
    assert finding.evidence["global"] == f"{module}.{name}"
    assert finding.evidence["admit"] == f'spec.pickles.allow: ["{module}.{name}"]'


@pytest.mark.parametrize(
    ("module", "name"),
    [("datetime", "datetime"), ("vendor.network", "Backbone")],
)
def test_stays_quiet(module: str, name: str) -> None:
    assert list(RULE.apply(ImportFact(where=HERE, module=module, name=name))) == []


def test_stays_quiet_on_what_an_allowlist_admits() -> None:
    module, name = ("socket", "create_connection")
    fact = ImportFact(where=HERE, module=module, name=name, objection=None)
    assert list(RULE.apply(fact)) == []
