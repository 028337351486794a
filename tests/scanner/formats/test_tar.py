"""tar: members are looked into, links are told, old torch files are programs."""

from __future__ import annotations

import pickle

import pytest

from tests.builders import zips
from tests.builders.archives import tar
from tests.scanner.told import ERROR, MALICIOUS, SHELL, assert_clean, rules, tell


def test_plain_members_are_clean() -> None:
    assert_clean(tar({"a.txt": b"hello", "b/c.txt": b"x"}), "tar")


def test_a_zip_that_is_a_member_is_no_polyglot() -> None:
    stored = zips.plain({"a.txt": b"hello"})

    assert_clean(tar({"a.txt": b"hello", "b.zip": stored}), "tar")
    assert "polyglot" in rules(tell(tar({"a.txt": b"hello"}) + stored))
    assert "polyglot" in rules(tell(tar({"a.txt": b"hello"})[:-512] + stored))


def test_a_payload_inside_is_found() -> None:
    assert tell(tar({"weights/x.ckpt": SHELL})).verdict is MALICIOUS


@pytest.mark.parametrize("place", ["storages", "tensors", "pickle"])
def test_each_program_of_an_old_torch_file_is_read(place: str) -> None:
    members = {name: pickle.dumps(0, 2) for name in ("storages", "tensors", "pickle")}
    members[place] = SHELL
    result = tell(tar(members))
    assert result.format == "torch-tar"
    assert result.verdict is MALICIOUS


def test_links_and_climbing_names_are_told() -> None:
    assert "link-in-archive" in rules(tell(tar({}, {"l": "/etc/passwd"})))
    assert "odd-name" in rules(tell(tar({"../x": b"x"})))


def test_a_cut_archive_is_an_error() -> None:
    assert tell(tar({"a": b"x" * 5000})[:2000]).verdict is ERROR
