"""What was converted once is not converted again for another policy, unless anything differs."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secureload import convert, gate, stages, versions
from secureload.errors import Refused
from secureload.flow import CacheEntry, Need
from secureload.settings import Settings
from tests.builders import models


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name, data in models.legacy().items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A policy that says the same as `default` under another name."""
    path = tmp_path / "other.yaml"
    path.write_text(
        "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: other}\n"
        "spec: {extends: default}\n"
    )
    return path


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The snapshots that are converted from now on."""
    seen: list[str] = []
    original = convert.convert

    def counting(snapshot: Any, *args: Any, **options: Any) -> Any:
        seen.append(snapshot.digest)
        return original(snapshot, *args, **options)

    monkeypatch.setattr(stages.convert, "convert", counting)
    return seen


def ledger() -> sqlite3.Connection:
    return sqlite3.connect(Settings.from_environment().home / "secureload.db")


def logged(entry: CacheEntry) -> dict[str, Any]:
    with ledger() as rows:
        query = "SELECT detail FROM audit WHERE event = 'admitted' AND subject = ?"
        found = rows.execute(query, [entry.admission]).fetchall()
    return json.loads(found[-1][0])  # type: ignore[no-any-return]


def blob_of(entry: CacheEntry, name: str) -> Path:
    (sha256,) = (file.sha256 for file in entry.files if file.path == name)
    return gate.open_gate().cache.layout.blob(sha256)


def is_sound() -> bool:
    return gate.open_gate().cache.verify(deep=True) == []


def test_another_policy_takes_over_what_was_converted(
    source: Path, other: Path, converted: list[str]
) -> None:
    first = gate.admit(source)
    again = gate.admit(source, trust_policy=other)

    assert len(converted) == 1
    assert not again.warm
    assert again.admission != first.admission
    assert again.verdict.policy.name == "other"
    assert (again.files, again.conversions) == (first.files, first.conversions)
    assert again.conversions[0].tensors
    assert "reused" not in logged(first)
    assert logged(again)["reused"] == first.admission
    assert logged(again)["snapshot"] == logged(first)["snapshot"] == converted[0]
    assert is_sound()
    assert gate.admit(source, trust_policy=other).warm


def test_what_was_taken_over_outlives_where_it_came_from(
    source: Path, other: Path, converted: list[str]
) -> None:
    first = gate.admit(source)
    again = gate.admit(source, trust_policy=other)
    cache = gate.open_gate().cache
    cache.remove(first.admission)
    cache.collect_garbage()

    assert is_sound()
    assert gate.admit(source, trust_policy=other).path == again.path
    assert logged(gate.admit(source))["reused"] == again.admission
    assert len(converted) == 1


def test_a_refusal_is_not_softened_by_what_was_converted(
    source: Path, converted: list[str]
) -> None:
    gate.admit(source)
    with pytest.raises(Refused):
        gate.admit(source, trust_policy="strict")
    assert len(converted) == 1


def test_every_stage_again_converts_again(source: Path, converted: list[str]) -> None:
    gate.admit(source)
    gate.admit(source, force_download=True)
    assert len(converted) == 2


def test_other_bytes_are_converted(source: Path, other: Path, converted: list[str]) -> None:
    gate.admit(source)
    (source / "README.md").write_text("Another day.\n")
    gate.admit(source, trust_policy=other)
    assert len(set(converted)) == 2


def test_another_converter_converts(
    source: Path, other: Path, converted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.admit(source)
    monkeypatch.setattr(versions, "conversion", lambda: "rules/2")
    gate.admit(source, trust_policy=other)
    assert len(converted) == 2


def test_another_request_converts(source: Path, other: Path, converted: list[str]) -> None:
    gate.admit(source)
    gate.admit(source, need=Need(purpose="everything"), trust_policy=other)
    assert len(converted) == 2


@pytest.mark.parametrize("harm", ["gone", "changed", "folder"])
def test_content_that_is_not_sound_is_converted(
    harm: str, source: Path, other: Path, converted: list[str]
) -> None:
    first = gate.admit(source)
    place = blob_of(first, "model.safetensors")
    if harm == "folder":
        shutil.rmtree(first.path)
    elif harm == "changed":
        place.chmod(0o644)
        place.write_bytes(models.flipped(place.read_bytes()))
    else:
        place.parent.chmod(0o755)
        place.unlink()
    again = gate.admit(source, trust_policy=other)

    assert again.files == first.files
    assert (len(converted) == 1) is ("reused" in logged(again))
    assert len(converted) == 2
    assert gate.admit(source, trust_policy=other).warm


def test_content_that_goes_while_it_is_taken_over_is_converted(
    source: Path, other: Path, converted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.admit(source)
    found = stages._made_before

    def gone(*args: Any) -> Any:
        artifact = found(*args)
        assert artifact is not None
        for file in artifact.files:
            gate.open_gate().cache.layout.blob(file.sha256).unlink()
        return artifact

    monkeypatch.setattr(stages, "_made_before", gone)
    again = gate.admit(source, trust_policy=other)
    assert len(converted) == 2
    assert "reused" not in logged(again)
    assert (again.path / "model.safetensors").is_file()


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE snapshots SET digest = '{wanted}'",
        "UPDATE conversions SET document = replace(document, 'torch-zip', 'torch-tar')",
    ],
)
def test_rows_that_were_edited_are_not_believed(
    edit: str, source: Path, other: Path, converted: list[str]
) -> None:
    gate.admit(source)
    (source / "README.md").write_text("Another day.\n")
    gate.admit(source)
    wanted = converted.pop()
    if "snapshots" not in edit:
        (source / "README.md").unlink()
        wanted = converted[0]
    with ledger() as rows:
        rows.execute(edit.format(wanted=wanted))
    entry = gate.admit(source, trust_policy=other)
    if "snapshots" in edit:  # the one that is truly of these bytes is found, and no other
        taken = logged(entry)["reused"]
        with ledger() as rows:
            query = "SELECT detail FROM audit WHERE subject = ?"
            ((detail,),) = rows.execute(query, [taken]).fetchall()
        assert json.loads(detail)["snapshot"] == wanted
    else:
        assert "reused" not in logged(entry)


def test_what_was_converted_in_looser_confinement_is_converted(
    source: Path, other: Path, converted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.admit(source)
    cache = type(gate.open_gate().cache)
    found = cache.converted

    def looser(self: Any, *args: Any) -> Any:
        made = found(self, *args)
        assert made is not None
        return made[0], "rlimits"

    monkeypatch.setattr(cache, "converted", looser)
    gate.admit(source, trust_policy=other)
    assert len(converted) == 2
