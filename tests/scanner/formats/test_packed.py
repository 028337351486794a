"""Compressed streams: what lies inside is read as the file itself."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
import zlib
from collections.abc import Callable

import pytest

from tests.scanner.told import CLEAN, ERROR, MALICIOUS, SHELL, rules, tell

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zlib": zlib.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
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
