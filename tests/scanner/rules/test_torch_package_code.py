"""A package of torch's is told once, with what its loader imports."""

from __future__ import annotations

from scanner.facts import CodeFact
from scanner.findings import Severity, Where
from scanner.rules import embedded_code
from scanner.rules.torch_package_code import RULE


def package(names: tuple[str, ...], detail: str = "") -> CodeFact:
    return CodeFact(where=Where(), language="torch-package", names=names, detail=detail)


def test_names_what_is_imported() -> None:
    (finding,) = RULE.apply(package(("net", "net.layers"), "torch numpy"))

    assert finding.severity is Severity.MEDIUM
    assert finding.message == (
        "a torch.package, whose loader imports the source it holds of `net`, `net.layers` "
        "and from outside `torch`, `numpy`"
    )


def test_a_long_list_is_cut() -> None:
    (finding,) = RULE.apply(package(tuple(f"m{number}" for number in range(9))))
    assert finding.message.endswith("`m4` and 4 more")


def test_a_package_without_source_is_told() -> None:
    (finding,) = RULE.apply(package((), "torch"))
    assert "no source of its own" in finding.message


def test_stays_quiet() -> None:
    assert list(RULE.apply(CodeFact(where=Where(), language="python"))) == []


def test_nothing_else_repeats_it() -> None:
    own = CodeFact(where=Where(), language="interned-python", names=("torch.nn.Linear",))

    assert list(embedded_code.RULE.apply(package(("net",)))) == []
    assert list(embedded_code.RULE.apply(own)) == []
