"""Every mutated file gets an answer: no exception, no hang, no flood."""

from __future__ import annotations

import resource

import pytest

from tests.scanner import mutation

BATCH = 250


@pytest.mark.parametrize("start", range(0, 1_500, BATCH))
def test_every_mutation_is_answered(start: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(start, start + BATCH):
        told = mutation.answer(number)

        assert told.error == "", f"mutation {number} of {told.name}"
        assert told.seconds < 10, f"mutation {number} of {told.name}"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 1 << 20, "over 1 GB more than before"


def test_a_mutation_is_always_the_same() -> None:
    assert [mutation.mutant(n) for n in range(20)] == [mutation.mutant(n) for n in range(20)]
    assert len({mutation.mutant(n)[1] for n in range(200)}) > 190


def test_seeds_are_of_every_format() -> None:
    """Each reader is reached by some seed, so each is mutated."""
    from scanner import scan_bytes

    seen = set()
    for name, data in mutation.seeds():
        seen |= set(scan_bytes(data, name=name).format.split("+"))

    wanted = {
        "pickle", "torch-zip", "torch-legacy", "torchscript", "safetensors", "hdf5", "json",
        "msgpack", "numpy", "gzip", "bzip2", "xz", "tar", "zip", "gguf", "onnx", "yaml", "python",
        "tflite",
    }  # fmt: skip
    assert wanted - seen == set()
