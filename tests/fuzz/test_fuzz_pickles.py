"""The fuzz target itself: it runs, its grammar reaches what it should, and it can find things."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
from pathlib import Path

import pytest

from scanner.pickles import loop
from scanner.pickles.opcodes import CODES
from tests.builders import pickles as p
from tests.fuzz import oracle, streams
from tests.scanner.pickles.recorder import truth

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("seed", range(0, 1000, 100))
def test_programs_and_their_mutations_hold_nothing_unseen(seed: int) -> None:
    for number in range(seed, seed + 100):
        chance = random.Random(number)
        data = streams.program(chance)
        assert oracle.stream(data) == "", data
        assert oracle.stream(streams.mutated(data, chance)) == "", data


def test_the_grammar_writes_every_opcode_and_half_the_programs_do_something() -> None:
    written = [streams.program(random.Random(number)) for number in range(600)]

    used = {part[0] for data in written for part in streams.tokens(data) if part}
    assert set(CODES.values()) - used == set()
    acting = [data for data in written if not oracle.too_costly(data) and truth(data)]
    assert len(acting) > 300


@pytest.mark.parametrize("seed", range(50))
def test_tokens_are_the_whole_stream(seed: int) -> None:
    data = random.Random(seed).randbytes(200)
    assert b"".join(streams.tokens(data)) == data


def test_a_machine_that_overlooks_a_call_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop.Machine, "called", lambda *_: None)

    assert "os.system" in oracle.stream(p.program(p.call("os", "system", p.text("true"))))


def test_the_target_runs_and_goes_on_where_it_ended(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        assert sys.version_info >= (3, 14) or sys.platform != "linux"
        return
    command = [sys.executable, "-m", "tests.fuzz.fuzz_pickles", "--runs", "40", "--seed", "7"]
    for _ in range(2):
        ended = subprocess.run(
            [*command, "--folder", str(tmp_path)], cwd=ROOT, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stdout
        assert "40 executions" in ended.stdout
        assert "failures 0 of 0 kinds" in ended.stdout
    assert any((tmp_path / "corpus").iterdir())
