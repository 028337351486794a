"""A forked child, such as a data loader's, waits for none of the threads that it has not got."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from secureload.ledger import postgres
from secureload.ledger.database import Database
from tests.servers.postgres import Postgres

ROOT = Path(__file__).parents[2]

# A thread holds what it is given while the process forks; the child does its part or is ended.
PROGRAM = """
import os, signal, sys, threading

def forked(action):
    child = os.fork()
    if not child:
        signal.alarm(20)
        try:
            action()
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

class Elsewhere:
    def __init__(self, manager):
        self.manager, self.inside, self.done = manager, threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.run)
    def run(self):
        with self.manager:
            self.inside.set()
            self.done.wait()
    def __enter__(self):
        self.thread.start()
        self.inside.wait()
    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
"""


def run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM + program, *arguments],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "module",
    [
        "secureload.registry.backstop",
        "secureload.registry.code",
        "secureload.enforce.pickles",
        "secureload.sources.git",
    ],
)
def test_a_lock_that_a_thread_held_is_open_in_the_child(module: str) -> None:
    program = """
import importlib
module = importlib.import_module(sys.argv[1])
def take():
    with module._lock:
        pass
with Elsewhere(module._lock):
    print(forked(take))
take()
"""
    assert run(program, module) == "0\n"


def test_a_class_is_never_known_by_half_in_the_child() -> None:
    program = """
import time, types
import msgspec
from secureload.learned import learned
inside = threading.Event()
def slow():
    inside.set()
    time.sleep(0.2)
    return tuple[int, ...]
made = sys.modules["made"] = types.ModuleType("made")
made.slow = slow
for name, fields in (("Inner", [("numbers", "slow()")]), ("Outer", [("first", "Inner")])):
    setattr(made, name, msgspec.defstruct(name, fields, module="made"))
def read():
    assert msgspec.convert({"first": {"numbers": [1]}}, learned(made.Outer)).first.numbers == (1,)
thread = threading.Thread(target=read)
thread.start()
inside.wait()
print(forked(read))
thread.join()
"""
    assert run(program) == "0\n"


def test_a_guard_of_another_thread_ends_in_the_child_and_not_in_the_parent() -> None:
    program = """
from secureload.registry import backstop
def free():
    assert backstop._guards == []
    assert os.environ["HF_HUB_OFFLINE"] == "0", os.environ["HF_HUB_OFFLINE"]
    with backstop.guard():
        assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert os.environ["HF_HUB_OFFLINE"] == "0"
with Elsewhere(backstop.guard()):
    print(forked(free))
    assert len(backstop._guards) == 1 and os.environ["HF_HUB_OFFLINE"] == "1"
free()
"""
    assert run(program) == "0\n"


def test_a_repository_stays_the_parents() -> None:
    program = """
import gc
from pathlib import Path
from secureload.sources import git
folder = git._Folder()
git._kept["somewhere", "a commit"] = git._Repository(folder=folder, commit="", subject="")
path = Path(folder.name)
def end():
    global folder
    assert not git._kept
    folder.cleanup()
    folder = None
    gc.collect()
    git.forget()
print(forked(end), path.is_dir())
folder = None
git.forget()
print(path.exists())
"""
    assert run(program) == "0 True\nFalse\n"


def test_connections_to_a_server_stay_the_parents(tmp_path: Path) -> None:
    program = """
from pathlib import Path
from sqlalchemy import text
from secureload.ledger import postgres
from secureload.ledger.database import Database
ledger = Database(Path("unused"), Path("unused"), sys.argv[1])
def served_by():
    with ledger.read() as session:
        return session.execute(text("SELECT pg_backend_pid()")).scalar_one()
own = served_by()
assert own == served_by()
def another():
    assert served_by() != own
print(forked(another), own == served_by())
"""
    with Postgres() as server:
        url = server.database()
        Database(tmp_path / "unused", tmp_path / "unused", url).create()
        postgres.engine(url).dispose()
        assert run(program, url) == "0 True\n"
