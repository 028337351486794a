"""What is written is measured as git and SHA-256 measure it, and every difference is said."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from secureload.flow import FileClaim, StoredFile
from secureload.measured import Measured, Writer, difference, git_disagrees

DATA = b"some bytes\n"
SHA1, SHA256 = "c" * 40, "c" * 64


def written(root: Path, commit: str = SHA1) -> Measured:
    writer = Writer(root, FileClaim(path="a/b", size=len(DATA)), commit, lambda _: None)
    writer.write(DATA[:4])
    writer.write(DATA[4:])
    writer.close()
    return writer.measured()


def test_a_blob_id_is_that_of_git(tmp_path: Path) -> None:
    measured = written(tmp_path)
    git = ["git", "hash-object", "--no-filters", "--stdin"]
    said = subprocess.run(git, input=DATA, capture_output=True, check=True).stdout.decode()
    assert measured.blob == measured.stored.git_oid == said.strip()
    assert measured.stored.sha256 == hashlib.sha256(DATA).hexdigest()
    assert (tmp_path / "a/b").read_bytes() == DATA


def test_a_repository_of_sha_256_names_blobs_by_it(tmp_path: Path) -> None:
    header = f"blob {len(DATA)}\0".encode()
    assert written(tmp_path, SHA256).blob == hashlib.sha256(header + DATA).hexdigest()


def test_what_is_forgotten_is_in_no_digest(tmp_path: Path) -> None:
    told: list[int] = []
    writer = Writer(tmp_path, FileClaim(path="x", size=len(DATA)), SHA1, told.append)
    writer.write(b"something else, and longer")
    writer.rewind()
    writer.write(DATA)
    writer.close()
    assert writer.measured().stored.sha256 == hashlib.sha256(DATA).hexdigest()
    assert (tmp_path / "x").read_bytes() == DATA
    assert sum(told) == len(DATA)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(FileExistsError):
        written(tmp_path)


def test_bytes_that_agree_have_no_difference(tmp_path: Path) -> None:
    measured = written(tmp_path)
    claim = FileClaim(
        path="a/b", size=len(DATA), sha256=measured.stored.sha256, git_oid=measured.blob
    )
    assert difference(claim, measured, None) == ""
    assert difference(claim, measured, {"a/b": measured.blob}) == ""
    assert difference(claim, measured, {"a/b": measured.pointer}) == ""
    by_pointer = dataclasses.replace(claim, git_oid=measured.pointer)
    assert difference(by_pointer, measured, None) == ""


@pytest.mark.parametrize(
    ("claim", "blobs"),
    [
        ({}, {"a/b": "0" * 40}),
        ({}, {}),
        ({"sha256": "0" * 64}, None),
        ({"git_oid": "0" * 40}, None),
        ({"size": 3}, None),
    ],
    ids=["tree", "absent", "sha256", "blob", "size"],
)
def test_each_difference_is_said(
    tmp_path: Path, claim: dict[str, Any], blobs: dict[str, str] | None
) -> None:
    named = FileClaim(**({"path": "a/b", "size": len(DATA)} | claim))
    assert difference(named, written(tmp_path), blobs)


def test_git_itself_must_agree_on_a_blob_id(tmp_path: Path) -> None:
    right = {name: hashlib.sha1(b"blob 2\0" + data).hexdigest() for name, data in
             {"a": b"{}", '"b" c': b"[]"}.items()}  # fmt: skip
    (tmp_path / "a").write_bytes(b"{}")
    (tmp_path / '"b" c').write_bytes(b"[]")
    files = [StoredFile(path=path, size=2, sha256="", git_oid=oid) for path, oid in right.items()]
    assert git_disagrees(tmp_path, files) == {}
    wrong = [dataclasses.replace(file, git_oid="0" * 40) for file in files]
    assert set(git_disagrees(tmp_path, wrong)) == set(right)
    (tmp_path / "a").unlink()
    assert "will not hash" in git_disagrees(tmp_path, files)["a"]
