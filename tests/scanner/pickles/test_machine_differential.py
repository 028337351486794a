"""No stream that CPython loads yields fewer globals, calls or changes in our machine."""

from __future__ import annotations

import collections
import datetime
import decimal
import pickle
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scanner.pickles.machine import interpret
from scanner.pickles.opcodes import CODES
from tests.builders import pickles as p
from tests.scanner.pickles.recorder import missed

SLOW = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


NAMES = ["os", "system", "a", "b.c", "é", "x"]
texts = st.sampled_from(NAMES)
pieces = st.one_of(
    st.sampled_from(
        [
            p.MARK, p.POP, p.POP_MARK, p.DUP, p.NONE, p.TRUE, p.FALSE, p.REDUCE, p.BUILD, p.OBJ,
            p.NEWOBJ, p.NEWOBJ_EX, p.APPEND, p.APPENDS, p.SETITEM, p.SETITEMS, p.ADDITEMS,
            p.EMPTY_LIST, p.EMPTY_DICT, p.EMPTY_TUPLE, p.EMPTY_SET, p.LIST, p.DICT, p.TUPLE,
            p.FROZENSET, p.TUPLE1, p.TUPLE2, p.TUPLE3, p.STACK_GLOBAL, p.MEMOIZE, p.BINPERSID,
        ]
    ),
    st.builds(p.glob, texts, texts),
    st.builds(p.inst, st.sampled_from(["os", "m"]), st.sampled_from(["f", "g"])),
    st.builds(p.stack_global, texts, texts),
    st.builds(p.text, texts),
    st.builds(p.short_binstring, st.sampled_from([b"os", b"system", b"\xc3\xa9", b"\xff"])),
    st.builds(p.integer, st.integers(-3, 2**70)),
    st.builds(p.put, st.integers(0, 3)),
    st.builds(p.get, st.integers(0, 3)),
    st.builds(p.long_put, st.integers(0, 300)),
    st.builds(p.long_get, st.integers(0, 300)),
    st.builds(p.proto, st.integers(0, 6)),
    st.builds(p.binbytes, st.binary(max_size=4)),
    st.builds(p.bytearray8, st.binary(max_size=4)),
    st.builds(
        p.line,
        st.sampled_from(["INT", "LONG"]),
        st.sampled_from(["0x10", "0o7", "1_0", " 5", "5\0junk", "010", "01", "00", "-3", "+0", ""]),
    ),
    st.builds(
        p.line, st.sampled_from(["GET", "PUT"]), st.sampled_from(["0", "1", " 1", "1_0", "0\0x"])
    ),
    st.builds(
        p.line,
        st.just("STRING"),
        st.sampled_from(["'os'", '"system"', "'\\x6fs'", "'\\157s'", "'é'", "'o\\\\s'", "'os\""]),
    ),
    st.builds(p.line, st.just("UNICODE"), st.sampled_from(["os", "\\u006fs", "syst\\u0065m"])),
    st.builds(p.line, st.just("FLOAT"), st.sampled_from(["1.5", "inf", " 1", "1_0"])),
    st.builds(p.line, st.just("PERSID"), st.sampled_from(["1", "x y"])),
)  # fmt: skip

good = st.one_of(
    st.builds(lambda m, n: p.glob(m, n) + p.EMPTY_TUPLE + p.REDUCE, texts, texts),
    st.builds(lambda m, n: p.stack_global(m, n) + p.EMPTY_TUPLE + p.NEWOBJ, texts, texts),
    st.builds(lambda m: p.glob(m, "C") + p.EMPTY_TUPLE + p.NEWOBJ + p.NONE + p.BUILD, texts),
    st.builds(lambda m: p.MARK + p.NONE + p.inst(m, "K"), st.sampled_from(["os", "m"])),
    st.builds(lambda m: p.MARK + p.glob(m, "O") + p.NONE + p.OBJ, texts),
    st.builds(lambda m: p.glob(m, "L") + p.EMPTY_TUPLE + p.REDUCE + p.NONE + p.APPEND, texts),
    st.builds(
        lambda m: p.glob(m, "X") + p.EMPTY_TUPLE + p.EMPTY_DICT + p.NEWOBJ_EX + p.EMPTY_TUPLE
        + p.REDUCE,
        texts,
    ),
    st.builds(p.glob, texts, texts),
    st.sampled_from([p.DUP, p.POP, p.MEMOIZE, p.MARK + p.TRUE + p.POP_MARK, p.REDUCE, p.BUILD]),
)  # fmt: skip


@settings(SLOW, max_examples=1500)
@given(st.lists(st.one_of(good, pieces), max_size=25))
def test_random_programs(parts: list[bytes]) -> None:
    data = b"".join(parts) + p.STOP
    assert missed(data) == set()


@SLOW
@given(
    st.lists(st.one_of(good, pieces), min_size=1, max_size=12),
    st.lists(st.one_of(good, pieces), max_size=8),
    st.integers(0, 60),
)
def test_frames_that_lie(inside: list[bytes], after: list[bytes], length: int) -> None:
    data = p.proto(4) + p.frame(*inside, length=length) + b"".join(after) + p.STOP
    assert missed(data) == set()


class Thing:
    def __init__(self) -> None:
        self.x = 1


REAL = [
    pickle.dumps(value, protocol)
    for protocol in range(6)
    for value in (
        [1, "two", 3.0, None, True, (4, 5), {6: [7]}, {8}, frozenset([9]), 2**80, b"ten", -1],
        collections.OrderedDict(a=1, b=collections.Counter("aab")),
        [Thing(), Thing(), datetime.date(2020, 1, 1), decimal.Decimal("1.5")],
        np.arange(6).reshape(2, 3),
        [np.float32(1), np.array(["a", None], dtype=object), bytearray(b"x" * 300)],
        [collections.defaultdict(list, a=[1]), range(3), slice(1, 2), 1j, "é" * 300],
    )
]


@pytest.mark.parametrize("seed", range(40))
def test_mutated_real_pickles(seed: int) -> None:
    chance = random.Random(seed)
    codes = sorted(CODES.values())
    for _ in range(60):
        data = bytearray(chance.choice(REAL))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            match chance.randrange(5):
                case 0:
                    data[at] ^= 1 << chance.randrange(8)
                case 1:
                    data[at] = chance.choice(codes)
                case 2:
                    del data[at : at + chance.randint(1, 8)]
                case 3:
                    data[at:at] = bytes(chance.choice(codes) for _ in range(chance.randint(1, 4)))
                case 4:
                    other = chance.choice(REAL)
                    cut = chance.randrange(len(other))
                    data[at:at] = other[cut : cut + chance.randint(1, 40)]
            if not data:
                data = bytearray(b".")
        stream = bytes(data)
        assert missed(stream) == set(), stream


@pytest.mark.parametrize("data", REAL[:36:3])
def test_real_pickles_are_read_without_a_problem(data: bytes) -> None:
    assert interpret(data).complete
    assert missed(data) == set()
