"""The command line as a whole: help, exit codes, errors, signals, start-up."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

import secureload.cli.verbs as cli
from secureload.cli.verbs import _VERBS
from secureload.errors import UsageError
from tests.secureload.cli.shell import EVIL, FIXTURES, ROOT, Shell, spawn


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        return [path]
    return [
        leaf
        for name in command.list_commands(click.Context(command))
        for leaf in leaves(command.get_command(click.Context(command), name), (*path, name))  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize("path", leaves(cli.cli), ids=" ".join)
def test_every_verb_has_a_page_that_says_what_it_does(shell: Shell, path: tuple[str, ...]) -> None:
    said = shell(*path, "--help")
    assert said.code == 0
    assert said.err == ""
    assert f"Usage: secureload {' '.join(path)}" in said.out
    assert len(said.out.splitlines()[2].strip()) > 15


def test_the_short_help_lists_the_verbs_that_exist(shell: Shell) -> None:
    said = shell("--help")
    for verb, sentence in _VERBS.items():
        assert f"  {verb} " in said.out
        assert sentence[:40] in said.out
        assert importlib.import_module(f"secureload.cli.{verb}").command.name == verb


def test_nothing_asked_is_a_usage_error_with_the_help(shell: Shell) -> None:
    said = shell()
    assert (said.code, said.out) == (2, "")
    assert "Usage: secureload" in said.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sacn"], "did you mean `scan`"),
        (["scan"], "Missing argument"),
        (["scan", "--frobnicate", "."], "No such option"),
        (["scan", "/no/such/path"], "no such file"),
        (["scan", ".", "--format", "xml"], "xml"),
        (["scan", ".", "--policy", "stritc"], "did you mean `strict`"),
        (["admit", "not a name"], "not a name"),
        (["admit", "/no/such/folder"], "/no/such/folder"),
        (["convert", "/no/such/file", "out"], "does not exist"),
        (["explain", "/no/such/file"], "not a file"),
        (["rules", "show", "runs-shel"], "runs-shell"),
        (["cache", "show", "abc"], "abc"),
        (["audit", "verify", "--checkpoint", "1:zz"], "no checkpoint"),
    ],
)
def test_a_mistake_gets_one_error_a_hint_and_exit_code_2(
    shell: Shell, arguments: list[str], says: str
) -> None:
    said = shell(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: ")
    assert "hint:" in said.err
    assert says in said.err
    assert "Traceback" not in said.err


def test_a_bug_is_one_line_and_exit_code_2(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise LookupError("surprise")

    monkeypatch.setattr("scanner.scan", broken)
    said = shell("scan", tmp_path)
    assert said.code == 2
    assert said.err.splitlines()[0] == "error: internal error: LookupError: surprise"
    assert "Traceback" not in said.err
    monkeypatch.setenv("SECURELOAD_DEBUG", "1")
    assert "Traceback" in shell("scan", tmp_path).err


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError("x", hint="y"), 2), (MemoryError(), 2), (KeyboardInterrupt(), 130)],
)
def test_accidents_have_exit_codes(
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    error: BaseException,
    code: int,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("scanner.scan", broken)
    assert shell("scan", tmp_path).code == code


def test_the_version_is_printed() -> None:
    said = spawn("--version")
    assert said.code == 0
    assert said.out.startswith("secureload ")


def test_a_reader_who_leaves_early_gets_no_complaint(tmp_path: Path) -> None:
    for number in range(400):
        (tmp_path / f"{number:04}.pkl").write_bytes(EVIL)
    command = [sys.executable, "-m", "secureload.cli", "scan", "--jobs", "1", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 2


def wait_until_it_catches(pid: int, number: signal.Signals) -> None:
    """Wait until a process has a handler of its own for a signal."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        rows = Path(f"/proc/{pid}/status").read_text().splitlines()
        caught = next(int(row.split()[1], 16) for row in rows if row.startswith("SigCgt"))
        if caught >> (number - 1) & 1:
            return
        time.sleep(0.02)
    pytest.fail("the process never installed its handler")


def _by_default() -> None:
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def test_a_hangup_that_is_ignored_stays_so() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "secureload.cli", "scan", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    ) as process:
        wait_until_it_catches(process.pid, signal.SIGTERM)
        process.send_signal(signal.SIGHUP)
        out, _ = process.communicate(b"{}", timeout=60)
    assert process.returncode == 0
    assert b"allow" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_quietly_with_its_own_code(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "secureload.cli", "scan", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        # Whoever runs the tests in the background may have them ignore SIGINT.
        preexec_fn=_by_default,
    ) as process:
        wait_until_it_catches(process.pid, signal.SIGHUP)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert out == b""
    assert b"Traceback" not in err


INTERRUPTED = """
import signal, sys
from secureload.cli import main
left = int(sys.argv.pop(1))
class Interrupts:
    def find_spec(self, *_):
        global left
        left -= 1
        if left == 0:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupts())
main()
"""


@pytest.mark.parametrize("nth", [1, 2, 3, 5, 10, 20, 40])
@pytest.mark.parametrize("verb", [["scan", "-"], ["rules", "list"]], ids=" ".join)
def test_an_interrupt_while_it_starts_ends_it_quietly(verb: list[str], nth: int) -> None:
    # It comes with the nth module that is looked for: a moment that is the same each time.
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(nth), *verb],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        preexec_fn=_by_default,
    )
    assert done.returncode == 130
    assert done.stdout == ""
    assert done.stderr in ("", "error: interrupted\n")


def test_little_runs_before_an_interrupt_can_be_answered() -> None:
    probe = (
        f"import os, sys; sys.path.insert(0, {str(ROOT)!r}); before = set(sys.modules); "
        "import secureload.cli; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", probe], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "secureload" in loaded
    assert loaded <= {"__future__", "gc", "importlib", "secureload", "warnings"}


@pytest.mark.parametrize(
    "arguments", [["--help"], ["scan", "--help"], ["policy", "show", "strict"]]
)
def test_starting_costs_little(arguments: list[str]) -> None:
    # The goal is 0.15 s on an idle machine; the ceiling leaves room for a busy one.
    spawn(*arguments)
    before = os.times()
    spawn(*arguments)
    after = os.times()
    cpu = after.children_user + after.children_system
    assert cpu - before.children_user - before.children_system < 1.0


def test_help_imports_no_stage_and_no_scanner() -> None:
    probe = (
        "import sys; from secureload.cli import answer; answer(['scan', '--help']); "
        "heavy = ('scanner', 'secureload.flow', 'yaml', 'msgspec', 'sqlalchemy', 'torch'); "
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stderr.strip() == "[]"


def test_scanning_imports_neither_torch_nor_the_ledger_nor_the_network() -> None:
    folder = FIXTURES / "distilbert-token" / "pt-zip"
    probe = (
        f"import sys; from secureload.cli import answer; answer(['scan', {str(folder)!r}]); "
        "heavy = ('torch', 'transformers', 'numpy', 'sqlalchemy', 'huggingface_hub', 'ssl'); "
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stderr.strip() == "[]"


def test_no_colour_where_nobody_looks(tmp_path: Path) -> None:
    (tmp_path / "evil.pkl").write_bytes(EVIL)
    for arguments in (["scan", tmp_path], ["explain", tmp_path / "evil.pkl"], ["admit", tmp_path]):
        said = spawn(*arguments, NO_COLOR="")
        assert "\x1b" not in said.out + said.err
