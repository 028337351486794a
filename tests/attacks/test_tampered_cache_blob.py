"""Attack: change bytes in the cache after they were admitted, and wait for the next load."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from secureload.errors import IntegrityError
from secureload.flow import CacheEntry, Need
from secureload.gate import Gate
from secureload.sources import parse
from tests.builders import models
from tests.secureload.evidence import samples


@pytest.fixture
def admitted(tmp_path: Path) -> tuple[Gate, CacheEntry]:
    gate = samples.home(tmp_path / "home", key=False).gate()
    return gate, samples.admit(gate, samples.folder(tmp_path / "model"))


def blob_of(gate: Gate, entry: CacheEntry, path: str) -> Path:
    (sha256,) = [file.sha256 for file in entry.files if file.path == path]
    return gate.cache.layout.blob(sha256)


@pytest.mark.parametrize("path", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("way", ["in place", "replaced", "in the folder"])
def test_changed_bytes_are_not_served(
    admitted: tuple[Gate, CacheEntry], tmp_path: Path, path: str, way: str
) -> None:
    gate, entry = admitted
    blob = blob_of(gate, entry, path)
    evil = models.flipped(blob.read_bytes())
    if way == "in place":
        blob.chmod(0o600)
        blob.write_bytes(evil)
    else:
        target = blob if way == "replaced" else entry.path / path
        target.parent.chmod(0o700)
        target.unlink()
        target.write_bytes(evil)
    model = parse(str(tmp_path / "model"))
    if way == "replaced":  # the folder's link still leads to the admitted bytes
        assert gate.admit(model, Need()).path == entry.path
    else:
        with pytest.raises(IntegrityError, match=path):
            gate.admit(model, Need())
    assert gate.cache.verify() != []


def test_a_file_put_back_with_its_old_times_is_found_by_its_change_time(
    admitted: tuple[Gate, CacheEntry], tmp_path: Path
) -> None:
    gate, entry = admitted
    weights = blob_of(gate, entry, "model.safetensors")
    before = weights.stat()
    weights.chmod(0o600)
    weights.write_bytes(models.flipped(weights.read_bytes()))
    weights.chmod(0o444)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        gate.admit(parse(str(tmp_path / "model")), Need())


def test_only_bytes_of_a_valid_admission_are_opened(
    admitted: tuple[Gate, CacheEntry], tmp_path: Path
) -> None:
    """A folder below `models/` that no admission knows is never found, whatever its name."""
    gate, entry = admitted
    gate.cache.remove(entry.admission)
    entry.path.mkdir(parents=True)
    (entry.path / "config.json").write_bytes(b"{}")
    again = gate.admit(parse(str(tmp_path / "model")), Need())
    assert not again.warm
    assert again.files == entry.files
    assert gate.cache.verify() == []
