"""7z archives are unpacked in memory; what cannot be is never clean."""

from __future__ import annotations

import io
import random
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import py7zr
import pytest

from scanner import FileResult, scan_bytes
from scanner.engine import Options
from scanner.limits import LIMITS
from tests.builders import zips
from tests.builders.archives import tar
from tests.scanner.told import CLEAN, ERROR, MALICIOUS, SHELL, SUSPICIOUS, assert_clean, rules, tell

TEXT = b"some plain text, and more of it\n" * 50
FILTERS: dict[str, Any] = {
    "lzma2": None,
    "lzma": [{"id": py7zr.FILTER_LZMA}],
    "bzip2": [{"id": py7zr.FILTER_BZIP2}],
    "deflate": [{"id": py7zr.FILTER_DEFLATE}],
    "copy": [{"id": py7zr.FILTER_COPY}],
    "zstd": [{"id": py7zr.FILTER_ZSTD}],
    "deflate64": [{"id": py7zr.properties.FILTER_DEFLATE64}],
    "brotli": [{"id": py7zr.FILTER_BROTLI, "level": 5}],
    "branch and lzma": [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA}],
    "branch and bzip2": [{"id": py7zr.FILTER_ARM}, {"id": py7zr.FILTER_BZIP2}],
    "branch": [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA2, "preset": 1}],
    "delta": [{"id": py7zr.FILTER_DELTA}, {"id": py7zr.FILTER_LZMA2, "preset": 1}],
}


def packed(members: dict[str, bytes], filters: Any = None, password: str | None = None) -> bytes:
    held = io.BytesIO()
    with py7zr.SevenZipFile(held, "w", filters=filters, password=password) as archive:
        for name, data in members.items():
            archive.writestr(data, name)
    return held.getvalue()


@pytest.mark.parametrize("method", FILTERS)
def test_plain_members_are_clean(method: str) -> None:
    data = packed({"a.txt": TEXT, "b/c.txt": b"x", "empty": b""}, FILTERS[method])

    assert_clean(data, "7z", "model.7z")


@pytest.mark.parametrize("method", FILTERS)
def test_a_payload_in_any_member_is_found(method: str) -> None:
    result = tell(packed({"a.txt": TEXT, "w/model.bin": SHELL}, FILTERS[method]))

    assert result.verdict is MALICIOUS
    assert result.findings[0].where.member == "w/model.bin"


@pytest.mark.parametrize("method", ["copy", "lzma2"])
@pytest.mark.parametrize("inner", [zips.plain({"x": SHELL}), tar({"x": SHELL})], ids=["zip", "tar"])
def test_archives_inside_are_read(method: str, inner: bytes) -> None:
    assert tell(packed({"x": inner}, FILTERS[method])).verdict is MALICIOUS


def test_a_stored_archive_inside_is_no_polyglot() -> None:
    inner = zips.plain({"a.txt": TEXT})

    assert_clean(packed({"a.zip": inner}, FILTERS["copy"]), "7z")


def test_what_is_encrypted_is_an_error() -> None:
    assert tell(packed({"a": SHELL}, password="secret")).verdict is ERROR


@pytest.mark.parametrize("end", [10, 31, 40, -1, -40])
def test_a_cut_archive_is_an_error(end: int) -> None:
    assert tell(packed({"a.txt": TEXT, "b": SHELL})[:end]).verdict in (ERROR, MALICIOUS)


def test_a_damaged_member_is_an_error_and_what_came_before_is_read() -> None:
    data = bytearray(packed({"a": SHELL, "b.txt": TEXT}, FILTERS["copy"]))
    data[60] ^= 1
    result = tell(bytes(data))

    assert result.verdict is MALICIOUS
    assert "archive-ambiguity" in rules(result) or "malformed-file" in rules(result)


def test_bytes_behind_the_archive_are_told() -> None:
    result = tell(packed({"a.txt": TEXT}) + SHELL)

    assert (result.verdict, rules(result)) == (SUSPICIOUS, {"appended-data"})


def test_a_bomb_ends_at_the_limit() -> None:
    bomb = packed({"a": bytes(4 << 20)})
    many = packed({f"{n}.7z": bomb for n in range(5)})
    few = Options(limits=replace(LIMITS, expanded_free=8 << 20))

    assert scan_bytes(many, options=few).verdict is ERROR


def test_a_header_that_claims_much_is_an_error() -> None:
    start = (0).to_bytes(8, "little") + (1 << 40).to_bytes(8, "little") + bytes(4)
    head = b"7z\xbc\xaf\x27\x1c\0\4" + zlib.crc32(start).to_bytes(4, "little") + start

    assert tell(head + bytes(100)).verdict is ERROR


@pytest.mark.parametrize("method", FILTERS)
def test_long_members_come_out_whole(method: str) -> None:
    """Wrong bytes would have a wrong checksum, and a stage that keeps some back too few."""
    noise = random.Random(7).randbytes(700_001)
    members = {"a.txt": TEXT * 400, "a.npy": npy(noise), "b.txt": b"x" * 3_000_000}

    assert_clean(packed(members, FILTERS[method]), "7z", "model.7z")


def npy(data: bytes) -> bytes:
    held = io.BytesIO()
    np.save(held, np.frombuffer(data, dtype="u1"))
    return held.getvalue()


@pytest.mark.parametrize("method", ["brotli", "deflate64"])
def test_damage_is_an_error_whatever_the_method(method: str) -> None:
    data = packed({"a.bin": npy(random.Random(7).randbytes(9_000))}, FILTERS[method])
    for at in range(40, 240, 40):
        assert tell(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]).verdict is not CLEAN


def test_what_no_library_unpacks_is_named() -> None:
    """PPMd as py7zr writes it, and BCJ2, which it does not write."""
    ppmd = packed({"a.txt": TEXT}, [{"id": py7zr.FILTER_PPMD, "order": 6, "mem": 24}])
    bcj2 = unpacked_by(b"\x03\x03\x01\x1b", packed({"a.txt": TEXT}, FILTERS["copy"]))
    for result in (tell(ppmd), bcj2):
        assert result.verdict is ERROR
        assert {one.evidence.get("kind") for one in result.findings} == {"unsupported-compression"}


def unpacked_by(method: bytes, data: bytes) -> FileResult:
    """Read an archive whose coders all claim this method."""
    from scanner.formats import sevenzip

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sevenzip, "_coders", lambda folder: [(method, b"")])
        return tell(data)
