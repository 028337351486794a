"""A folder is its names and contents; nothing in it reaches out."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from pathlib import Path

import pytest

from secureload import sources
from secureload.errors import CacheError, IntegrityError, NotFoundError, SourceError
from secureload.flow import Listing, Source
from secureload.sources import Context, parse

FILES = {"config.json": b"{}", "sub/model.bin": b"weights"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def resolve(folder: Path, ctx: Context) -> Listing:
    return sources.resolve(parse(str(folder)), ctx)


def read(listing: Listing, path: str, ctx: Context, offset: int = 0) -> bytes:
    (claim,) = (claim for claim in listing.claims if claim.path == path)
    with sources.open_stream(listing, claim, ctx, offset) as (chunks, start):
        assert start == offset
        return b"".join(chunks)


def test_a_folder_is_listed_with_digests(folder: Path, ctx: Context) -> None:
    listing = resolve(folder, ctx)
    assert {claim.path: claim.sha256 for claim in listing.claims} == {
        name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()
    }
    assert read(listing, "sub/model.bin", ctx) == b"weights"
    assert read(listing, "sub/model.bin", ctx, 3) == b"ghts"
    assert sources.git_remote(listing, ctx) is None


def test_equal_folders_have_equal_commits(folder: Path, ctx: Context, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    assert resolve(folder, ctx).commit == resolve(copy, ctx).commit
    (copy / "config.json").rename(copy / "other.json")
    assert resolve(folder, ctx).commit != resolve(copy, ctx).commit
    assert resolve(folder, ctx).commit.startswith("local-")


def test_one_changed_byte_is_another_commit(folder: Path, ctx: Context) -> None:
    before = resolve(folder, ctx)
    (folder / "config.json").write_bytes(b"[]")
    assert resolve(folder, ctx).commit != before.commit
    with pytest.raises(IntegrityError, match="no longer"):
        sources.resolve(before.pinned, ctx)


def test_a_pinned_folder_resolves_while_it_stays(folder: Path, ctx: Context) -> None:
    listing = resolve(folder, ctx)
    assert sources.resolve(parse(str(listing.pinned)), ctx).claims == listing.claims


def test_one_file_is_a_listing_of_one(folder: Path, ctx: Context) -> None:
    listing = resolve(folder / "sub" / "model.bin", ctx)
    assert [claim.path for claim in listing.claims] == ["model.bin"]
    assert read(listing, "model.bin", ctx) == b"weights"


def test_a_link_named_by_the_caller_is_followed(folder: Path, ctx: Context, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.bin").symlink_to(folder / "sub" / "model.bin")
    listing = resolve(tmp_path / "elsewhere.bin", ctx)
    assert [claim.path for claim in listing.claims] == ["elsewhere.bin"]
    assert read(listing, "elsewhere.bin", ctx) == b"weights"


def test_a_local_folder_needs_no_network(folder: Path, ctx: Context) -> None:
    assert resolve(folder, dataclasses.replace(ctx, offline=True)).claims


def test_version_control_and_download_records_are_left_out(folder: Path, ctx: Context) -> None:
    before = resolve(folder, ctx).claims
    for name in (".git/HEAD", ".cache/huggingface/download/x.metadata"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(b"x")
    assert resolve(folder, ctx).claims == before


def test_a_link_inside_the_folder_is_read_through(folder: Path, ctx: Context) -> None:
    (folder / "model.bin").symlink_to("sub/model.bin")
    assert read(resolve(folder, ctx), "model.bin", ctx) == b"weights"


@pytest.mark.parametrize("store", ["models--org--model/blobs", "blobs/ab"])
def test_a_hugging_face_snapshot_is_read_through_its_links(
    ctx: Context, tmp_path: Path, store: str
) -> None:
    blob = tmp_path / "cache" / store / "digest"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"weights")
    snapshot = tmp_path / "cache" / "models--org--model" / "snapshots" / ("0" * 40)
    (snapshot / "sub").mkdir(parents=True)
    (snapshot / "sub" / "model.bin").symlink_to(os.path.relpath(blob, snapshot / "sub"))
    assert read(resolve(snapshot, ctx), "sub/model.bin", ctx) == b"weights"


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "../model-twin/secret", "absent"])
def test_a_link_out_of_the_folder_is_refused(
    folder: Path, ctx: Context, tmp_path: Path, target: str
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "model-twin").mkdir()
    (tmp_path / "model-twin" / "secret").write_bytes(b"secret")
    (folder / "link.json").symlink_to(target)
    with pytest.raises(SourceError, match="link"):
        resolve(folder, ctx)


def test_a_snapshot_may_not_reach_beyond_its_own_cache(ctx: Context, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    snapshot = tmp_path / "cache" / "models--org--model" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").symlink_to(tmp_path / "secret")
    with pytest.raises(SourceError, match="leads out"):
        resolve(snapshot, ctx)


def test_a_link_swapped_in_after_listing_is_refused(folder: Path, ctx: Context) -> None:
    listing = resolve(folder, ctx)
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to("/etc/passwd")
    with pytest.raises(SourceError, match="leads out"):
        read(listing, "config.json", ctx)


@pytest.mark.timeout(20)
def test_what_is_no_file_is_refused_without_waiting(folder: Path, ctx: Context) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(SourceError, match="not a regular file"):
        resolve(folder, ctx)


def test_a_link_to_a_folder_is_refused(folder: Path, ctx: Context) -> None:
    (folder / "loop").symlink_to(".")
    with pytest.raises(SourceError, match="link to a folder"):
        resolve(folder, ctx)


def test_a_folder_that_vanished_is_not_found(folder: Path, ctx: Context) -> None:
    source = parse(str(folder))
    listing = sources.resolve(source, ctx)
    shutil.rmtree(folder)
    with pytest.raises(NotFoundError):
        sources.resolve(source, ctx)
    with pytest.raises(SourceError):
        read(listing, "config.json", ctx)


def test_an_unreadable_folder_is_an_error(
    folder: Path, ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*args: object, **kwargs: object) -> int:
        raise PermissionError(13, "Permission denied", str(folder / "config.json"))

    monkeypatch.setattr("secureload.sources.local.os.open", denied)
    with pytest.raises(SourceError, match="may not be read") as caught:
        resolve(folder, ctx)
    assert caught.value.hint


def test_trouble_with_the_cache_is_not_told_as_trouble_with_the_folder(
    folder: Path, ctx: Context
) -> None:
    def full(*_: object) -> None:
        raise CacheError("the disk is full", hint="free some space")

    with pytest.raises(CacheError, match="the disk is full") as caught:
        resolve(folder, dataclasses.replace(ctx, known_digest=full, remember_digest=full))
    assert caught.value.hint == "free some space"


def test_too_many_files_are_an_error(
    folder: Path, ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secureload.sources.base.FILES", 1)
    with pytest.raises(SourceError, match="more than 1 files"):
        resolve(folder, ctx)


def test_a_known_digest_is_not_computed_again(folder: Path, ctx: Context) -> None:
    memory: dict[tuple[Path, int], str] = {}
    remembering = dataclasses.replace(
        ctx,
        known_digest=lambda path, status: memory.get((path, status.st_mtime_ns)),
        remember_digest=lambda path, status, digest: memory.update(
            {(path, status.st_mtime_ns): digest}
        ),
    )
    first = resolve(folder, remembering)
    assert {path.name for path, _ in memory} == {"config.json", "model.bin"}
    memory = dict.fromkeys(memory, "f" * 64)
    assert {claim.sha256 for claim in resolve(folder, remembering).claims} == {"f" * 64}
    assert resolve(folder, ctx).commit == first.commit


def test_a_source_that_is_nowhere_is_not_found(ctx: Context) -> None:
    with pytest.raises(NotFoundError):
        sources.resolve(Source(kind="local", location="/absent/model"), ctx)
