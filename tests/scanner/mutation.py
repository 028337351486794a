"""Mutated model files: bits flipped, ends cut, pieces of one spliced into another.

`python -m tests.scanner.mutation --count 20000` scans that many and prints how long it took,
the slowest file and the most memory used. Mutation number n is always the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import resource
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass
from functools import cache

from scanner import FileVerdict, scan_bytes
from tests.builders.gadgets import corpus
from tests.builders.models import FIXTURES

_FIXTURES = (
    "bert-base/pt-zip/pytorch_model.bin",
    "bert-base/safetensors/model.safetensors",
    "torch-oddities/optimizer.zip.bin",
    "torch-oddities/optimizer.legacy.bin",
    "torch-oddities/torchscript.zip.bin",
    "torch-oddities/rng_state.zip.bin",
    "torch-oddities/training_args.zip.bin",
    "torch-oddities/numpy_values.legacy.bin",
    "bert-base/processor/tokenizer.json",
    "bert-base/processor/config.json",
    "bert-base/tf-h5/tf_model.h5",
    "bert-base/flax-msgpack/flax_model.msgpack",
)
_LARGEST = 300_000


@cache
def seeds() -> tuple[tuple[str, bytes], ...]:
    """One good or hostile file of every format, each of modest size: (name, bytes)."""
    found = [
        (path.rpartition("/")[2], (FIXTURES / path).read_bytes()[:_LARGEST])
        for path in _FIXTURES
        if (FIXTURES / path).is_file()
    ]
    counts: Counter[str] = Counter()
    for one in corpus():
        counts[one.family] += 1
        if counts[one.family] <= 12 and len(one.data) < _LARGEST:
            found.append((one.file, one.data))
    found.append(("metadata.json.gz", gzip.compress(json.dumps({"a": [1] * 99}).encode(), mtime=0)))
    found.append(("model.tflite", b"\x1c\0\0\0TFL3" + bytes(200)))
    return tuple(found)


def mutant(number: int) -> tuple[str, bytes]:
    """The mutation with this number: a name and bytes."""
    chance = random.Random(number)
    name, data = chance.choice(seeds())
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        change(changed, chance)
    return name, bytes(changed)


def change(data: bytearray, chance: random.Random) -> None:
    """Change a file in one of seven ways."""
    if not data:
        data += b"\x80\x04"
    # Structure is at both ends; half of all changes go there.
    span = len(data)
    at = chance.randrange(span)
    if chance.random() < 0.5:
        at = chance.randrange(min(span, 512))
        if chance.random() < 0.4:
            at = span - 1 - at
    kind = chance.randrange(7)
    if kind == 0:
        data[at] ^= 1 << chance.randrange(8)
    elif kind == 1:
        data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    elif kind == 2:
        del data[at:]
    elif kind == 3:
        del data[at : at + chance.randrange(1, 64)]
    elif kind == 4:
        other = chance.choice(seeds())[1]
        start = chance.randrange(len(other) + 1)
        data[at:at] = other[start : start + chance.randrange(1, 4096)]
    elif kind == 5:
        data[at : at + 8] = chance.randbytes(8)
    else:
        size = chance.choice((2**31 - 1, 2**32 - 1, 2**63 - 1, 0))
        data[at : at + 8] = size.to_bytes(8, "little")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one mutation; `error` is a traceback, empty when there was none."""

    number: int
    name: str
    verdict: FileVerdict | None
    seconds: float
    error: str


def answer(number: int) -> Answer:
    """Scan one mutation."""
    name, data = mutant(number)
    begun = time.process_time()
    try:
        verdict, error = scan_bytes(data, name=name).verdict, ""
    except BaseException:
        verdict, error = None, traceback.format_exc()
    return Answer(number, name, verdict, time.process_time() - begun, error)


def main() -> int:
    """Scan many; return 1 if any raised or was slow."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--start", type=int, default=0)
    given = parser.parse_args()
    begun = time.monotonic()
    verdicts: Counter[str] = Counter()
    worst = Answer(0, "", None, 0.0, "")
    bad: list[Answer] = []
    for number in range(given.start, given.start + given.count):
        told = answer(number)
        verdicts[told.verdict.value if told.verdict else "raised"] += 1
        if told.seconds > worst.seconds:
            worst = told
        if told.error or told.seconds > 10:
            bad.append(told)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    out = sys.stdout.write
    out(f"{given.count} mutations of {len(seeds())} seeds in {time.monotonic() - begun:.0f} s\n")
    out(f"verdicts: {dict(verdicts)}\n")
    out(f"slowest: number {worst.number} ({worst.name}), {worst.seconds:.2f} s of CPU\n")
    out(f"peak memory: {peak:.0f} MB\n")
    for one in bad[:20]:
        out(f"\nnumber {one.number} ({one.name}), {one.seconds:.2f} s\n{one.error}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
