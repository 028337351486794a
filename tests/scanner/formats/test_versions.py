"""Asking git or nvidia-smi for a version is told, and is no attack; any other command is one."""

from __future__ import annotations

import pytest

from tests.scanner.told import MALICIOUS, SUSPICIOUS, tell

ASKS = {
    "commit": '["git", "rev-parse", "HEAD"], stderr=subprocess.DEVNULL',
    "short commit": '["git", "rev-parse", "--short", "HEAD"]',
    "tag": '("git", "describe", "--tags", "--always")',
    "cards": '["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader"], text=True',
    "compiler": '["nvcc", "--version"]',
}
ACTS = {
    "a shell": '["git", "rev-parse", "HEAD"], shell=True',
    "another program": '["git", "rev-parse", "HEAD"], executable="/tmp/x"',
    "surroundings": '["git", "rev-parse", "HEAD"], env={"PATH": "."}',
    "options": '["git", "-c", "core.fsmonitor=x", "status"]',
    "a function": '["git", "--version"], preexec_fn=print',
    "a text": '"git rev-parse HEAD; id", shell=True',
    "words in words": '["git rev-parse", "HEAD"]',
    "computed": '["git", "rev-parse", name]',
    "options unpacked": '["git", "--version"], **options',
    "a path": '["./git", "--version"]',
    "code": '["python", "-c", "1"]',
    "a look at the files": '["git", "describe", "--dirty"]',
    "install": '["pip", "install", "x"]',
}
SOURCE = """import subprocess
try:
    version = subprocess.check_output({}).strip()
except Exception:
    version = "unknown"
"""


@pytest.mark.parametrize("what", ASKS)
def test_asking_for_a_version_is_told_and_no_attack(what: str) -> None:
    result = tell(SOURCE.format(ASKS[what]).encode(), "version.py")

    assert result.verdict is SUSPICIOUS
    assert "`" in result.findings[0].message


@pytest.mark.parametrize("what", ACTS)
def test_any_other_command_is_an_attack(what: str) -> None:
    assert tell(SOURCE.format(ACTS[what]).encode(), "version.py").verdict is MALICIOUS


@pytest.mark.parametrize(
    ("imports", "call"),
    [("socket", "socket.gethostname()"), ("requests", "requests.Session()"),
     ("ctypes", "ctypes.POINTER(ctypes.c_int)")],
)  # fmt: skip
def test_what_opens_nothing_is_no_attack(imports: str, call: str) -> None:
    assert tell(f"import {imports}\nx = {call}\n".encode(), "x.py").verdict is SUSPICIOUS


@pytest.mark.parametrize(
    ("imports", "call"),
    [("socket", "socket.create_connection(('a', 1))"), ("requests", "requests.get('http://a')"),
     ("ctypes", "ctypes.CDLL('x')"), ("requests", "requests.Session.get('x')")],
)  # fmt: skip
def test_what_opens_something_is_one(imports: str, call: str) -> None:
    assert tell(f"import {imports}\nx = {call}\n".encode(), "x.py").verdict is MALICIOUS
