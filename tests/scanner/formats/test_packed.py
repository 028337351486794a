"""Compressed streams: what lies inside is read as the file itself."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
import random
import zlib
from collections.abc import Callable
from dataclasses import replace

import lz4.frame
import pytest
import zstandard

from scanner import scan_bytes
from scanner.engine import Options
from scanner.limits import LIMITS
from tests.scanner.told import CLEAN, ERROR, MALICIOUS, SHELL, rules, tell

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zlib": zlib.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zstd": zstandard.compress,
    "lz4": lz4.frame.compress,
}


@pytest.mark.parametrize("name", PACKERS)
def test_a_payload_inside_is_found_and_data_is_clean(name: str) -> None:
    assert tell(PACKERS[name](SHELL)).verdict is MALICIOUS
    harmless = tell(PACKERS[name](pickle.dumps({"a": 1})))
    assert (harmless.format, harmless.verdict) == (name, CLEAN)


@pytest.mark.parametrize("name", PACKERS)
def test_a_cut_stream_is_an_error(name: str) -> None:
    assert tell(PACKERS[name](pickle.dumps(list(range(1000))))[:-20]).verdict is ERROR


def test_a_second_gzip_member_is_read() -> None:
    half = len(SHELL) // 2
    assert tell(gzip.compress(SHELL[:half]) + gzip.compress(SHELL[half:])).verdict is MALICIOUS


@pytest.mark.parametrize("head", [b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"])
def test_what_cannot_be_unpacked_is_an_error(head: bytes) -> None:
    assert tell(head + b"\0" * 40).verdict is ERROR


def test_joblibs_first_format_is_read() -> None:
    packed = zlib.compress(SHELL)
    assert tell(b"ZF0x" + b"%-19s" % hex(len(SHELL))[2:].encode() + packed).verdict is MALICIOUS


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, gzip.compress, zlib.compress])
def test_every_stream_in_a_row_is_read(pack: Callable[[bytes], bytes]) -> None:
    assert tell(pack(SHELL[:5]) + pack(SHELL[5:])).verdict is MALICIOUS


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_what_came_before_the_damage_is_read(pack: Callable[[bytes], bytes]) -> None:
    data = pack(SHELL + bytes(500_000))

    assert tell(data[:-4]).verdict is MALICIOUS
    assert tell(data[:-4] + b"abcd").verdict is MALICIOUS


def test_bytes_after_the_last_stream_are_told() -> None:
    result = tell(bz2.compress(b"plain text\n") + b"no stream")

    assert rules(result) == {"appended-data"}


@pytest.mark.parametrize("kind", ["zstd", "lz4"])
def test_a_payload_before_the_cut_is_found(kind: str) -> None:
    noise = random.Random(0).randbytes(400_000)
    data = PACKERS[kind](SHELL + noise)[:-50_000]

    assert tell(data, "model.bin").verdict is MALICIOUS


def test_a_frame_that_readers_step_over_hides_nothing() -> None:
    skipped = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
    assert tell(skipped + zstandard.compress(SHELL)).verdict is MALICIOUS
    assert tell(zstandard.compress(b"text") + skipped + SHELL).verdict is MALICIOUS


def test_zstd_blocks_that_stand_for_much_end_at_the_limit() -> None:
    block = (1 << 1 | 131_072 << 3).to_bytes(3, "little") + b"a"
    last = (1 | 1 << 1 | 10 << 3).to_bytes(3, "little") + b"a"
    bomb = bytes.fromhex("28b52ffd0058") + block * 1_000 + last
    few = Options(limits=replace(LIMITS, expanded_free=8 << 20))

    assert scan_bytes(bomb, options=few).verdict is ERROR
