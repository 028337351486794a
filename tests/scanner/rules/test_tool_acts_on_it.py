"""A file makes another tool fetch or run something."""

from __future__ import annotations

import pytest

from scanner.facts import CodeFact
from scanner.findings import Severity, Where
from scanner.rules.tool_acts_on_it import RULE


def test_tells_the_first_and_how_many() -> None:
    fact = CodeFact(where=Where(), count=3, language="tool-file", names=("a is fetched", "b"))

    (finding,) = RULE.apply(fact)

    assert finding.severity is Severity.MEDIUM
    assert finding.message == "a is fetched and 2 more"


@pytest.mark.parametrize("language", ["python", "shell", "torchscript"])
def test_stays_quiet_on_other_code(language: str) -> None:
    fact = CodeFact(where=Where(), language=language, names=("os.system",))

    assert list(RULE.apply(fact)) == []


def test_stays_quiet_where_nothing_is_named() -> None:
    assert list(RULE.apply(CodeFact(where=Where(), language="tool-file"))) == []
