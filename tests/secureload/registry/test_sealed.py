from __future__ import annotations

import dataclasses
import gc
import hashlib
import mmap
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from secureload.errors import IntegrityError
from secureload.flow import ArtifactFile, CacheEntry
from secureload.registry.sealed import SealedFolder, handed
from tests.secureload.registry.entries import entry_of

LARGE = 20 << 20


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def entry(tmp_path: Path) -> CacheEntry:
    folder = tmp_path / "model"
    (folder / "inner").mkdir(parents=True)
    contents = {
        "config.json": b"{}",
        "empty.txt": b"",
        "inner/model.safetensors": os.urandom(LARGE),
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    files = tuple(
        ArtifactFile(path=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in contents.items()
    )
    return dataclasses.replace(entry_of(folder), files=files, hash_on_load=True)


@pytest.fixture
def folder(entry: CacheEntry) -> Iterator[SealedFolder]:
    sealed = SealedFolder(entry)
    yield sealed
    sealed.close()


def test_the_sealed_files_are_the_admitted_ones(entry: CacheEntry, folder: SealedFolder) -> None:
    for file in entry.files:
        assert (folder.path / file.path).read_bytes() == (entry.path / file.path).read_bytes()
    found = {str(p.relative_to(folder.path)) for p in folder.path.rglob("*") if p.is_file()}
    assert found == {file.path for file in entry.files}


def test_what_is_not_recorded_is_not_handed_over(entry: CacheEntry) -> None:
    (entry.path / "pytorch_model.bin").write_bytes(b"\x80\x02.")
    with handed(entry) as give:
        assert not (give.path / "pytorch_model.bin").exists()
        give.close()


def test_nobody_can_write_to_them_this_process_included(folder: SealedFolder) -> None:
    path = folder.path / "inner/model.safetensors"
    with path.open("rb+") as file:
        with pytest.raises(PermissionError):
            file.raw.write(b"x")  # type: ignore[attr-defined]
        with pytest.raises(PermissionError):
            file.truncate(1)
        with pytest.raises(PermissionError):
            mmap.mmap(file.fileno(), LARGE, mmap.MAP_SHARED, mmap.PROT_WRITE)
    with pytest.raises(PermissionError):
        path.write_bytes(b"")


def test_changing_the_cache_afterwards_changes_nothing(
    entry: CacheEntry, folder: SealedFolder
) -> None:
    before = (folder.path / "inner/model.safetensors").read_bytes()
    (entry.path / "inner/model.safetensors").write_bytes(b"other")
    assert (folder.path / "inner/model.safetensors").read_bytes() == before


@pytest.mark.parametrize("name", ["config.json", "inner/model.safetensors"])
@pytest.mark.parametrize("change", ["flipped", "shorter", "longer", "missing", "link"])
def test_other_bytes_are_not_handed_over(name: str, change: str, entry: CacheEntry) -> None:
    path = entry.path / name
    data = path.read_bytes()
    if change == "flipped":
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif change == "shorter":
        path.write_bytes(data[:-1])
    elif change == "longer":
        path.write_bytes(data + b" ")
    elif change == "missing":
        path.unlink()
    else:
        path.rename(path.with_suffix(".elsewhere"))
        path.symlink_to(path.with_suffix(".elsewhere"))
    opened = descriptors()
    with pytest.raises(IntegrityError, match=path.name):
        SealedFolder(entry)
    assert descriptors() == opened


def test_an_entry_without_digests_is_not_sealed(entry: CacheEntry) -> None:
    with pytest.raises(IntegrityError, match="digests"):
        SealedFolder(dataclasses.replace(entry, files=()))


def test_files_can_be_left_to_be_hashed_elsewhere(entry: CacheEntry) -> None:
    shutil.rmtree(entry.path / "inner")
    folder = SealedFolder(entry, leave=["inner/model.safetensors"])
    assert [path.name for path in sorted(folder.path.iterdir())] == ["config.json", "empty.txt"]
    folder.close()


class Built:
    name_or_path = ""


def test_small_files_last_as_long_as_what_was_built_and_weights_do_not(entry: CacheEntry) -> None:
    opened = descriptors()
    built = Built()
    with handed(entry) as give:
        built.name_or_path = f"{give.path}/inner"
        give(built)
    place = give.path
    assert built.name_or_path == f"{entry.path}/inner"
    assert (place / "config.json").read_bytes() == b"{}"
    assert not (place / "inner/model.safetensors").exists()
    del built, give
    gc.collect()
    assert not place.exists()
    assert descriptors() == opened


def test_a_failed_build_leaves_nothing(entry: CacheEntry) -> None:
    opened = descriptors()
    places = []

    def fails() -> None:
        with handed(entry) as give:
            places.append(give.path)
            raise IntegrityError("for example")

    with pytest.raises(IntegrityError):
        fails()
    assert not places[0].exists()
    assert descriptors() == opened


def test_without_hashing_on_load_the_folder_is_the_admitted_one(entry: CacheEntry) -> None:
    with handed(dataclasses.replace(entry, hash_on_load=False)) as give:
        assert give.path == entry.path
        assert give(5) == 5
