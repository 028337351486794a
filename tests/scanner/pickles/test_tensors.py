"""What our reader says of a torch pickle is what torch makes of it, for every fixture."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scanner.facts import TensorFact
from scanner.pickles.machine import Interpretation, interpret
from scanner.pickles.rebuilt import ITEM_BYTES
from scanner.pickles.tensors import Opaque, StateTooLargeError, read_state, tensors
from tests.builders import pickles as p

FIXTURES = Path(__file__).parents[2] / "fixtures"
ODDITIES = FIXTURES / "torch-oddities"
INDEX: dict[str, Any] = json.loads((ODDITIES / "index.json").read_text())
WITH_TENSORS = [
    (ODDITIES / file, ODDITIES / f"{name}.expected.safetensors")
    for name, entry in sorted(INDEX.items())
    for file in entry["files"]
    if (ODDITIES / f"{name}.expected.safetensors").exists()
]
CHECKPOINTS = sorted(
    path
    for kind in ("pt-zip", "pt-legacy", "pt-sharded", "pt-bf16", "pt-fp16", "pt-oldkeys")
    for path in FIXTURES.glob(f"*/{kind}/*.bin")
)


class Checkpoint:
    """A torch file read by us alone: the interpretation, and the bytes of each storage."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        self.storages: dict[str, bytes] = {}
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                (member,) = (n for n in archive.namelist() if n.endswith("/data.pkl"))
                self.seen = interpret(archive.read(member), persistent_ids="torch")
                prefix = member.removesuffix("data.pkl") + "data/"
                for name in archive.namelist():
                    if name.startswith(prefix):
                        self.storages[name.removeprefix(prefix)] = archive.read(name)
            self.state = read_state(self.seen.values[0])
        else:
            self.seen = interpret(data, persistent_ids="torch", pickles=5)
            self.state = read_state(self.seen.values[3])
            self.legacy(data, self.seen)

    def legacy(self, data: bytes, seen: Interpretation) -> None:
        keys = read_state(seen.values[4])
        sizes = {fact.storage: ITEM_BYTES[fact.storage_dtype] for fact in tensors(self.state)}
        pos = seen.ends[4]
        for key in keys:
            (count,) = struct.unpack_from("<q", data, pos)
            length = count * sizes.get(key, 1)
            self.storages[key] = data[pos + 8 : pos + 8 + length]
            pos += 8 + length

    def bytes_of(self, fact: TensorFact) -> bytes:
        """Gather a tensor's elements in row-major order."""
        item = ITEM_BYTES[fact.dtype]
        raw = np.frombuffer(self.storages[fact.storage], dtype=np.uint8)
        if 0 in fact.shape:
            return b""
        view = np.lib.stride_tricks.as_strided(
            raw[fact.storage_offset * item :],
            shape=(*fact.shape, item),
            strides=(*(step * item for step in fact.stride), 1),
        )
        return view.tobytes()


def expected(path: Path) -> Iterator[tuple[str, str, tuple[int, ...], bytes]]:
    """Read a safetensors file by hand: name, dtype, shape, bytes."""
    raw = path.read_bytes()
    (length,) = struct.unpack_from("<Q", raw)
    for name, entry in json.loads(raw[8 : 8 + length]).items():
        if name != "__metadata__":
            start, stop = (8 + length + at for at in entry["data_offsets"])
            yield name, entry["dtype"], tuple(entry["shape"]), raw[start:stop]


def dotted(fact: TensorFact) -> str:
    return ".".join(str(part) for part in fact.name) or "value"


@pytest.mark.parametrize(("path", "truth"), WITH_TENSORS, ids=lambda path: path.name)
def test_every_oddity_has_the_bytes_torch_reads(path: Path, truth: Path) -> None:
    checkpoint = Checkpoint(path)
    facts = {dotted(fact): fact for fact in tensors(checkpoint.state)}
    for name, _, shape, raw in expected(truth):
        fact = facts.pop(name)
        assert fact.shape == shape
        assert fact.layout == "strided"
        if not fact.conjugate and not fact.negative:
            assert checkpoint.bytes_of(fact) == raw, name
    assert facts == {}


@pytest.mark.parametrize("path", CHECKPOINTS, ids=lambda p: f"{p.parts[-3]}-{p.parts[-2]}-{p.name}")
def test_checkpoints_of_weights_are_clean_and_whole(path: Path) -> None:
    checkpoint = Checkpoint(path)
    assert checkpoint.seen.clean
    facts = list(tensors(checkpoint.state))
    assert facts
    for fact in facts:
        assert len(checkpoint.storages[fact.storage]) == (
            fact.storage_elements * ITEM_BYTES[fact.storage_dtype]
        )
    assert {fact.storage for fact in facts} == set(checkpoint.storages)


@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_lazy_bits_are_told(kind: str) -> None:
    (conjugate,) = tensors(Checkpoint(ODDITIES / f"conjugate.{kind}.bin").state)
    (negated,) = tensors(Checkpoint(ODDITIES / f"negated.{kind}.bin").state)
    assert (conjugate.conjugate, conjugate.negative) == (True, False)
    assert negated.negative is True


def test_a_whole_module_is_opaque_and_its_parameters_are_in_its_state() -> None:
    with zipfile.ZipFile(ODDITIES / "whole_module.zip.bin") as archive:
        (member,) = (n for n in archive.namelist() if n.endswith("/data.pkl"))
        state = read_state(interpret(archive.read(member), persistent_ids="torch").values[0])
    assert isinstance(state, Opaque)
    assert state.callee == "torch.nn.modules.linear.Linear"
    assert {fact.name[-1] for fact in tensors(state)} == {"weight", "bias"}


def test_plain_data_reads_as_itself() -> None:
    value = {"a": [1, (2, None), {"b": 1.5}], 3: b"x", "od": OrderedDict(k=True)}
    for protocol in range(2, 6):
        assert read_state(interpret(pickle.dumps(value, protocol)).values[0]) == value


def test_a_list_that_holds_itself_is_read_once() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    state = read_state(interpret(pickle.dumps(loop)).values[0])
    assert state[0] == 1
    assert state[1] is state
    assert list(tensors(state)) == []


def test_depth_costs_no_recursion() -> None:
    data = p.program(p.EMPTY_LIST * 50_000, p.APPEND * 49_999)
    state = read_state(interpret(data).values[0])
    depth = 1
    while state:
        (state,) = state
        depth += 1
    assert depth == 50_000
    nested = p.program(p.NONE, p.TUPLE1 * 50_000)
    assert isinstance(read_state(interpret(nested).values[0]), tuple)


def test_shared_containers_are_not_unfolded() -> None:
    double = p.MEMOIZE + p.EMPTY_LIST + b"".join(
        p.MARK + p.long_get(level) + p.long_get(level) + p.LIST + p.MEMOIZE for level in range(64)
    )  # fmt: skip
    value = interpret(p.program(p.EMPTY_LIST, double)).values[0]
    state = read_state(value)
    with pytest.raises(StateTooLargeError):
        list(tensors(state))
