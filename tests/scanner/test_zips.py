"""The directory of a zip, read every way: torch's own archives are quiet, each lie is told."""

from __future__ import annotations

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
    "prepended-data": build(Entry(), prefix=b"in front"),
    "odd-name": build(Entry(name="../up")),
    "size-mismatch": build(Entry(size=3)),
}


@pytest.mark.parametrize("kind", LIES)
def test_each_lie_is_told(kind: str) -> None:
    assert kind in kinds(LIES[kind])


def test_case_alone_does_not_tell_members_apart() -> None:
    assert "duplicate-member" in kinds(build(Entry(name="Data.pkl"), Entry(name="data.pkl")))


def test_too_many_members_are_a_fatal_problem() -> None:
    directory = read_directory(build(*(Entry(name=str(n)) for n in range(5))), members=3)
    assert [p.kind for p in directory.problems if p.fatal] == ["limit-reached"]


@given(st.binary(max_size=200), st.integers(0, 200))
def test_no_bytes_raise(noise: bytes, cut: int) -> None:
    honest = build(Entry(), Entry(name="b", method=8))
    read_directory(noise)
    read_directory(honest[:cut] + noise + honest[cut:])
    read_directory(honest[:cut] + honest[cut + 1 :])
