"""The service's file and variables: what is misspelt is told, and what is said counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from secureload.cli import answer
from secureload.cli.serve import command
from secureload.errors import PolicyError, UsageError
from secureload.gateway import setup

HEAD = "apiVersion: secureload/v1\nkind: Service\nmetadata: {name: x}\nspec:\n"


def read(tmp_path: Path, spec: str) -> setup.Setup:
    path = tmp_path / "serve.yaml"
    path.write_text(HEAD + spec)
    return setup.read(path, command)


def test_options_are_those_of_the_command(tmp_path: Path) -> None:
    said = read(
        tmp_path,
        "  port: 9000\n  publicUrl: https://models.example.org\n  anonymous: [reader]\n"
        "  offline: true\n  wait: 3.5\n  logFormat: json\n  policy: strict\n"
        "  limits: {requestsPerSecond: 5}\n",
    )
    assert dict(said.options) == {
        "port": 9000,
        "public_url": "https://models.example.org",
        "anonymous": ("reader",),
        "offline": True,
        "wait": 3.5,
        "log_format": "json",
        "policy_name": "strict",
    }
    assert said.limits.requests_per_second == 5


@pytest.mark.parametrize(
    ("spec", "line", "says"),
    [
        ("  prot: 1\n", 5, "did you mean `port`"),
        ("  port: eighty\n", 5, "port"),
        ("  workers: 2\n  limits:\n    requestPerSecond: 1\n", 7, "requestsPerSecond"),
        ("  limits: {downloads: 0}\n", 5, "downloads"),
        ("  logFormat: xml\n", 5, "logFormat"),
        ("  anonymous: [admin]\n", 5, "anonymous"),
        ("  config: other.yaml\n", 5, "config"),
        ("  oidc:\n    - name: a\n      isuer: x\n", 7, "issuer"),
        ("  oidc:\n    - {name: A, issuer: x}\n", 6, "name"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, spec: str, line: int, says: str
) -> None:
    with pytest.raises(PolicyError) as problem:
        read(tmp_path, spec)
    assert f"serve.yaml:{line}:" in problem.value.message
    assert says in problem.value.message


def test_a_variable_that_sets_nothing_is_told() -> None:
    setup.check_variables(command, ["SECURELOAD_SERVE_PORT", "SECURELOAD_HOME", "PATH"])
    with pytest.raises(UsageError) as problem:
        setup.check_variables(command, ["SECURELOAD_SERVE_PROT"])
    assert "SECURELOAD_SERVE_PORT" in problem.value.hint


def test_flags_go_before_variables_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "serve.yaml"
    path.write_text(HEAD + "  port: 1001\n  workers: 11\n  wait: 1.5\n")

    def parsed(*arguments: str) -> dict[str, object]:
        return command.make_context("serve", [*arguments]).params

    said = parsed("--config", str(path))
    assert (said["port"], said["workers"], said["wait"]) == (1001, 11, 1.5)
    monkeypatch.setenv("SECURELOAD_SERVE_PORT", "1002")
    monkeypatch.setenv("SECURELOAD_SERVE_WORKERS", "12")
    monkeypatch.setenv("SECURELOAD_SERVE_CONFIG", str(path))
    said = parsed("--port", "1003")
    assert (said["port"], said["workers"], said["wait"]) == (1003, 12, 1.5)


def test_the_command_says_what_is_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "serve.yaml").write_text(HEAD + "  prot: 1\n")
    assert answer(["serve", "--config", str(tmp_path / "serve.yaml")]) == 2
    said = capsys.readouterr().err
    assert "serve.yaml:5" in said.replace("\n", "")
    assert "Traceback" not in said
