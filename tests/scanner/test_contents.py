"""What lies inside a file is read to a bounded depth, and the worst of it is found."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import pytest

from scanner import FileVerdict, Status, contents, scan_bytes
from scanner.engine import Options
from scanner.limits import LIMITS
from scanner.reader import Blob
from tests.builders.zips import plain
from tests.scanner.told import SHELL, rules


def test_the_worst_is_kept_when_findings_are_many() -> None:
    members = {f"../{n:03}": b"x" for n in range(50)} | {"z.pkl": SHELL}
    result = scan_bytes(plain(members), options=Options(limits=replace(LIMITS, findings=3)))
    assert result.verdict is FileVerdict.MALICIOUS


def test_a_bomb_stops_at_the_budget() -> None:
    data = plain({"a": plain({"zeros": bytes(8 << 20)}, method=8)}, method=8)
    small = replace(LIMITS, expanded_bytes=1 << 20)
    result = scan_bytes(data, options=Options(limits=small))
    assert "limit-reached" in rules(result)
    assert result.verdict is FileVerdict.ERROR


def test_a_payload_behind_very_many_members_is_found() -> None:
    members = {f"{number}.txt": b"x" for number in range(3_000)} | {"z.bin": SHELL}
    few = Options(limits=replace(LIMITS, findings=10))

    assert scan_bytes(plain(members), options=few).verdict is FileVerdict.MALICIOUS


def test_a_payload_behind_very_many_findings_is_found() -> None:
    members = {f"{number}.bin": b"\xfe\xfd\xfc" * 5 for number in range(1_100)} | {"z": SHELL}
    few = Options(limits=replace(LIMITS, findings=10))
    result = scan_bytes(plain(members), options=few)

    assert result.verdict is FileVerdict.MALICIOUS
    assert result.status is Status.FAILED


def _often(data: bytes, times: int) -> bytes:
    """A zip whose directory lists one stored member many times."""
    made = plain({"x": data})
    end = len(made) - 22
    (start,) = struct.unpack("<I", made[end + 16 : end + 20])
    entry = made[start:end]
    sizes = struct.pack("<HHIIH", times, times, len(entry) * times, start, 0)
    return made[:start] + entry * times + made[end : end + 8] + sizes


def test_members_that_hold_each_other_are_read_only_so_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = SHELL
    for _ in range(5):
        data = _often(data, 20)
    entered = 0
    recognised = contents.recognised

    def counted(blob: Blob) -> Any:
        nonlocal entered
        entered += len(blob.data)
        return recognised(blob)

    monkeypatch.setattr(contents, "recognised", counted)
    result = scan_bytes(data, name="x.zip")

    assert "limit-reached" in rules(result)
    assert result.status is Status.FAILED
    assert entered < 3 << 20
