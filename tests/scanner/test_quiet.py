"""A library is imported without the program that it would start, and nothing is left changed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

_PROBE = """
import json, platform, sys
from scanner.quiet import starting_nothing
started = []
sys.addaudithook(lambda event, args: started.append(event) if event == "subprocess.Popen" else None)
{before}
with starting_nothing():
    import h5py
inside = list(started)
print(json.dumps([inside, platform.processor() == {expected}, started]))
"""


def probe(before: str, expected: str) -> list[object]:
    code = _PROBE.format(before=before, expected=expected)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: list[object] = json.loads(done.stdout)
    return found


def test_h5py_starts_nothing_and_the_answer_is_not_forged() -> None:
    inside, _, later = probe("", "None")
    assert inside == []
    assert later == ["subprocess.Popen"]  # whoever asks afterwards is answered as ever


@pytest.mark.parametrize("name", ["", "x86_64"])
def test_an_answer_that_is_there_stays(name: str) -> None:
    before = f"vars(platform.uname())['processor'] = {name!r}"
    assert probe(before, repr(name)) == [[], True, []]
