from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureload.signatures.gitobjects import (
    MalformedObjectError,
    object_id,
    parse_commit,
    parse_tag,
    parse_tree,
)
from tests.servers import keys
from tests.servers.repos import PublishedRepo

WHO = b"A <a@example.org> 1 +0000"
PLAIN = b"tree " + b"1" * 40 + b"\nauthor " + WHO + b"\ncommitter " + WHO + b"\n\nmessage\n"


def test_ids_are_those_that_git_gives(tmp_path: Path) -> None:
    repo = PublishedRepo(tmp_path, "org/name")
    for content in (b"", b"x", b"\0\xff" * 999):
        assert object_id("blob", content) == repo.write("blob", content)


def test_the_payload_is_what_was_signed(tmp_path: Path) -> None:
    signed: list[bytes] = []

    def sign(payload: bytes) -> str:
        signed.append(payload)
        return keys.openpgp("alice").sign(payload)

    repo = PublishedRepo(tmp_path, "org/name")
    oid = repo.commit({"a": b"1"}, sign=sign, headers=[("encoding", "x"), ("note", "a\nb\n\nc")])

    commit = parse_commit(repo.read(oid))

    assert commit.payload == signed[0]
    assert commit.signature == repo.signature_of(oid).encode()


def test_a_commit_by_git_itself_is_read(tmp_path: Path) -> None:
    key = keys.ssh("carol")
    repo = PublishedRepo(tmp_path, "org/name")
    settings = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={key.path}"]
    settings += ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    oid = repo.git(*settings, "commit-tree", "-S", "-m", "by git", repo.tree({"a": b"1"}))
    raw = repo.read(oid)

    commit = parse_commit(raw)

    assert commit.signature is not None
    assert commit.tree == repo.git("rev-parse", f"{oid}^{{tree}}")
    folder = tmp_path / "check"
    folder.mkdir()
    (folder / "signature").write_bytes(commit.signature)
    check = ["ssh-keygen", "-Y", "check-novalidate", "-n", "git", "-s", str(folder / "signature")]
    assert subprocess.run(check, input=commit.payload, check=False).returncode == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"tree ", b"tred "),
        (b"tree ", b"parent "),
        (b"\nauthor", b"\r\nauthor"),
        (b"\nauthor", b"\ntree " + b"2" * 40 + b"\nauthor"),
        (b"\n\nmessage", b"\ntree " + b"2" * 40 + b"\n\nmessage"),
        (b"\n\nmessage", b"\nparent " + b"2" * 40 + b"\n\nmessage"),
        (b"\n\nmessage", b"\ngpgsig a\ngpgsig b\n\nmessage"),
        (b"\n\nmessage", b"\ngpgsig-md5 a\n\nmessage"),
        (b"\n\nmessage", b"\nGPGSIG a\n\nmessage"),
        (b"\n\nmessage", b"\nno\0te a\n\nmessage"),
        (b"1" * 40, b"1" * 40 + b"\n 2"),
        (b"1" * 40, b"1" * 39),
        (b"1" * 40, b"1" * 39 + b"G"),
        (PLAIN, b""),
        (PLAIN, b"\n\n"),
    ],
)
def test_a_commit_that_git_would_not_write_is_refused(old: bytes, new: bytes) -> None:
    assert parse_commit(PLAIN).signature is None
    assert PLAIN.count(old) == 1

    with pytest.raises(MalformedObjectError):
        parse_commit(PLAIN.replace(old, new))


def test_each_format_has_its_own_signature_header() -> None:
    both = PLAIN.replace(b"\n\n", b"\ngpgsig one\n more\ngpgsig-sha256 two\n\n")

    assert parse_commit(both).signature == b"one\nmore\n"
    assert parse_commit(both, "sha256").signature == b"two\n"
    assert parse_commit(both).payload == parse_commit(both, "sha256").payload == PLAIN


@pytest.mark.parametrize("kind", ["openpgp", "ssh"])
def test_a_tags_payload_ends_where_its_signature_begins(tmp_path: Path, kind: str) -> None:
    repo = PublishedRepo(tmp_path, "org/name")
    commit = repo.commit({"a": b"1"})
    key = keys.openpgp("alice") if kind == "openpgp" else keys.ssh("carol")
    raw = repo.read(repo.tag("v1", commit, sign=key, message="words"))

    tag = parse_tag(raw)

    assert (tag.name, tag.kind, tag.target) == ("v1", "commit", commit)
    assert tag.payload.endswith(b"words\n")
    assert tag.payload + (tag.signature or b"") == raw


def test_trees_are_read_as_git_reads_them(tmp_path: Path) -> None:
    repo = PublishedRepo(tmp_path, "org/name")
    files = {"b": b"1", "a.txt": b"2", "a/x": b"3", "é": b"4", "z z": b"5"}
    oid = repo.tree(files)

    entries, problems = parse_tree(repo.read(oid))

    assert problems == []
    listed = [row.split(maxsplit=3) for row in repo.git("ls-tree", "-z", oid).split("\0") if row]
    assert [(entry.oid, entry.name, entry.is_tree) for entry in entries] == [
        (oid, name, kind == "tree") for _, kind, oid, name in listed
    ]


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_malformed(content: bytes) -> None:
    for parse in (parse_commit, parse_tag, parse_tree):
        with contextlib.suppress(MalformedObjectError):
            parse(content)
