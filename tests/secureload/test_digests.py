"""Digests are those that hashlib and git compute, whatever the size."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secureload import digests


@settings(deadline=None, max_examples=25)
@given(data=st.binary(max_size=5000), step=st.sampled_from([4096, 8192, digests.STEP]))
def test_all_digests_agree_with_hashlib(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, step: int
) -> None:
    path = tmp_path_factory.mktemp("d") / "file"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digests, "STEP", step)
        found = digests.digest_file(path)
        with digests.open_regular(path) as descriptor:
            assert digests.sha256_descriptor(descriptor) == found.sha256
            assert digests.blake3_descriptor(descriptor) == found.blake3
    assert found.size == len(data)
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert found.git_oid == hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def test_a_large_file_agrees_with_hashlib_and_git(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(1 << 20) * 20 + b"tail")
    found = digests.digest_file(path)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    shown = subprocess.run(
        ["git", "hash-object", "--no-filters", str(path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.git_oid == shown.stdout.strip()
    with digests.open_regular(path) as descriptor:
        assert digests.blake3_descriptor(descriptor) == found.blake3


def test_without_proc_the_digest_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(3_000_000))
    expected = digests.digest_file(path).blake3
    with digests.open_regular(path) as descriptor:
        assert digests.blake3_descriptor(descriptor) == expected
        monkeypatch.setattr(Path, "exists", lambda _: False)
        assert digests.blake3_descriptor(descriptor) == expected


def test_one_flipped_bit_changes_every_digest(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(bytes(100_000))
    two.write_bytes(bytes(99_999) + b"\x01")
    a, b = digests.digest_file(one), digests.digest_file(two)
    assert a.sha256 != b.sha256
    assert a.git_oid != b.git_oid
    assert a.blake3 != b.blake3


def test_links_folders_and_pipes_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", ".", "pipe", "absent"):
        with pytest.raises(OSError):  # noqa: PT011  any: the kernel's words differ
            digests.digest_file(tmp_path / name)


def test_results_come_in_order() -> None:
    assert digests.in_threads(lambda x: x * x, list(range(50))) == [x * x for x in range(50)]
    assert digests.in_threads(lambda x: x, []) == []
