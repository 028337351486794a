"""A walk meets every file once and opens plain files only."""

from __future__ import annotations

import os
from pathlib import Path

from scanner import FileVerdict, Status, scan, scan_file
from scanner.walk import Beside
from tests.scanner.told import SHELL, rules


def test_order_and_paths(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a/b/c.txt", "A.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("hello")
    assert [f.path for f in scan([tmp_path])] == ["A.txt", "a/b/c.txt", "a/z.txt", "b.txt"]
    assert [f.path for f in scan([tmp_path / "b.txt", tmp_path / "b.txt"])] == ["b.txt"]


def test_globs(tmp_path: Path) -> None:
    for name in ("a.txt", "b.md", "c/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [f.path for f in scan([tmp_path], include=["*.txt"])] == ["a.txt", "c/d.txt"]
    assert [f.path for f in scan([tmp_path], exclude=["c/*", "b.md"])] == ["a.txt"]


def test_links_pipes_and_directories_are_told_and_not_opened(tmp_path: Path) -> None:
    outside = tmp_path / "secret.pkl"
    outside.write_bytes(SHELL)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link.pkl").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    found = {file.path: file for file in scan([folder])}
    assert set(found) == {"link.pkl", "loop", "pipe"}
    for file in found.values():
        assert rules(file) == {"special-file"}
        assert file.verdict is FileVerdict.SUSPICIOUS
        assert file.sha256 is None


def test_a_link_given_as_the_argument_is_followed(tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(SHELL)
    (tmp_path / "link").symlink_to(tmp_path / "x.pkl")
    assert scan_file(tmp_path / "link").verdict is FileVerdict.MALICIOUS


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    (file,) = scan([tmp_path / "missing"])
    assert (file.status, file.verdict) == (Status.FAILED, FileVerdict.ERROR)
    assert rules(file) == {"unreadable-file"}


def test_two_arguments_with_files_of_one_name_are_both_told(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.txt").write_text(folder)
    found = [file.path for file in scan([tmp_path / "a", tmp_path / "b"])]
    assert found == sorted(["x.txt", str(tmp_path / "b" / "x.txt")])


def test_plain_files_beside_one_are_read_and_nothing_else_is(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "plain")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    beside = Beside(str(tmp_path))
    assert beside.names() == ["folder", "link", "pipe", "plain"]
    assert beside.read("plain", 5) == b"12345"
    assert beside.read("plain", 4) is None
    assert [beside.read(name, 5) for name in ("folder", "link", "pipe", "none")] == [None] * 4


def test_a_folder_that_is_gone_has_no_files(tmp_path: Path) -> None:
    beside = Beside(str(tmp_path / "gone"))
    assert beside.names() == []
    assert beside.read("x", 5) is None
