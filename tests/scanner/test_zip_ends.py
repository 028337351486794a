"""End records: one that agrees with itself is quiet, and whatever a reader could follow is told."""

from __future__ import annotations

import struct

import pytest

from scanner.zip_ends import end_records, looks_like_zip
from scanner.zips import read_directory
from tests.builders.zips import Entry, build, plain

HONEST = build(Entry())
AT = HONEST.rindex(b"PK\5\6")


def kinds(data: bytes) -> set[str]:
    return {problem.kind for problem in read_directory(data).problems}


def wide(
    *, count: int = 1, told: int = 0xFFFF, away: int = 0, between: bytes = b"", disks: int = 1,
    disk: int = 0,
) -> bytes:  # fmt: skip
    """The same archive with a zip64 end record: `away` is how far its locator is off."""
    size, offset = struct.unpack_from("<2I", HONEST, AT + 12)
    record = struct.pack(
        "<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, disk, 0, count, count, size, offset
    ) + between  # fmt: skip
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, AT + away, disks)
    far = 0xFFFFFFFF
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, told, told, far, far, 0)
    return HONEST[:AT] + record + locator + end


def test_an_archive_has_an_end_record_and_other_data_has_none() -> None:
    assert looks_like_zip(HONEST)
    assert end_records(HONEST + HONEST) == [AT, len(HONEST) + AT]
    assert not looks_like_zip(HONEST[:AT])
    assert end_records(HONEST[:AT]) == []


def test_an_end_record_that_no_reader_looks_for_is_none() -> None:
    assert not looks_like_zip(HONEST + bytes(0x10000))


@pytest.mark.parametrize("data", [HONEST, wide(), wide(told=1)], ids=["narrow", "wide", "both"])
def test_an_end_record_that_agrees_with_itself_is_quiet(data: bytes) -> None:
    directory = read_directory(data)
    assert directory.problems == ()
    assert [member.name for member in directory.members] == ["a.txt"]


LIES = {
    "several-directories": HONEST + build(Entry(name="b.txt")),
    "no-end-record": HONEST[:AT],
    "several-disks": HONEST[: AT + 4] + b"\1\0" + HONEST[AT + 6 :],
    "zip64-mismatch": wide(away=9**9),
    "truncated-comment": build(Entry(), comment=b"made here")[:-1],
    "count-mismatch": HONEST[: AT + 8] + b"\2\0\2\0" + HONEST[AT + 12 :],
}


@pytest.mark.parametrize("data", [wide(disks=2), wide(disk=1)], ids=["disks", "disk"])
def test_a_wide_end_that_speaks_of_several_disks_is_told(data: bytes) -> None:
    assert kinds(data) == {"several-disks"}


@pytest.mark.parametrize("away", [-5, 1, 9**9, -AT])
def test_a_locator_that_leads_elsewhere_is_told(away: int) -> None:
    assert kinds(wide(away=away)) == {"zip64-mismatch"}
    assert kinds(wide(away=away, told=1)) == {"zip64-mismatch"}


@pytest.mark.parametrize("kind", LIES)
def test_each_lie_is_told(kind: str) -> None:
    assert kind in kinds(LIES[kind])


@pytest.mark.parametrize(
    "data",
    [wide(told=2), wide(count=2, told=1), wide(between=b"x"), wide(away=9**9, between=b"x")],
    ids=["told", "count", "between", "away"],
)
def test_two_end_records_that_differ_are_told(data: bytes) -> None:
    assert "zip64-mismatch" in kinds(data)


def test_members_of_both_archives_are_listed_when_there_are_two() -> None:
    data = build(Entry(name="first")) + build(Entry(name="second"))
    assert {member.name for member in read_directory(data).members} == {"first", "second"}


def test_an_archive_stored_in_an_archive_is_one_member() -> None:
    directory = read_directory(plain({"inner.zip": plain({"a": b"x"}), "b": b"y"}))
    assert directory.problems == ()
    assert [member.name for member in directory.members] == ["inner.zip", "b"]


def test_an_end_record_hidden_in_a_comment_is_told() -> None:
    hidden = build(Entry(name="hidden"))
    assert "several-directories" in kinds(build(Entry(), comment=hidden))
