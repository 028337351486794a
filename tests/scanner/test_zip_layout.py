"""Members side by side are quiet; what overlaps, lies between or lies around them is told."""

from __future__ import annotations

import struct
import zlib

import pytest

from scanner.zips import read_directory
from tests.builders.zips import Entry, build


def kinds(data: bytes) -> set[str]:
    return {problem.kind for problem in read_directory(data).problems}


def between(*parts: bytes, flags: int = 0) -> bytes:
    """An archive of one member with these bytes before its directory."""
    honest, more = build(Entry(flags=flags)), b"".join(parts)
    directory, end = honest.index(b"PK\1\2"), honest.rindex(b"PK\5\6")
    offset = struct.pack("<I", directory + len(more))
    return honest[:directory] + more + honest[directory : end + 16] + offset + honest[end + 20 :]


def descriptor(form: str, *, crc: int = zlib.crc32(b"hello")) -> bytes:
    return struct.pack(form, crc, 5, 5)


@pytest.mark.parametrize("signature", [b"", b"PK\7\x08"], ids=["bare", "signed"])
@pytest.mark.parametrize("form", ["<3I", "<I2Q"], ids=["narrow", "wide"])
def test_a_descriptor_belongs_to_its_member(form: str, signature: bytes) -> None:
    assert kinds(between(signature, descriptor(form), flags=8)) == set()
    assert kinds(between(signature, descriptor(form), flags=0)) == {"unclaimed-bytes"}
    assert kinds(between(signature, descriptor(form, crc=7), flags=8)) == {"crc-mismatch"}


def test_bytes_between_members_are_told_with_their_place() -> None:
    data = between(b"hidden")
    told = [(one.kind, one.offset) for one in read_directory(data).problems]
    assert told == [("unclaimed-bytes", data.index(b"hidden"))]


def test_bytes_around_the_archive_are_told() -> None:
    assert "prepended-data" in kinds(build(Entry(), prefix=b"in front"))
    assert kinds(build(Entry(), suffix=b"behind")) == {"trailing-data"}
    empty = build()
    assert kinds(empty) == set()
    assert kinds(b"in front" + empty[:16] + b"\x08" + empty[17:]) == {"prepended-data"}


def test_a_member_that_the_directory_leaves_out_is_listed_and_told() -> None:
    directory = read_directory(build(Entry(), Entry(name="hidden", listed=False)))
    assert [(one.kind, one.member) for one in directory.problems if one.member] == [
        ("unlisted-member", "hidden")
    ]
    assert [(one.name, one.listed) for one in directory.members] == [
        ("a.txt", True), ("hidden", False),
    ]  # fmt: skip


def test_members_that_share_bytes_overlap() -> None:
    honest = build(Entry(name="a"), Entry(name="b"))
    at = honest.index(b"PK\1\2", honest.index(b"PK\1\2") + 4)
    lying = honest[: at + 42] + struct.pack("<I", 0) + honest[at + 46 :]
    assert {"name-mismatch", "unlisted-member"} <= kinds(lying)
