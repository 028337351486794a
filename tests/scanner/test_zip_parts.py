"""Members say what they are, a directory finds the one that loaders take."""

from __future__ import annotations

import pytest

from scanner.zip_parts import Directory, Member, Reading, decoded


def member(name: str = "a", *, mode: int = 0, at: int = 0, listed: bool = True) -> Member:
    return Member(
        name=name, header_offset=at, data_offset=at, compressed_size=0, size=0, method=0, crc=0,
        flags=0, mode=mode, listed=listed,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "mode", "kind"),
    [
        ("a", 0, "file"),
        ("a", 0o100644, "file"),
        ("a/", 0, "directory"),
        ("a", 0o040755, "directory"),
        ("a", 0o120777, "symlink"),
        ("a/", 0o120777, "symlink"),
        ("a", 0o020666, "device"),
        ("a", 0o060666, "device"),
        ("a", 0o010666, "other"),
        ("a", 0o140666, "other"),
    ],
)
def test_a_member_is_what_its_mode_and_name_say(name: str, mode: int, kind: str) -> None:
    assert member(name, mode=mode).kind == kind


def test_the_last_listed_member_of_a_name_is_found() -> None:
    members = (member(at=1), member(at=2), member(at=3, listed=False), member("A", at=4))
    directory = Directory(members=members, problems=())
    found = directory.find("a")
    assert found is not None
    assert found.header_offset == 2
    assert directory.find("b") is None


def test_a_thousand_problems_are_enough() -> None:
    reading = Reading(memoryview(b""), 1)
    for number in range(1_001):
        reading.say("odd-name", str(number))
    assert len(reading.problems) == 1_000


@pytest.mark.parametrize(
    ("raw", "flags", "name"),
    [
        (b"a.pkl", 0, "a.pkl"),
        ("é".encode(), 0x800, "é"),
        (b"\x82", 0, "é"),
        (b"\x82", 0x800, "\\x82"),
    ],
)
def test_names_are_decoded_as_the_flags_say(raw: bytes, flags: int, name: str) -> None:
    assert decoded(raw, flags) == name
