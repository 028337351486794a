"""The process ends at once, and nothing that belongs to an end is left out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.secureload.cli.shell import FIXTURES, ROOT

PLAIN = FIXTURES / "distilbert-token" / "pt-zip"
FULL = Path("/dev/full")


def leave(before: str, *, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run some code, then end with code 1."""
    code = f"import sys\nfrom secureload.cli.ending import leave\n{before}\nleave(1)"
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def test_the_code_is_the_one_given_and_all_that_was_printed_arrives() -> None:
    done = leave("sys.stdout.write('said' * 1000); sys.stderr.write('half a line')")
    assert (done.returncode, done.stdout, done.stderr) == (1, "said" * 1000, "half a line")


def test_what_was_registered_runs_and_may_print() -> None:
    done = leave(
        "import atexit, time, threading\n"
        "atexit.register(print, 'handler')\n"
        "def work(): time.sleep(0.2); print('thread')\n"
        "threading.Thread(target=work).start()"
    )
    assert (done.returncode, done.stdout.split()) == (1, ["thread", "handler"])


def test_whoever_interrupts_the_wait_for_threads_does_not_wait() -> None:
    done = leave(
        "import atexit, os, signal, threading, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "atexit.register(print, 'handler')\n"
        "threading.Thread(target=time.sleep, args=(600,)).start()\n"
        "threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()"
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "handler\n", "")


def test_work_handed_to_a_pool_is_waited_for() -> None:
    done = leave(
        "import time\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor()\n"
        "pool.submit(lambda: (time.sleep(0.2), print('done')))"
    )
    assert (done.returncode, done.stdout) == (1, "done\n")


def test_the_interpreter_is_not_taken_apart() -> None:
    keeper = (
        "import os\n"
        "class Kept:\n"
        "    def __del__(self, write=os.write): write(1, b'taken apart')\n"
        "kept = Kept()\n"
    )
    assert leave(keeper).stdout == ""
    # But it is where somebody watches, whose own end needs it.
    for watching in ("sys.setprofile(lambda *_: None)", "sys.settrace(lambda *_: None)"):
        done = leave(f"{keeper}\n{watching}")
        assert (done.returncode, done.stdout) == (1, "taken apart")


def test_an_interpreter_that_is_to_stay_stays() -> None:
    done = leave("", options=("-i",))
    assert "SystemExit: 1" in done.stderr
    assert done.returncode == 0  # its own, at the end of its input


@pytest.mark.skipif(not FULL.exists(), reason="no disk that is full")
def test_output_that_is_lost_is_no_answer() -> None:
    command = [sys.executable, "-m", "secureload.cli", "scan", str(PLAIN)]
    for stream in ("stdout", "stderr"):
        with FULL.open("w") as full:
            streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: full}
            done = subprocess.run(command, cwd=ROOT, check=False, **streams)  # type: ignore[call-overload]
        # Only standard output has something to say here.
        assert done.returncode == (2 if stream == "stdout" else 0)
        assert stream == "stderr" or b"hint:  make room" in done.stderr
    with FULL.open("w") as full:
        done = subprocess.run(
            [*command, "--frobnicate"], cwd=ROOT, check=False, stdout=full, stderr=full
        )
    assert done.returncode == 2
    done = leave("sys.stdout = open('/dev/full', 'w'); print('lost')")
    assert done.returncode == 2


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)], ids=str)
def test_streams_that_are_closed_change_no_answer(closed: tuple[int, ...]) -> None:
    def close() -> None:
        for descriptor in closed:
            os.close(descriptor)

    command = [sys.executable, "-m", "secureload.cli", "scan", str(PLAIN)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, preexec_fn=close)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert (b"allow" in done.stdout) is (1 not in closed)


def test_standard_input_that_is_closed_is_no_decision() -> None:
    command = [sys.executable, "-m", "secureload.cli", "scan", "-"]
    done = subprocess.run(
        command, cwd=ROOT, check=False, capture_output=True, preexec_fn=lambda: os.close(0)
    )
    assert done.returncode == 2
    assert b"standard input is closed" in done.stderr
    empty = subprocess.run(
        command, cwd=ROOT, check=False, capture_output=True, stdin=subprocess.DEVNULL
    )
    assert empty.returncode == 0


def test_a_temporary_folder_that_is_not_there_is_done_without(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "secureload.cli", "scan", str(PLAIN)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "nowhere")},
    )
    assert done.returncode == 0, done.stderr


def test_no_child_is_left_to_be_waited_for(tmp_path: Path) -> None:
    script = tmp_path / "reaper.py"
    # Children whose parent did not wait for them come to the nearest reaper.
    script.write_text(
        "import ctypes, os, subprocess, sys\n"
        "assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0\n"
        "done = subprocess.run([sys.executable, '-m', 'secureload.cli', *sys.argv[1:]])\n"
        "try:\n    print('left', os.waitpid(-1, 0))\n"
        "except ChildProcessError:\n    print('none', done.returncode)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script), "scan", str(PLAIN)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.splitlines()[-1] == "none 0"
