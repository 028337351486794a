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
from hypothesis import given
from hypothesis import strategies as st

from scanner.engine import Options, scan_bytes
from scanner.limits import LIMITS, Limits
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
    name = f"model.{carrier if carrier in ('png', 'json') else 'bin'}"

    assert tell(CARRIERS[carrier](data), name).verdict is CLEAN


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
    from scanner.pickles import machine

    done: list[int] = []
    real = machine.interpret

    def counted(*args: Any, **settings: Any) -> machine.Interpretation:
        seen = real(*args, **settings)
        done.append(seen.opcodes)
        return seen

    monkeypatch.setattr(machine, "interpret", counted)
    tell(tensor(piece * 40_000))

    # Once to recognise it and once to read it.
    assert sum(done) <= 2 * LIMITS.hidden_opcodes


def test_a_pickle_behind_lines_of_others_is_found() -> None:
    assert "hidden-pickle" in rules(tell(tensor(b"ca\nb\n" * 2_000 + SHELL)))


LONG = b"N0" * 5_000
"""Opcodes that do nothing, more of them than any search that looks a little way would follow."""


@pytest.mark.parametrize("name", ["text", "numbers"])
def test_nothing_before_the_call_hides_it(name: str) -> None:
    acts = b"\x80\x02" + LONG + SHELL
    data = tensor(acts) if name == "numbers" else gguf(base64.b64encode(acts))

    assert "hidden-pickle" in rules(tell(data))


def test_decoys_before_it_do_not_hide_it() -> None:
    decoys = b"\x80\x02}." * 2_000 + b"gASV" + b"A" * 40

    assert "hidden-pickle" in rules(tell(tensor(decoys + ACTS[1])))


@pytest.mark.parametrize(
    "written",
    [
        base64.b64encode,
        base64.encodebytes,
        lambda data: json.dumps(base64.encodebytes(data).decode()).encode(),
        lambda data: data.hex().encode(),
        lambda data: "".join(f"\\x{byte:02x}" for byte in data).encode(),
    ],
    ids=["base64", "lines of base64", "escaped lines of base64", "hex", "escapes"],
)
@pytest.mark.parametrize("acts", ACTS, ids=["protocol 0", "protocol 2", "protocol 4"])
def test_it_is_found_in_the_middle_of_long_text(
    acts: bytes, written: Callable[[bytes], bytes]
) -> None:
    """Whatever the text is as a whole, and however far from both ends."""
    prose = b"It is a long way to the middle. " * 50_000
    result = tell(prose + b"'" + written(b"\x80\x02" + acts) + b"' " + prose, "notes.txt")

    assert "hidden-pickle" in rules(result)
    assert result.verdict is SUSPICIOUS


def test_a_global_from_the_stack_needs_no_protocol() -> None:
    acts = program(call("posix", "system", text("true")), protocol=4).removeprefix(b"\x80\x04")

    assert "hidden-pickle" in rules(tell(tensor(acts)))


def test_each_thing_called_is_told_once() -> None:
    twice = ACTS[1] + program(call("builtins", "exec", text("1")), protocol=4) + ACTS[2]
    told = [one for one in tell(tensor(twice)).findings if one.rule == "hidden-pickle"]

    assert sorted(one.evidence["global"] for one in told) == ["builtins.exec", "posix.system"]


def test_what_is_not_followed_is_said() -> None:
    few = Options(limits=Limits(hidden_opcodes=10_000))
    data = tensor(b"\x80\x02}." * 1_000 + ACTS[1])
    result = scan_bytes(data, name="x.safetensors", options=few)

    assert rules(result) == {"limit-reached"}
    assert result.verdict is SUSPICIOUS


def test_a_stack_of_plain_pickles_inside_is_left_alone() -> None:
    inside = b"".join(pickle.dumps({"a": [number]}) for number in range(1_000))

    assert tell(pickle.dumps({"all": inside})).verdict is CLEAN


def test_what_the_pickle_itself_says_is_not_repeated() -> None:
    for data in (SHELL + ACTS[1], pickle.dumps(1) + SHELL):
        assert rules(tell(data)) == {"runs-shell"}


def test_what_it_does_not_say_is_told_beside_it() -> None:
    inside = program(call("builtins", "exec", text("1")), protocol=4)
    acts = program(call("posix", "system", chunk_of(inside)), protocol=4)

    assert {"runs-shell", "hidden-pickle"} <= rules(tell(acts))


def chunk_of(data: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(data)) + data


@given(st.text(st.sampled_from("gASVcos\nsystem()tRY3-_=+/0248xX\\ "), max_size=400))
def test_text_of_any_kind_is_read_to_its_end(noise: str) -> None:
    """Runs of letters that are no base64, hexadecimal of odd length, lines of names."""
    assert rules(tell(noise.encode(), "x.txt")) & {"malformed-file", "limit-reached"} == set()


@given(
    before=st.text(st.sampled_from("abcXYZ019+/ \n"), max_size=80),
    after=st.text(st.sampled_from("abcXYZ019+/ \n"), max_size=80),
    acts=st.sampled_from(ACTS),
)
def test_base64_is_found_whatever_stands_before_it(before: str, after: str, acts: bytes) -> None:
    text = before.encode() + base64.b64encode(acts) + b"\n" + after.encode()

    assert "hidden-pickle" in rules(tell(text, "x.txt"))
