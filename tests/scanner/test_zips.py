"""The directory of a zip, read every way: torch's own archives are quiet, each lie is told."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.zips import read_directory
from tests.builders.zips import Entry, build, plain

FIXTURES = Path(__file__).parent.parent / "fixtures"
TORCH = sorted(path for path in FIXTURES.rglob("*.bin") if path.read_bytes()[:2] == b"PK")


def kinds(data: bytes) -> set[str]:
    return {problem.kind for problem in read_directory(data).problems}


@pytest.mark.parametrize("path", TORCH, ids=lambda path: "/".join(path.parts[-3:]))
def test_torchs_archives_are_quiet_and_agree_with_zipfile(path: Path) -> None:
    with path.open("rb") as file:
        directory = read_directory(file)
    assert directory.problems == ()
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert {m.name for m in directory.members} == set(archive.namelist())
        for member in directory.members:
            if member.size and not member.method:
                there = data[member.data_offset : member.data_offset + member.size]
                assert there == archive.read(member.name)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8})?", fullmatch=True),
                       st.binary(max_size=64), max_size=5))  # fmt: skip
def test_what_zipfile_writes_is_quiet(members: dict[str, bytes]) -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        directory = read_directory(plain(members, method=method))
        assert directory.problems == ()
        assert [m.name for m in directory.members] == list(members)


def test_the_builder_tells_the_truth_unless_asked() -> None:
    data = build(Entry(), Entry(name="b.txt", method=8, data=b"x" * 99), comment=b"made here")
    directory = read_directory(data)
    assert directory.problems == ()
    assert directory.comment == b"made here"


LIES = {
    "name-mismatch": build(Entry(local_name="b.txt")),
    "flags-mismatch": build(Entry(local_flags=0x2)),
    "method-mismatch": build(Entry(local_method=8)),
    "encrypted-member": build(Entry(flags=1)),
    "crc-mismatch": build(Entry(local_crc=7)),
    "duplicate-member": build(Entry(), Entry(data=b"other")),
    "unlisted-member": build(Entry(), Entry(name="hidden", listed=False)),
    "prepended-data": build(Entry(), prefix=b"in front"),
    "trailing-data": build(Entry(), suffix=b"behind"),
    "odd-name": build(Entry(name="../up")),
    "several-directories": build(Entry()) + build(Entry(name="b.txt")),
    "no-end-record": build(Entry())[:-22],
    "size-mismatch": build(Entry(size=3)),
}


@pytest.mark.parametrize("kind", LIES)
def test_each_lie_is_told(kind: str) -> None:
    assert kind in kinds(LIES[kind])


def test_case_alone_does_not_tell_members_apart() -> None:
    assert "duplicate-member" in kinds(build(Entry(name="Data.pkl"), Entry(name="data.pkl")))


def test_members_of_both_archives_are_listed_when_there_are_two() -> None:
    data = build(Entry(name="first")) + build(Entry(name="second"))
    assert {member.name for member in read_directory(data).members} == {"first", "second"}


def test_members_that_share_bytes_overlap() -> None:
    honest = build(Entry(name="a"), Entry(name="b"))
    at = honest.index(b"PK\1\2", honest.index(b"PK\1\2") + 4)
    lying = honest[: at + 42] + struct.pack("<I", 0) + honest[at + 46 :]
    assert {"name-mismatch", "unlisted-member"} <= kinds(lying)


def test_too_many_members_are_a_fatal_problem() -> None:
    directory = read_directory(build(*(Entry(name=str(n)) for n in range(5))), members=3)
    assert [p.kind for p in directory.problems if p.fatal] == ["limit-reached"]


@given(st.binary(max_size=200), st.integers(0, 200))
def test_no_bytes_raise(noise: bytes, cut: int) -> None:
    honest = build(Entry(), Entry(name="b", method=8))
    read_directory(noise)
    read_directory(honest[:cut] + noise + honest[cut:])
    read_directory(honest[:cut] + honest[cut + 1 :])


def test_an_archive_stored_in_an_archive_is_one_member() -> None:
    directory = read_directory(plain({"inner.zip": plain({"a": b"x"}), "b": b"y"}))
    assert directory.problems == ()
    assert [member.name for member in directory.members] == ["inner.zip", "b"]


def test_an_end_record_hidden_in_a_comment_is_told() -> None:
    hidden = build(Entry(name="hidden"))
    assert "several-directories" in kinds(build(Entry(), comment=hidden))
