"""What lies in quarantine is what was promised, byte for byte, or there is one error for all."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secureload import quarantine, sources
from secureload.errors import AccessError, CacheError, NotFoundError, SourceError, TamperedError
from secureload.flow import FileClaim, Listing, Selection, Snapshot
from secureload.settings import Settings
from secureload.sources import Context
from tests.servers.hub import LocalHub
from tests.servers.hub_git import Entry
from tests.servers.repos import PublishedRepo

WEIGHTS = bytes(range(251)) * 20_000  # 5,020,000 bytes
FILES = {"config.json": b"{}", "pytorch_model.bin": WEIGHTS, "a/b/c.json": b'{"a":1}', "empty": b""}


@pytest.fixture
def repo(tmp_path: Path) -> PublishedRepo:
    repo = PublishedRepo(tmp_path / "hub", "org/model")
    repo.commit(FILES)
    return repo


@pytest.fixture
def hub(tmp_path: Path, repo: PublishedRepo) -> Iterator[LocalHub]:
    with LocalHub(root=tmp_path / "hub") as hub:
        yield hub


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def ctx(hub: LocalHub, tmp_path: Path, slept: list[float]) -> Context:
    environment = Settings(
        home=tmp_path / "home", endpoint=hub.url, policy="default", offline=False
    )
    return Context(settings=environment, sleep=slept.append)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "quarantine"
    root.mkdir()
    return root


@pytest.fixture
def tree(repo: PublishedRepo) -> Mapping[str, str]:
    """The verified tree, as git itself lists it."""
    rows = repo.git("ls-tree", "-r", "main").splitlines()
    return {row.split("\t")[1]: row.split()[2] for row in rows}


def listed(ctx: Context) -> Listing:
    return sources.resolve(sources.parse("hub:org/model"), ctx)


def fetch(
    ctx: Context,
    root: Path,
    blobs: Mapping[str, str] | None = None,
    *,
    listing: Listing | None = None,
    shelf: quarantine.Shelf | None = None,
) -> Snapshot:
    listing = listing or listed(ctx)
    everything = Selection(paths=tuple(claim.path for claim in listing.claims))
    return quarantine.fetch(listing, everything, blobs, root, ctx, shelf=shelf)


def on_disk(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if not path.is_dir()
    }


@pytest.mark.parametrize("cdn", [False, True])
def test_files_arrive_whole_and_measured(
    ctx: Context, root: Path, hub: LocalHub, tree: Mapping[str, str], cdn: bool
) -> None:
    hub.cdn = cdn
    snapshot = fetch(ctx, root, tree)
    assert on_disk(root) == FILES
    for file in snapshot.files:
        data = FILES[file.path]
        assert file.size == len(data)
        assert file.sha256 == hashlib.sha256(data).hexdigest()
        assert file.git_oid == hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def test_only_the_selected_files_are_asked_for(ctx: Context, root: Path, hub: LocalHub) -> None:
    quarantine.fetch(listed(ctx), Selection(paths=("config.json",)), None, root, ctx)
    assert set(on_disk(root)) == {"config.json"}
    assert hub.count("*/resolve/*") == 1


def test_a_path_that_is_not_listed_is_not_found(ctx: Context, root: Path) -> None:
    with pytest.raises(NotFoundError):
        quarantine.fetch(listed(ctx), Selection(paths=("../x",)), None, root, ctx)


def test_progress_ends_at_the_total(ctx: Context, root: Path, hub: LocalHub) -> None:
    seen: list[tuple[str, int, int]] = []
    hub.misbehave("cut", "*.bin", after=2_000_000, times=1)
    report = dataclasses.replace(ctx, progress=lambda *step: seen.append(step))
    fetch(report, root)
    total = sum(map(len, FILES.values()))
    assert seen[-1] == ("fetch", total, total)
    assert all(0 <= done <= total for _, done, total in seen)


# -- bytes that are not those promised ---------------------------------------------------


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("path", ["pytorch_model.bin", "config.json"])
def test_one_changed_bit_is_tampering(
    ctx: Context, root: Path, hub: LocalHub, tree: Mapping[str, str], path: str, verified: bool
) -> None:
    hub.misbehave("flip", f"*/{path}")
    with pytest.raises(TamperedError) as caught:
        fetch(ctx, root, tree if verified else None)
    assert set(caught.value.problems) == {path}
    assert caught.value.path == path


def test_every_tampered_file_is_named(ctx: Context, root: Path, hub: LocalHub) -> None:
    hub.misbehave("flip", "*/resolve/*.json")
    hub.misbehave("flip", "*/resolve/*.bin")
    with pytest.raises(TamperedError) as caught:
        fetch(ctx, root)
    assert set(caught.value.problems) == {"config.json", "pytorch_model.bin", "a/b/c.json"}
    assert all(path in str(caught.value) for path in caught.value.problems)


def test_a_server_that_lies_consistently_still_fails_the_verified_tree(
    ctx: Context, root: Path, repo: PublishedRepo, tree: Mapping[str, str]
) -> None:
    repo.commit({**FILES, "config.json": b"[]"})
    with pytest.raises(TamperedError) as caught:
        fetch(ctx, root, tree)
    assert "the commit has" in caught.value.problems["config.json"]


def test_a_file_that_the_source_hides_is_tampering(
    ctx: Context, root: Path, hub: LocalHub, tree: Mapping[str, str]
) -> None:
    hub.misbehave("hide", "/api/*", path="config.json")
    with pytest.raises(TamperedError, match="hides"):
        fetch(ctx, root, tree)


def test_a_file_that_the_source_adds_is_tampering(
    ctx: Context, root: Path, hub: LocalHub, tree: Mapping[str, str]
) -> None:
    hub.misbehave("add", "/api/*", entry=Entry(path="x.json", oid="0" * 40, size=1, forced=True))
    with pytest.raises(TamperedError) as caught:
        fetch(ctx, root, tree)
    assert set(caught.value.problems) == {"x.json"}
    assert hub.count("*/x.json") == 0


@pytest.mark.parametrize("size", [0, 1, 5])
def test_more_bytes_than_listed_are_never_written(
    ctx: Context, root: Path, hub: LocalHub, size: int
) -> None:
    hub.misbehave("size", "/api/*", path="pytorch_model.bin", size=size)
    with pytest.raises(TamperedError, match="sends more"):
        fetch(ctx, root)
    assert (root / "pytorch_model.bin").stat().st_size <= size


def test_bytes_past_the_end_are_tampering(ctx: Context, root: Path, hub: LocalHub) -> None:
    hub.misbehave("longer", "*/pytorch_model.bin", extra=b"x")
    with pytest.raises(TamperedError, match="sends more"):
        fetch(ctx, root)


def test_fewer_bytes_than_listed_are_an_error(ctx: Context, root: Path, hub: LocalHub) -> None:
    hub.misbehave("size", "/api/*", path="config.json", size=9)
    with pytest.raises(SourceError):
        fetch(ctx, root)


@pytest.mark.parametrize("etag", ["../../../escaped", "/etc/x", "\\x", "a" * 4_000])
def test_a_hostile_etag_names_nothing(
    ctx: Context, root: Path, hub: LocalHub, tmp_path: Path, etag: str
) -> None:
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(root)}
    hub.misbehave("headers", "*/resolve/*", headers={"ETag": etag, "X-Linked-Etag": etag})
    fetch(ctx, root)
    assert on_disk(root) == FILES
    assert {path for path in tmp_path.rglob("*") if not path.is_relative_to(root)} == before


def test_an_lfs_pointer_in_place_of_the_file_is_tampering(
    ctx: Context, root: Path, hub: LocalHub, tree: Mapping[str, str], repo: PublishedRepo
) -> None:
    pointer = repo.read(tree["pytorch_model.bin"])
    hub.misbehave("body", "*/pytorch_model.bin", body=pointer.ljust(len(WEIGHTS), b"\n"))
    with pytest.raises(TamperedError):
        fetch(ctx, root, tree)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=3_000), at=st.integers(0), bit=st.integers(0, 7))
def test_no_flipped_bit_gets_through(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int, bit: int
) -> None:
    folder, root = tmp_path_factory.mktemp("model"), tmp_path_factory.mktemp("root")
    (folder / "model.bin").write_bytes(data)
    environment = Settings(home=folder, endpoint="http://127.0.0.1:9", policy="", offline=True)
    context = Context(settings=environment)
    listing = sources.resolve(sources.parse(str(folder)), context)
    blobs = {"model.bin": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()}
    assert len(fetch(context, root, blobs, listing=listing).files) == 1
    if data:
        changed = bytearray(data)
        changed[at % len(data)] ^= 1 << bit
        (folder / "model.bin").write_bytes(changed)
        other = tmp_path_factory.mktemp("root")
        claims = tuple(dataclasses.replace(c, sha256=None) for c in listing.claims)
        for claimed in (listing, dataclasses.replace(listing, claims=claims)):
            with pytest.raises(TamperedError):
                fetch(context, other, blobs, listing=claimed)
            (other / "model.bin").unlink()


# -- connections that break --------------------------------------------------------------


def test_a_cut_transfer_resumes_where_it_broke(
    ctx: Context, root: Path, hub: LocalHub, slept: list[float]
) -> None:
    hub.misbehave("cut", "*.bin", after=2_000_000, times=2)
    fetch(ctx, root)
    assert on_disk(root) == FILES
    ranges = [seen.headers.get("Range") for seen in hub.requests if seen.path.endswith(".bin")]
    assert ranges[0] is None
    assert len(ranges) == 3
    begins = [int(str(text).removeprefix("bytes=").rstrip("-")) for text in ranges[1:]]
    assert 0 < begins[0] <= 2_000_000 < begins[1] <= 4_000_000
    assert len(slept) == 2


def test_a_cut_transfer_starts_over_without_ranges(ctx: Context, root: Path, hub: LocalHub) -> None:
    hub.misbehave("cut", "*.bin", after=2_000_000, times=2)
    hub.misbehave("no-range")
    fetch(ctx, root)
    assert on_disk(root) == FILES


@pytest.mark.parametrize("after", [0, 10, 2_000_000])
def test_a_transfer_that_never_completes_ends(
    ctx: Context, root: Path, hub: LocalHub, after: int
) -> None:
    hub.misbehave("cut", "*.bin", after=after)
    hub.misbehave("no-range")
    with pytest.raises(SourceError, match=r"pytorch_model\.bin"):
        fetch(ctx, root)
    assert hub.count("*.bin") <= 10


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_server_is_asked_again(
    ctx: Context, root: Path, hub: LocalHub, slept: list[float], code: int
) -> None:
    hub.misbehave("status", "*.bin", code=code, times=2, headers={"Retry-After": "3"})
    fetch(ctx, root)
    assert slept == [3.0, 3.0]


@pytest.mark.parametrize(
    ("code", "headers", "expected"),
    [
        (403, {"X-Error-Code": "GatedRepo"}, AccessError),
        (404, {"X-Error-Code": "EntryNotFound"}, NotFoundError),
        (400, {}, SourceError),
        (416, {}, SourceError),
    ],
)
def test_a_refusal_is_not_asked_twice(
    ctx: Context,
    root: Path,
    hub: LocalHub,
    code: int,
    headers: dict[str, str],
    expected: type[Exception],
) -> None:
    hub.misbehave("status", "*.bin", code=code, headers=headers)
    with pytest.raises(expected):
        fetch(ctx, root)
    assert hub.count("*.bin") == 1


# -- bytes that already lie here ---------------------------------------------------------


def _hub_cache(folder: Path, commit: str, files: Mapping[str, bytes]) -> None:
    repository = folder / "models--org--model"
    for path, data in files.items():
        blob = repository / "blobs" / hashlib.sha256(data).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        link = repository / "snapshots" / commit / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)


@pytest.mark.parametrize("given_by", ["cache_dir", "HF_HUB_CACHE", "HF_HOME"])
def test_the_hugging_face_cache_saves_the_download(
    ctx: Context,
    root: Path,
    hub: LocalHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given_by: str,
) -> None:
    place = tmp_path / "other"
    if given_by == "cache_dir":
        ctx = dataclasses.replace(ctx, cache_dir=place)
    else:
        monkeypatch.setenv(given_by, str(place))
    listing = listed(ctx)
    _hub_cache(place / "hub" if given_by == "HF_HOME" else place, listing.commit, FILES)
    fetch(ctx, root, listing=listing)
    assert on_disk(root) == FILES
    assert hub.count("*/resolve/*") == 0


def test_a_poisoned_hugging_face_cache_is_passed_over(
    ctx: Context, root: Path, hub: LocalHub, tmp_path: Path, tree: Mapping[str, str]
) -> None:
    ctx = dataclasses.replace(ctx, cache_dir=tmp_path / "other")
    listing = listed(ctx)
    poison = {path: bytes(len(data)) for path, data in FILES.items()}
    _hub_cache(tmp_path / "other", listing.commit, poison)
    fetch(ctx, root, tree, listing=listing)
    assert on_disk(root) == FILES
    assert hub.count("*/resolve/*") == 3  # all but the empty file, which cannot be poisoned


def test_the_shelf_is_asked_by_claim_and_verified_blob(
    ctx: Context, root: Path, hub: LocalHub, tmp_path: Path, tree: Mapping[str, str]
) -> None:
    asked: dict[str, str | None] = {}
    place = tmp_path / "shelved"
    place.write_bytes(WEIGHTS)

    def shelf(claim: FileClaim, blob: str | None) -> Path | None:
        asked[claim.path] = blob
        return place if claim.path == "pytorch_model.bin" else None

    fetch(ctx, root, tree, shelf=shelf)
    assert asked == tree
    assert on_disk(root) == FILES
    assert hub.count("*.bin") == 0


@pytest.mark.parametrize("kind", ["absent", "folder", "pipe", "short", "wrong"])
def test_a_shelf_that_will_not_do_is_passed_over(
    ctx: Context, root: Path, tmp_path: Path, kind: str
) -> None:
    place = tmp_path / "shelved"
    if kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind != "absent":
        place.write_bytes({"short": b"{", "wrong": b"[]"}[kind])
    fetch(ctx, root, shelf=lambda claim, blob: place if claim.path == "config.json" else None)
    assert on_disk(root) == FILES


# -- the disk ----------------------------------------------------------------------------


def test_too_little_space_is_told_before_anything_is_fetched(
    ctx: Context, root: Path, hub: LocalHub
) -> None:
    hub.misbehave("size", "/api/*", path="pytorch_model.bin", size=10**17)
    with pytest.raises(CacheError, match="needed") as caught:
        fetch(ctx, root)
    assert "SECURELOAD_HOME" in caught.value.hint
    assert hub.count("*/resolve/*") == 0


def test_a_disk_that_fills_up_is_an_error_with_a_hint(
    ctx: Context, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int, data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("secureload.measured.os.write", full)
    with pytest.raises(CacheError, match="full") as caught:
        fetch(ctx, root)
    assert "free some space" in caught.value.hint


@pytest.mark.parametrize("kind", ["file", "link"])
def test_nothing_is_written_over_or_through(
    ctx: Context, root: Path, tmp_path: Path, kind: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"keep")
    if kind == "link":
        (root / "config.json").symlink_to(victim)
    else:
        (root / "config.json").write_bytes(b"keep")
    with pytest.raises(CacheError):
        fetch(ctx, root)
    assert victim.read_bytes() == b"keep"
