"""Writing in strides: the same bytes, and no more of them at a time than memory bears."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from secureload.convert import strides
from secureload.convert.strides import FEW, MANY, Strides, write_all

CHUNK = os.urandom(1 << 20)


class Kernel:
    """Takes writes, at a price for each byte that depends on how many come at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, price: dict[int, float]) -> None:
        self.price, self.now, self.sizes = price, 0.0, list[int]()
        monkeypatch.setattr("time.thread_time", lambda: self.now)
        monkeypatch.setattr("os.pwrite", self.pwrite)

    def pwrite(self, _target: int, data: memoryview, _offset: int) -> int:
        self.sizes.append(len(data))
        self.now += len(data) * self.price[MANY if len(data) > FEW else FEW]
        return len(data)


def test_the_bytes_are_those_given_whatever_the_stride(tmp_path: Path) -> None:
    with (tmp_path / "made").open("wb") as file:
        writer = Strides()
        for number in range(12):
            writer.write(file.fileno(), CHUNK, number << 20)
        writer.write(file.fileno(), b"", 99)
        write_all(file.fileno(), b"head", 3)
    expected = bytearray(CHUNK * 12)
    expected[3:7] = b"head"
    assert (tmp_path / "made").read_bytes() == expected


def test_short_writes_are_taken_up_where_they_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = bytearray(1000)

    def pwrite(_: int, data: memoryview, offset: int) -> int:
        seen[offset : offset + min(7, len(data))] = data[:7]
        return min(7, len(data))

    monkeypatch.setattr("os.pwrite", pwrite)
    write_all(0, CHUNK[:1000], 0)
    assert seen == CHUNK[:1000]


def test_where_many_cost_less_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(monkeypatch, {FEW: 1.3e-9, MANY: 1e-9})
    writer = Strides()
    for _ in range(40):
        writer.write(0, CHUNK, 0)
    assert kernel.sizes[:16] == [FEW] * 16
    assert set(kernel.sizes[16:]) == {MANY}


def test_where_many_come_to_cost_more_few_are_written_from_then_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel = Kernel(monkeypatch, {FEW: 1e-9, MANY: 0.8e-9})
    writer = Strides()
    for _ in range(20):
        writer.write(0, CHUNK, 0)
    assert writer.stride == MANY
    kernel.price[MANY] = 6e-9
    for _ in range(8):
        writer.write(0, CHUNK, 0)
    assert writer.stride == FEW
    kernel.price[MANY] = 0.1e-9
    for _ in range(40):
        writer.write(0, CHUNK, 0)
    assert writer.stride == FEW


def test_a_full_disk_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(strides.os, "pwrite", full)
    with pytest.raises(OSError, match="No space"):
        Strides().write(0, CHUNK, 0)
