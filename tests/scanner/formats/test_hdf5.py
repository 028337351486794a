"""HDF5: what leads out of the file, and what would run, is told; Keras' own files are clean."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from tests.scanner.told import CLEAN, ERROR, SUSPICIOUS, assert_clean, rules, tell

FIXTURES = Path(__file__).parents[2] / "fixtures"
LAMBDA = {"class_name": "Sequential", "config": {"layers": [
    {"class_name": "Functional", "config": {"layers": [
        {"class_name": "Lambda", "config": {"function": ["4wEAAAA", None, None]}}]}}]}}  # fmt: skip


def made(fill: Callable[[Any], object]) -> bytes:
    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        fill(file)
    return held.getvalue()


def _virtual(file: Any) -> None:
    layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(4,))
    file.create_virtual_dataset("v", layout)


def _hard(file: Any) -> None:
    file["a"] = [1.0]
    file["b"] = file["a"]


@pytest.mark.parametrize(
    "path", sorted(FIXTURES.rglob("*.h5")), ids=lambda p: "/".join(p.parts[-3:])
)
def test_real_files_are_clean(path: Path) -> None:
    assert tell(path.read_bytes(), path.name).verdict is CLEAN


@pytest.mark.parametrize(
    ("fill", "rule"),
    [
        (lambda f: f.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/y")), "link-in-archive"),
        (lambda f: f.__setitem__("x", h5py.SoftLink("/y")), "link-in-archive"),
        (lambda f: f.create_dataset("x", (4,), "u1", external=[("/etc/passwd", 0, 4)]),
         "link-in-archive"),
        (_virtual, "link-in-archive"),
        (_hard, "malformed-file"),
        (lambda f: f.create_dataset("x", (1 << 40,), "u1"), "malformed-file"),
        (lambda f: f.attrs.__setitem__("model_config", json.dumps(LAMBDA)), "embedded-code"),
    ],
    ids=["external-link", "soft-link", "external-storage", "virtual", "shared", "huge", "lambda"],
)  # fmt: skip
def test_what_leads_out_or_runs_is_told(fill: Callable[[Any], object], rule: str) -> None:
    result = tell(made(fill), "model.h5")
    assert result.verdict is SUSPICIOUS
    assert rule in rules(result)


def test_ordinary_data_is_clean() -> None:
    assert_clean(
        made(lambda f: f.create_dataset("g/x", data=[1.0, 2.0], compression="gzip")), "hdf5"
    )


def test_a_cut_file_is_an_error() -> None:
    data = made(lambda f: f.create_dataset("x", data=list(range(1000))))
    assert tell(data[: len(data) // 2]).verdict is ERROR
