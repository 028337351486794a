"""fickling's reading agrees on ordinary pickles, and its failures are said."""

from __future__ import annotations

import collections
import pickle
import signal
from pathlib import Path

import pytest

import scanner
from scanner.facts import ProblemFact
from scanner.pickles.machine import interpret
from scanner.pickles.second import Budget, SecondReading, compare, second_reading
from secureload.sandbox import forked
from tests.builders import pickles as p


@pytest.mark.parametrize("protocol", range(5))
def test_both_readings_see_the_same_imports(protocol: int) -> None:
    data = pickle.dumps([collections.OrderedDict(a=1), {1, 2}, collections.Counter("a")], protocol)
    theirs = second_reading(data)
    assert theirs.failure is None
    assert "collections.OrderedDict" in theirs.imports
    assert list(compare(interpret(data), theirs)) == []


def test_a_global_that_only_the_second_reading_saw_is_a_problem() -> None:
    ours = interpret(p.program(p.NONE))
    (fact,) = compare(ours, SecondReading(imports=frozenset({"os.system"})))
    assert isinstance(fact, ProblemFact)
    assert fact.kind == "second-reading"
    assert "os.system" in fact.message


@pytest.mark.parametrize(
    "data", [b"", b"garbage", p.program(p.bytearray8(b"x"), protocol=5), p.program(p.REDUCE)]
)
def test_what_it_cannot_read_is_said(data: bytes) -> None:
    theirs = second_reading(data)
    assert theirs.failure
    (fact,) = compare(interpret(data), theirs)
    assert isinstance(fact, ProblemFact)
    assert (fact.kind, fact.fatal) == ("second-reading-failed", False)


def test_the_budget_is_kept() -> None:
    data = pickle.dumps(list(range(1000)))
    assert second_reading(data, budget=Budget(stream_bytes=100)).failure
    assert second_reading(data, opcodes=200_000).failure


def test_deep_nesting_is_no_crash() -> None:
    deep = second_reading(p.program(p.EMPTY_LIST * 3000, p.APPEND * 2999, p.glob("a", "b")))
    assert deep.failure is not None or "a.b" in deep.imports


def test_its_time_ends() -> None:
    slow = p.program(p.EMPTY_LIST, *(p.glob("a", f"b{n}") + p.APPEND for n in range(20_000)))
    before = signal.getsignal(signal.SIGVTALRM)
    theirs = second_reading(slow, budget=Budget(seconds=0.05))
    assert theirs.failure == "it took longer than 0.05 seconds"
    assert signal.getsignal(signal.SIGVTALRM) is before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_it_is_taken_in_a_worker_and_not_here(tmp_path: Path) -> None:
    file = tmp_path / "unlisted.pkl"
    file.write_bytes(p.program(p.glob("some.module", "Thing"), p.bytearray8(b"x"), protocol=5))
    with forked() as confined:
        there = scanner.scan([file], examine=confined.examine)
    here = scanner.scan([file])
    rules = [{f.message for f in report.files[0].findings} for report in (here, there)]
    assert any("second reading" in message for message in rules[1] - rules[0])
