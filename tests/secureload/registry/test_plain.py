from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import secureload
from secureload.errors import IntegrityError, Refused, UsageError
from tests.builders import libraries
from tests.builders.models import hostile_zip
from tests.secureload.registry import hashed


class Tied(nn.Module):
    """A module of the user's own, with one tensor under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 4)
        self.layers = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.BatchNorm1d(4))
        self.head = nn.Linear(4, 9, bias=False)
        self.head.weight = self.embed.weight


@pytest.fixture
def trained() -> Tied:
    torch.manual_seed(0)
    return Tied()


@pytest.fixture
def file(trained: Tied, tmp_path: Path) -> Path:
    torch.save(trained.state_dict(), tmp_path / "mine.pt")
    return tmp_path / "mine.pt"


def equal(ours: nn.Module, theirs: nn.Module) -> bool:
    state = theirs.state_dict()
    return all(torch.equal(value, state[name]) for name, value in ours.state_dict().items())


@pytest.mark.parametrize("policy", ["default", "hashed-bytes"])
def test_a_module_of_ones_own_is_filled(
    policy: str, file: Path, trained: Tied, tmp_path: Path
) -> None:
    if policy == "hashed-bytes":
        policy = hashed.policy(tmp_path)
    fresh = Tied()
    assert secureload.load_state_dict(file, fresh, trust_policy=policy) is fresh
    assert equal(fresh, trained)
    assert equal(secureload.load(f"state-dict:{file}", Tied(), strict=True), trained)


def test_without_a_module_the_tensors_are_given(file: Path, trained: Tied) -> None:
    state = secureload.load_state_dict(file, device="cpu")
    assert state.keys() == trained.state_dict().keys()
    assert all(torch.equal(value, state[name]) for name, value in trained.state_dict().items())


def test_a_training_checkpoint_and_a_file_of_a_folder_are_taken(
    trained: Tied, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    torch.save({"state_dict": trained.state_dict(), "epoch": 3}, folder / "last.ckpt")
    torch.save(nn.Linear(2, 2).state_dict(), folder / "other.ckpt")
    assert equal(secureload.load_state_dict(folder, Tied(), file="last.ckpt"), trained)
    with pytest.raises(UsageError, match="which weights"):
        secureload.load_state_dict(folder, Tied(), file="none.ckpt")


def test_shards_are_put_together() -> None:
    whole = secureload.load_state_dict(libraries.BERT / "safetensors")
    parts = secureload.load_state_dict(libraries.BERT / "pt-sharded")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


def test_tensors_that_do_not_fit_are_torchs_own_error(file: Path) -> None:
    with pytest.raises(RuntimeError, match="Missing key"):
        secureload.load_state_dict(file, nn.Linear(2, 2))
    assert secureload.load_state_dict(file, nn.Linear(2, 2), strict=False)


def test_a_malicious_file_is_refused(file: Path, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    file.write_bytes(hostile_zip(f"touch {marker}"))
    with pytest.raises(Refused):
        secureload.load_state_dict(file, Tied())
    assert not marker.exists()


def test_a_changed_byte_is_noticed(file: Path, tmp_path: Path) -> None:
    entry = hashed.admitted(file, tmp_path)
    hashed.flip(next(entry.path.glob("*.safetensors")))
    with pytest.raises(IntegrityError):
        secureload.load_state_dict(file, Tied(), trust_policy=hashed.policy(tmp_path))
