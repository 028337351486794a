"""Imports whose name is computed."""

from __future__ import annotations

import pytest

from scanner.facts import ImportFact
from scanner.findings import Severity, Where
from scanner.rules.unresolved_global import RULE

HERE = Where(offset=2, opcode="STACK_GLOBAL")


@pytest.mark.parametrize(("module", "name"), [(None, None), ("os", None), (None, "system")])
def test_fires(module: str | None, name: str | None) -> None:
    (finding,) = RULE.apply(ImportFact(where=HERE, module=module, name=name))
    assert finding.severity is Severity.CRITICAL
    assert "?" in finding.message


def test_stays_quiet_on_names_that_stand_in_the_file() -> None:
    assert list(RULE.apply(ImportFact(where=HERE, module="a", name="b"))) == []
