"""A pickle that acts is found wherever it lies; plain data and chance are left alone."""

from __future__ import annotations

import base64
import io
import json
import pickle
import random
import struct
from collections.abc import Callable
from typing import Any

import h5py
import msgpack
import numpy as np
import pytest

from tests.builders.pickles import call, program, text
from tests.builders.wire import chunk, number
from tests.builders.zips import plain
from tests.scanner.told import CLEAN, SHELL, SUSPICIOUS, rules, tell

ACTS = [SHELL, *(program(call("posix", "system", text("true")), protocol=p) for p in (2, 4))]


def safetensors(data: bytes) -> bytes:
    header = {"__metadata__": {"x": data.decode("latin-1")}}
    raw = json.dumps(header).encode()
    return len(raw).to_bytes(8, "little") + raw


def tensor(data: bytes) -> bytes:
    entry = {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}
    raw = json.dumps({"w": entry}).encode()
    return len(raw).to_bytes(8, "little") + raw + data


def gguf(data: bytes) -> bytes:
    def held(raw: bytes) -> bytes:
        return struct.pack("<Q", len(raw)) + raw

    pair = held(b"general.note") + struct.pack("<I", 8) + held(data)
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + pair


def onnx(data: bytes) -> bytes:
    extra = chunk(14, chunk(1, "x") + chunk(2, data))
    return number(1, 8) + chunk(7, chunk(2, "g")) + chunk(8, number(2, 17)) + extra


def hdf5(data: bytes) -> bytes:
    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        file["x"] = np.frombuffer(data, dtype="u1")
    return held.getvalue()


CARRIERS: dict[str, Callable[[bytes], bytes]] = {
    "safetensors tensor": tensor,
    "gguf": gguf,
    "onnx": onnx,
    "hdf5": hdf5,
    "msgpack": lambda data: msgpack.packb({"params": {"w": data}}),
    "pickle": lambda data: pickle.dumps({"model": data}),
    "png": lambda data: b"\x89PNG\r\n\x1a\n" + bytes(64) + data,
    "json": lambda data: json.dumps({"x": base64.b64encode(data).decode()}).encode(),
    "text": lambda data: gguf(data.decode("latin-1").encode()),
    "escapes": safetensors,
    "torch": lambda data: plain({"a/data.pkl": pickle.dumps({"x": data}), "a/version": b"3\n"}),
    "metadata": lambda data: safetensors(base64.urlsafe_b64encode(data)),
}


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("acts", ACTS[1:], ids=["protocol 2", "protocol 4"])
def test_a_pickle_that_acts_is_found(carrier: str, acts: bytes) -> None:
    result = tell(CARRIERS[carrier](acts), "model.bin")

    assert "hidden-pickle" in rules(result)
    assert result.verdict is SUSPICIOUS


@pytest.mark.parametrize("carrier", ["gguf", "onnx", "hdf5", "pickle"])
def test_so_is_one_of_lines(carrier: str) -> None:
    assert "hidden-pickle" in rules(tell(CARRIERS[carrier](SHELL)))


@pytest.mark.parametrize("carrier", CARRIERS)
def test_plain_data_inside_is_left_alone(carrier: str) -> None:
    data = pickle.dumps({"a": [1, 2, "x"], "b": {"c": 1.5}})

    assert tell(CARRIERS[carrier](data), "model.bin").verdict is CLEAN


@pytest.mark.parametrize("seed", range(4))
def test_chance_is_left_alone(seed: int) -> None:
    noise = random.Random(seed).randbytes(1 << 20)

    assert rules(tell(tensor(noise))) == set()


@pytest.mark.parametrize(
    "piece", [b"ca\nb\n", b"\x80\x02](K\x01K\x02e0", b"\x80\x02c"], ids=["lines", "lists", "cut"]
)
def test_many_beginnings_take_no_more_work_than_the_limit(
    piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pass over each of them would be work that grows with the square of the size."""
    from scanner.formats import hidden_pickle
    from scanner.pickles import machine

    done: list[int] = []
    real = machine.interpret

    def counted(*args: Any, **settings: Any) -> machine.Interpretation:
        seen = real(*args, **settings)
        done.append(seen.opcodes)
        return seen

    monkeypatch.setattr(machine, "interpret", counted)
    tell(tensor(piece * 40_000))

    assert sum(done) <= 2 * hidden_pickle._WORK


def test_a_pickle_behind_lines_of_others_is_found() -> None:
    assert "hidden-pickle" in rules(tell(tensor(b"ca\nb\n" * 2_000 + SHELL)))
