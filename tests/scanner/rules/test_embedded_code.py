"""Code in a model: how bad depends on what it visibly does."""

from __future__ import annotations

import pytest

from scanner.facts import CodeFact
from scanner.findings import Severity, Where
from scanner.rules.embedded_code import RULE, dangerous


def code(language: str, *names: str, detail: str = "") -> CodeFact:
    return CodeFact(where=Where(), language=language, names=names, detail=detail)


@pytest.mark.parametrize(
    ("fact", "severity"),
    [
        (code("python", "torch.nn.Linear"), Severity.MEDIUM),
        (code("python", "os.system"), Severity.CRITICAL),
        (code("elf"), Severity.HIGH),
        (code("keras-lambda", "Lambda"), Severity.HIGH),
        (code("onnx-op", "evil.ops"), Severity.MEDIUM),
        (code("tensorflow-op", "PyFunc", detail="runs Python or touches files"), Severity.CRITICAL),
        (code("yaml-object", "a.B", detail="object"), Severity.HIGH),
        (code("yaml-object", "a.B", detail="object/apply"), Severity.CRITICAL),
    ],
)
def test_fires(fact: CodeFact, severity: Severity) -> None:
    assert [finding.severity for finding in RULE.apply(fact)] == [severity]


def test_leaves_torchscript_to_its_own_rule() -> None:
    assert list(RULE.apply(code("torchscript"))) == []


@pytest.mark.parametrize("name", ["os.system", "os.execvp", "subprocess.run", "socket.socket",
                                  "eval", "pickle.loads", "importlib.import_module"])  # fmt: skip
def test_dangerous_names(name: str) -> None:
    assert dangerous(name)


@pytest.mark.parametrize("name", ["os.path.join", "evaluate", "model.eval", "executor", "compiled",
                                  "torch.compile", "socketless"])  # fmt: skip
def test_harmless_names(name: str) -> None:
    assert not dangerous(name)


@pytest.mark.parametrize("language", ["torch-target", "keras-custom"])
def test_a_target_in_a_module_that_another_holds_is_critical(language: str) -> None:
    fact = code(language, "torch.hub.os.system")

    (finding,) = RULE.apply(fact)

    assert finding.severity is Severity.CRITICAL
