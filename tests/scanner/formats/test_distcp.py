"""What torch.distributed.checkpoint writes is clean; one hostile zip among them is not."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import pytest
import torch
from torch.distributed import checkpoint

from scanner import FileVerdict, scan
from scanner.formats.distcp import parts
from tests.builders.pickles import call, program, text
from tests.builders.zips import plain
from tests.scanner.told import CLEAN, MALICIOUS, rules, tell

ACTS = program(call("posix", "system", text("true")), protocol=2)


def saved(value: object) -> bytes:
    held = io.BytesIO()
    torch.save(value, held)
    return held.getvalue()


def hostile() -> bytes:
    return plain({"archive/data.pkl": ACTS, "archive/version": b"3\n"})


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2))
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    state = {"model": model.state_dict(), "optim": optimizer.state_dict(), "step": 7, "name": "x"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checkpoint.save(state, checkpoint_id=folder, no_dist=True)
    return folder


def test_what_torch_writes_is_clean(written: Path) -> None:
    report = {file.path: file for file in scan([written])}

    assert {name: file.verdict for name, file in report.items()} == {
        ".metadata": FileVerdict.CLEAN,
        "__0_0.distcp": FileVerdict.CLEAN,
    }
    assert report["__0_0.distcp"].format == "torch-distributed"


def test_one_hostile_zip_among_them_is_malicious(written: Path) -> None:
    data = (written / "__0_0.distcp").read_bytes()
    spans = [begin for begin, _ in parts(memoryview(data))]

    for at in (0, spans[len(spans) // 2], len(data)):
        result = tell(data[:at] + hostile() + data[at:], "__0_0.distcp")
        assert result.verdict is MALICIOUS
        assert rules(result) == {"runs-shell"}


def test_the_place_of_a_finding_names_its_zip() -> None:
    (found,) = tell(saved([1]) + saved([2]) + hostile(), "x.distcp").findings

    assert found.where.member == "2!archive/data.pkl"


def test_a_zip_alone_is_no_row() -> None:
    assert tell(saved([1]), "model.pt").format == "torch-zip"


def test_under_another_name_a_row_is_not_clean() -> None:
    assert tell(saved([1]) + saved([2]), "pytorch_model.bin").verdict is not CLEAN


@pytest.mark.parametrize("between", [b"\0", b"PK\5\6", bytes(64)])
def test_bytes_between_them_are_told(between: bytes) -> None:
    for data in (saved([1]) + between + saved([2]), saved([1]) + saved([2]) + between):
        assert tell(data, "x.distcp").verdict is not CLEAN


def test_a_directory_for_readers_that_count_from_the_files_start_is_told() -> None:
    """The last zip's own offset leads, in the whole file, to a directory that is no zip's here."""
    last = plain({"archive/data.pkl": b"N.", "archive/version": b"3\n"})
    offset = int.from_bytes(last[-6:-2], "little")
    head = plain({"a": bytes(4)})
    lie = plain({"archive/data.pkl": b"\0" * offset + b"PK\1\2" + bytes(60), "b": bytes(9)})
    begins = lie.index(b"PK\1\2") - offset
    assert begins > 0
    data = lie[begins:]
    assert parts(memoryview(head + last)) != []
    assert parts(memoryview(data + last)) == []
    assert tell(data + last, "x.distcp").verdict is not CLEAN
