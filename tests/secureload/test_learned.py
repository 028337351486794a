"""A type is learned by one thread: two that read the same new class at once would crash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from secureload.flow import Verdict
from secureload.learned import learned

ROOT = Path(__file__).parents[2]

# Whoever evaluates the inner class's annotation lets the others go on, while the outer class is
# known by half.
THREADS = """
import dataclasses, sys, threading, time, types
import msgspec
from secureload.learned import learned

def slow():
    time.sleep(0.005)
    return tuple[int, ...]

def made(way, turn):
    module = sys.modules[f"made{turn}"] = types.ModuleType(f"made{turn}")
    module.slow = slow
    for name, fields in (
        ("Inner", [("numbers", "slow()")]),
        ("Outer", [("first", "Inner"), ("second", "Inner")]),
    ):
        if way == "struct":
            kind = msgspec.defstruct(name, fields, module=module.__name__)
        else:
            kind = dataclasses.make_dataclass(name, fields)
            kind.__module__ = module.__name__
        setattr(module, name, kind)
    return module.Outer

def read(kind, together):
    together.wait()
    try:
        plain = {"first": {"numbers": [1]}, "second": {"numbers": [2]}}
        found = msgspec.convert(plain, learned(kind))
        assert found.second.numbers == (2,)
        read_well.append(found)
    except BaseException as error:
        print(repr(error))

read_well = []
for turn in range(20):
    kind, together = made(sys.argv[1], turn), threading.Barrier(4)
    threads = [threading.Thread(target=read, args=(kind, together)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(len(read_well))
"""


@pytest.mark.parametrize("kind", ["struct", "dataclass"])
def test_threads_that_read_a_new_type_at_once(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", THREADS, kind],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "80\n", "")


def test_the_type_comes_back() -> None:
    assert learned(Verdict) is Verdict
    assert learned(tuple[Verdict, ...]) == tuple[Verdict, ...]


def test_what_cannot_be_read_is_said_each_time() -> None:
    for _ in range(2):
        with pytest.raises(TypeError):
            learned(tuple[list[int] | tuple[int, ...], ...])
    assert msgspec.convert([1], learned(tuple[int, ...])) == (1,)
