"""Zip archives: members are looked into, whatever their names, and lies are findings."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.builders.zips import Entry, build, plain
from tests.scanner.test_zips import LIES
from tests.scanner.told import ERROR, MALICIOUS, SHELL, SUSPICIOUS, assert_clean, rules, tell


def test_an_archive_of_text_is_clean() -> None:
    assert_clean(plain({"readme.txt": b"hello", "b/c.txt": b"there"}), "zip")


@pytest.mark.parametrize("name", ["a.pkl", "a.txt", "data/0", "noextension", "weights.safetensors"])
@pytest.mark.parametrize("method", [0, 8])
def test_a_pickle_is_found_under_any_name(name: str, method: int) -> None:
    result = tell(plain({name: SHELL}, method=method))
    assert result.verdict is MALICIOUS
    assert any(f.where.member == name for f in result.findings if f.rule == "runs-shell")


@pytest.mark.parametrize("kind", LIES)
def test_a_lying_archive_is_not_clean(kind: str) -> None:
    assert tell(LIES[kind]).verdict is not None
    assert tell(LIES[kind]).verdict in (SUSPICIOUS, ERROR, MALICIOUS)


@pytest.mark.parametrize(
    "entry",
    [
        Entry(name="a.pkl", data=SHELL, crc=1),
        Entry(name="a.pkl", data=SHELL, flags=1),
        Entry(name="a.pkl", data=SHELL, local_name="b.txt"),
        Entry(name="a.pkl", data=SHELL, listed=False),
        Entry(name="a.pkl", data=SHELL, local_method=8),
    ],
    ids=["crc", "encrypted", "renamed", "unlisted", "method"],
)
def test_no_trick_hides_the_pickle(entry: Entry) -> None:
    assert "runs-shell" in rules(tell(build(Entry(), entry)))


def test_archives_nest_to_the_limit_and_no_deeper() -> None:
    data = SHELL
    for _ in range(5):
        data = plain({"inner": data})
    assert tell(data).verdict is MALICIOUS
    assert tell(plain({"inner": data})).verdict is ERROR


def test_a_bomb_is_an_error() -> None:
    held = plain({"zeros": b"\0" * (4 << 20)}, method=8)
    result = tell(held)
    assert rules(result) & {"unrecognised-content", "limit-reached"}


def test_an_unknown_method_is_an_error() -> None:
    assert tell(build(Entry(method=99))).verdict is ERROR


def test_a_link_is_told() -> None:
    assert "link-in-archive" in rules(tell(build(Entry(mode=0o120777, data=b"/etc/passwd"))))


MODEL = Path(__file__).parents[2] / "fixtures/bert-base/pt-zip/pytorch_model.bin"


def repacked(change: dict[str, bytes]) -> bytes:
    with zipfile.ZipFile(MODEL) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return plain(members | {f"pytorch_model/{name}": data for name, data in change.items()})


def test_a_repacked_torch_file_is_clean() -> None:
    assert_clean(repacked({}), "torch-zip")
    assert_clean(repacked({"data/999": bytes(range(128, 192))}), "torch-zip")


@pytest.mark.parametrize("name", ["evil", "version", "data/999", "data/0", "code.py", "x/data.pkl"])
def test_a_pickle_anywhere_in_a_torch_file_is_found(name: str) -> None:
    assert tell(repacked({name: SHELL})).verdict is MALICIOUS


def test_a_storage_that_is_not_there_is_told(tmp_path: Path) -> None:
    import torch

    torch.save({"a": torch.ones(3)}, tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    kept = {name: data for name, data in members.items() if not name.endswith("/data/0")}
    assert len(kept) == len(members) - 1
    assert tell(plain(kept), "a.pt").verdict is ERROR


@pytest.mark.parametrize("make", [torch.jit.script, torch.jit.trace])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_program_of_torchscript_is_judged_by_what_it_does(make: Any, tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU()).eval()
    inputs = (torch.zeros(2, 4),) if make is torch.jit.trace else ()
    torch.jit.save(make(model, *inputs), tmp_path / "model.pt")

    told = tell((tmp_path / "model.pt").read_bytes(), "model.pt")
    assert (told.format, rules(told)) == ("torchscript", set())
