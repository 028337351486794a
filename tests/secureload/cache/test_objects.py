"""Content shared through a folder or S3 is what its name says, or is not there."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from s3fs import S3FileSystem

from secureload.cache import TrustedCache
from secureload.cache.objects import Objects
from secureload.errors import CacheError, IntegrityError, UsageError
from tests.secureload.cache.conftest import Kept, keep
from tests.servers.cutting import Cutting
from tests.servers.s3 import S3

DATA = bytes(range(256)) * 4_000
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with S3(tmp_path_factory.mktemp("s3") / "root") as started:
        yield started


@pytest.fixture(params=["folder", "s3"])
def objects(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    store: S3,
    monkeypatch: pytest.MonkeyPatch,
) -> Objects:
    if request.param == "folder":
        return Objects(f"file://{tmp_path / 'shared'}")
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    return Objects(f"s3://{store.folder.name}/{tmp_path.name}")


def place(objects: Objects, store: S3, sha256: str) -> Path:
    """Where the bytes lie, behind the store's back."""
    scheme, _, rest = objects.url.partition("://")
    root = Path(rest) if scheme == "file" else store.folder.parent / rest
    return root / "blobs/sha256" / sha256[:2] / sha256


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").write_bytes(DATA)
    return tmp_path / "data"


def test_what_is_kept_comes_back(objects: Objects, data: Path, tmp_path: Path) -> None:
    objects.keep(DIGEST, len(DATA), data)
    objects.keep(DIGEST, len(DATA), data)  # a second time is nothing new
    objects.fetch(DIGEST, len(DATA), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == DATA
    assert objects.problem(DIGEST, len(DATA), deep=True) is None


def test_damaged_and_missing_content_is_never_given(
    objects: Objects, store: S3, data: Path, tmp_path: Path
) -> None:
    objects.keep(DIGEST, len(DATA), data)
    lies = place(objects, store, DIGEST)
    lies.chmod(0o644)
    lies.write_bytes(DATA[:-1] + b"x")
    with pytest.raises(IntegrityError, match="other bytes"):
        objects.fetch(DIGEST, len(DATA), tmp_path / "back")
    assert objects.problem(DIGEST, len(DATA), deep=True)
    lies.write_bytes(DATA[:-1])
    with pytest.raises(IntegrityError, match=r"no content|other bytes"):
        objects.fetch(DIGEST, len(DATA), tmp_path / "back")
    assert not (tmp_path / "back").exists()
    objects.keep(DIGEST, len(DATA), data)  # whoever has the bytes mends it
    assert lies.read_bytes() == DATA


def test_bytes_that_are_not_what_is_said_are_not_published(
    objects: Objects, store: S3, data: Path
) -> None:
    other = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(IntegrityError, match="gave back other bytes"):
        objects.keep(other, len(DATA), data)
    assert not place(objects, store, other).exists()
    left = [p for p in place(objects, store, other).parents[3].rglob("*") if p.is_file()]
    assert left == []


def test_a_store_that_refuses_or_is_gone_is_a_clear_error(
    store: S3, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    objects = Objects(f"s3://{store.folder.name}/refused")
    try:
        store.restart(read_only=True)
        for size in (10, 10_000, len(DATA)):  # heard whether or not the body is under way
            (tmp_path / "part").write_bytes(DATA[:size])
            digest = hashlib.sha256(DATA[:size]).hexdigest()
            with pytest.raises(CacheError, match="object store"):
                objects.keep(digest, size, tmp_path / "part")
        store.stop()
        with pytest.raises(CacheError, match="object store"):
            objects.fetch(DIGEST, len(DATA), tmp_path / "back")
    finally:
        store.restart()
    objects.keep(DIGEST, len(DATA), data)


@dataclass(kw_only=True)
class Large:
    """Content that goes to a bucket in three parts, over a connection that a test cuts."""

    url: str
    relay: Cutting
    data: bytes
    path: Path

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def keep(self) -> None:
        Objects(self.url).keep(self.digest, len(self.data), self.path)


@pytest.fixture
def large(store: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Large]:
    data = random.Random(tmp_path.name).randbytes(20 << 20)
    (tmp_path / "large").write_bytes(data)
    behind = store.environment["AWS_ENDPOINT_URL"]
    with Cutting(url_behind=behind, after=3 << 20, sending=True, times=0) as relay:
        for name, value in {**store.environment, "AWS_ENDPOINT_URL": relay.url}.items():
            monkeypatch.setenv(name, value)
        S3FileSystem.clear_instance_cache()  # the one there is talks to the store directly
        url = f"s3://{store.folder.name}/{tmp_path.name}"
        yield Large(url=url, relay=relay, data=data, path=tmp_path / "large")
    S3FileSystem.clear_instance_cache()


def test_an_upload_in_parts_goes_on_after_a_cut(large: Large, tmp_path: Path) -> None:
    large.relay.times = 2
    large.keep()
    assert large.relay.cut == 2
    assert any(b"partNumber=3" in head for head in large.relay.heads)
    Objects(large.url).fetch(large.digest, len(large.data), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == large.data


def test_an_upload_that_fails_midway_leaves_nothing_and_the_next_is_whole(
    large: Large, store: S3
) -> None:
    large.relay.times = 1_000
    with pytest.raises(CacheError, match="object store"):
        large.keep()
    assert not place(Objects(large.url), store, large.digest).exists()
    large.relay.times = 0
    large.keep()
    assert place(Objects(large.url), store, large.digest).read_bytes() == large.data


def test_an_upload_that_fails_takes_nothing_from_whoever_was_faster(
    large: Large, store: S3
) -> None:
    lies = place(Objects(large.url), store, large.digest)

    def faster() -> None:
        lies.parent.mkdir(parents=True, exist_ok=True)
        lies.write_bytes(large.data)

    large.relay.times, large.relay.before = 1_000, faster
    with pytest.raises(CacheError, match="object store"):
        large.keep()
    assert lies.read_bytes() == large.data


def test_a_url_of_no_known_kind_is_a_clear_error(data: Path) -> None:
    with pytest.raises(UsageError, match="SECURELOAD_STORAGE"):
        Objects("nonsense://x").keep(DIGEST, len(DATA), data)


@pytest.fixture
def shared(tmp_path: Path) -> tuple[TrustedCache, TrustedCache]:
    """Two caches with one ledger and one store between them, as on two machines."""
    storage = f"file://{tmp_path / 'shared'}"
    homes = [TrustedCache(tmp_path / name, storage=storage) for name in ("one", "two")]
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "secureload.db").symlink_to(tmp_path / "one" / "secureload.db")
    return homes[0], homes[1]


def test_another_machine_gets_a_model_whole(shared: tuple[TrustedCache, TrustedCache]) -> None:
    kept, other = keep(shared[0]), shared[1]
    found = other.find(kept.key, mode="changed")
    assert found is not None
    assert found.path.is_relative_to(other.layout.home)
    for file in found.files:
        assert (found.path / file.path).read_bytes() == (kept.entry.path / file.path).read_bytes()
    assert shared[0].verify() == []
    assert other.verify() == []


def test_a_copy_that_was_changed_is_fetched_anew(
    shared: tuple[TrustedCache, TrustedCache],
) -> None:
    kept, other = keep(shared[0]), shared[1]
    found = other.find(kept.key, mode="changed")
    assert found is not None
    changed = found.path / found.files[0].path
    before = changed.read_bytes()
    changed.chmod(0o644)
    changed.write_bytes(b"x" * len(before))
    again = other.find(kept.key, mode="changed")
    assert again is not None
    assert (again.path / found.files[0].path).read_bytes() == before


def test_without_the_content_another_machine_loads_nothing(
    shared: tuple[TrustedCache, TrustedCache], tmp_path: Path
) -> None:
    kept, other = keep(shared[0]), shared[1]
    for path in (tmp_path / "shared" / "blobs").rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(IntegrityError):
        other.find(kept.key, mode="changed")
    assert any("missing from the object store" in str(one) for one in other.verify())


def test_a_fenced_worker_publishes_nothing(cache: TrustedCache) -> None:
    def late(_session: object) -> None:
        raise CacheError("another worker has this job now")

    cache.fence = late
    with pytest.raises(CacheError, match="another worker"):
        keep(cache)
    cache.fence = None
    assert cache.entries() == ()
    assert list(cache.layout.models.iterdir()) == []
    kept: Kept = keep(cache)
    assert [entry.admission for entry in cache.entries()] == [kept.entry.admission]
