"""What the rules say of one file comes out once, worst first, and nothing is lost by it."""

from __future__ import annotations

from scanner.facts import ImportFact, ProblemFact
from scanner.findings import Severity, Where
from scanner.limits import LIMITS, Limits
from scanner.merge import merged

MEMBER = Where(member="a/data.pkl", offset=7)


def hidden(name: str, where: Where = MEMBER) -> ProblemFact:
    return ProblemFact(
        where=where, kind="hidden-pickle", message=f"a pickle that calls {name}",
        detail={"global": name},
    )  # fmt: skip


def imported(module: str, name: str) -> ImportFact:
    return ImportFact(where=MEMBER, module=module, name=name)


def test_equal_findings_are_counted() -> None:
    told = merged([imported("os", "system"), imported("os", "system")], LIMITS)

    assert [(one.rule, one.evidence["count"]) for one in told] == [("runs-shell", 2)]


def test_a_hidden_pickle_is_not_told_where_its_global_is() -> None:
    for facts in (
        [imported("os", "system"), hidden("os.system")],
        [hidden("os.system"), imported("os", "system")],
    ):
        assert [one.rule for one in merged(facts, LIMITS)] == ["runs-shell"]


def test_it_is_told_for_another_global_or_another_member() -> None:
    other = Where(member="b/data.pkl", offset=7)
    facts = [imported("os", "system"), hidden("builtins.exec"), hidden("os.system", other)]

    assert [one.rule for one in merged(facts, LIMITS)].count("hidden-pickle") == 2


def test_it_is_told_where_the_global_met_no_critical_finding() -> None:
    facts = [imported("nobody", "knows"), hidden("nobody.knows")]

    assert [one.rule for one in merged(facts, LIMITS)] == ["hidden-pickle", "unlisted-global"]


def test_the_worst_are_kept() -> None:
    facts = [imported("nobody", f"knows{number}") for number in range(9)]
    told = merged([*facts, imported("os", "system")], Limits(findings=3))

    assert [one.severity for one in told] == [Severity.CRITICAL, Severity.HIGH, Severity.HIGH]
