"""HDF5: what leads out of the file, and what would run, is told; Keras' own files are clean."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from scanner.engine import Options, scan_bytes
from scanner.limits import Limits
from tests.builders.pickles import call, program, text
from tests.scanner.told import CLEAN, ERROR, SHELL, SUSPICIOUS, assert_clean, rules, tell

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


def test_the_filter_that_h5py_brings_is_no_plug_in() -> None:
    assert_clean(made(lambda f: f.create_dataset("x", data=[1.0] * 50, compression="lzf")), "hdf5")


def test_a_cut_file_is_an_error() -> None:
    data = made(lambda f: f.create_dataset("x", data=list(range(1000))))
    assert tell(data[: len(data) // 2]).verdict is ERROR


ACTS = program(call("posix", "system", text("true")), protocol=4)


@pytest.mark.parametrize("settings", [
    {"compression": "gzip"}, {"compression": "gzip", "shuffle": True}, {"chunks": (2,)},
    {"compression": "gzip", "shuffle": True, "fletcher32": True},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("kind", ["u1", "<f4", "<u8"])
@pytest.mark.parametrize("data", [SHELL, ACTS], ids=["lines", "protocol 4"])
def test_a_pickle_in_packed_data_is_found(settings: dict[str, Any], kind: str, data: bytes) -> None:
    padded = np.frombuffer(data + b"." * (-len(data) % 8), dtype=kind)
    file = made(lambda f: f.create_dataset("w", data=padded, **settings))

    assert "hidden-pickle" in rules(tell(file, "model.h5"))


def test_so_is_one_in_an_attribute() -> None:
    for value in (np.void(SHELL), np.frombuffer(ACTS, "u1"), ACTS.hex()):
        file = made(lambda f, value=value: f.attrs.__setitem__("note", value))  # type: ignore[misc]

        assert "hidden-pickle" in rules(tell(file, "model.h5"))


@pytest.mark.parametrize("shape", [(3, 4), (0,), (), (1, 1 << 20)])
def test_packed_weights_are_clean(shape: tuple[int, ...]) -> None:
    weights = np.random.default_rng(0).standard_normal(shape).astype("f4")
    settings = {"compression": "gzip", "shuffle": True} if shape else {}

    assert_clean(made(lambda f: f.create_dataset("w", data=weights, **settings)), "hdf5")


NOISE = np.random.default_rng(0).integers(0, 256, 24 << 20, dtype="u1")


def _late(file: Any, **options: Any) -> None:
    data = np.zeros(40 << 20, dtype="u1")
    data[-len(ACTS) - 5 : -5] = np.frombuffer(ACTS, dtype="u1")
    file.create_dataset("x", data=data, **options)


def _wide(file: Any) -> None:
    data = np.zeros((3, 20 << 20), dtype="u1")
    data[2, 7 : 7 + len(ACTS)] = np.frombuffer(ACTS, dtype="u1")
    file.create_dataset("x", data=data, compression="gzip", chunks=(1, 1 << 20))


def _large(file: Any) -> None:
    file["noise"] = NOISE.view("f4")


def _texts(file: Any) -> None:
    _large(file)
    file.create_dataset("x", data=[b"x" * 9] * 3_000 + [base64.b64encode(ACTS)],
                        dtype=h5py.string_dtype())  # fmt: skip


def _bytes(file: Any) -> None:
    _large(file)
    file["x"] = np.frombuffer(bytes(9) + ACTS, dtype="u1")


def _attribute(file: Any) -> None:
    for number in range(300):
        file.attrs[f"a{number}"] = np.zeros(60_000, dtype="u1")
    file.attrs["z"] = np.frombuffer(bytes(9) + ACTS, dtype="u1")


def _attribute_texts(file: Any) -> None:
    _large(file)
    file.attrs["z"] = ["x" * 9, base64.b64encode(ACTS).decode()]


@pytest.mark.parametrize(
    "fill",
    [lambda file: _late(file, compression="gzip"), lambda file: _late(file, chunks=(1 << 20,)),
     _wide, _texts, _bytes, _attribute, _attribute_texts],
    ids=["packed", "chunked", "wide rows", "texts", "bytes", "attribute", "attribute texts"],
)  # fmt: skip
def test_a_pickle_far_inside_is_found(fill: Callable[[Any], object]) -> None:
    assert "hidden-pickle" in rules(tell(made(fill), "model.h5"))


def test_chunks_too_large_to_hold_are_said() -> None:
    data = made(lambda file: _late(file, compression="gzip", chunks=(40 << 20,)))
    result = scan_bytes(data, name="x.h5", options=Options(limits=Limits(slab_bytes=1 << 20)))

    assert rules(result) == {"limit-reached", "malformed-file"}
    assert result.verdict is SUSPICIOUS


def test_large_packed_weights_are_clean() -> None:
    weights = np.random.default_rng(1).standard_normal((6_000, 1_024)).astype("f4")

    assert_clean(made(lambda f: f.create_dataset("w", data=weights, compression="gzip")), "hdf5")


def test_a_dataset_that_was_declared_and_never_written_is_clean() -> None:
    def fill(file: Any) -> None:
        file.create_dataset("x", (100, 100), "u1", chunks=(10, 10), compression="gzip")

    assert_clean(made(fill), "hdf5")


@pytest.mark.parametrize("size", [0, (1 << 64) - 16, 1 << 40])
def test_a_heap_whose_lengths_lead_nowhere_is_damaged(size: int, tmp_path: Path) -> None:
    """HDF5's library never comes back from some of these; it is not asked."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["note"] = "text of varying length"
    data = bytearray((tmp_path / "a.h5").read_bytes())
    assert tell(bytes(data), "a.h5").verdict is CLEAN
    at = data.index(b"GCOL") + 16
    data[at : at + 2] = b"\0\0" if not size else data[at : at + 2]
    data[at + 8 : at + 16] = size.to_bytes(8, "little")

    assert tell(bytes(data), "a.h5").verdict is ERROR
