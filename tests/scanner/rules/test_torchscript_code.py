"""What no list admits in a TorchScript program is told; what touches the world is critical."""

from __future__ import annotations

import pytest

from scanner.facts import CodeFact
from scanner.findings import Severity, Where
from scanner.rules.torchscript_code import RULE


def fact(name: str, why: str = "an operator that no list admits") -> CodeFact:
    return CodeFact(where=Where(), language="torchscript", names=(name,), detail=why)


@pytest.mark.parametrize("name", ["elsewhere::f", "aten::_foobar", "IfExp", "M.__setstate__"])
def test_what_is_not_listed_is_suspicious(name: str) -> None:
    (finding,) = RULE.apply(fact(name))
    assert finding.severity is Severity.MEDIUM
    assert name in finding.message


@pytest.mark.parametrize(
    ("name", "does"),
    [("aten::save", "files"), ("aten::from_file", "files"), ("prim::rpc_sync", "network")],
)
def test_what_touches_the_world_is_critical(name: str, does: str) -> None:
    (finding,) = RULE.apply(fact(name))
    assert finding.severity is Severity.CRITICAL
    assert does in finding.message


@pytest.mark.parametrize("language", ["python", "onnx-op", "torch-package", "tensorflow-op"])
def test_stays_quiet(language: str) -> None:
    assert list(RULE.apply(CodeFact(where=Where(), language=language, names=("f",)))) == []
