"""Fuzz the scanner, guided by coverage: `python -m tests.fuzz.fuzz_pickles --seconds 3600`.

Half of the inputs are pickle streams, from a grammar or mutated opcode by opcode: no stream
may do in any of CPython's unpicklers what ours does not see. The other half are whole files of
every format, mutated: each gets an answer. Needs atheris (`pip install "secureload[fuzz]"`).

One process; it stops when the time is over and prints its figures, 1 as exit code if anything
was found. What it learned lies in `build/fuzz/corpus` and is used again by the next run; each
input that failed lies in `build/fuzz/failures` beside a text that says why; what libFuzzer and
CPython print goes to `build/fuzz/stderr.log`. `--replay FILE` checks one such input again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import resource
import sys
import time
from collections import Counter
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["scanner"]):
    from tests.fuzz import oracle, streams
    from tests.scanner import mutation

STREAM, FILE = b"p", b"f"
"""The first byte of an input says what the rest is."""

_LARGEST = 1 << 16
_MEMORY = 1536
_KEPT = 5


class Fuzzing:
    """One run: what it counts, and when it ends."""

    def __init__(self, folder: Path, seconds: float, runs: int) -> None:
        self.corpus = folder / "corpus"
        self.failures = folder / "failures"
        self.seconds = seconds
        self.runs = runs
        self.begun = time.monotonic()
        self.counts: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        for path in (self.corpus, self.failures):
            path.mkdir(parents=True, exist_ok=True)

    def one(self, data: bytes) -> None:
        """Check one input; end the process when its time is over."""
        kind = data[:1]
        self.counts[kind.decode("latin-1")] += 1
        why = check(data)
        if why:
            self.keep(data, why)
        over = time.monotonic() - self.begun > self.seconds
        if over or (self.runs and self.counts.total() >= self.runs):
            sys.stdout.write(self.figures())
            sys.stdout.flush()
            os._exit(1 if self.seen else 0)  # libFuzzer knows no other way to stop in between

    def keep(self, data: bytes, why: str) -> None:
        """Store an input that failed, a few of each kind."""
        about = _kind(why)
        self.seen[about] += 1
        if self.seen[about] <= _KEPT:
            name = hashlib.sha256(data).hexdigest()[:16]
            (self.failures / f"{name}.bin").write_bytes(data)
            (self.failures / f"{name}.txt").write_text(why, "utf-8", "backslashreplace")

    def figures(self) -> str:
        """What this run did, in a few lines."""
        taken = time.monotonic() - self.begun
        total = self.counts.total()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        lines = [
            f"{total} executions in {taken:.0f} s, {total / taken:.0f} a second, {peak:.0f} MB",
            f"pickle streams {self.counts['p']}, files {total - self.counts['p']}",
            f"corpus {sum(1 for _ in self.corpus.iterdir())} inputs",
            f"failures {self.seen.total()} of {len(self.seen)} kinds",
            *(f"  {count} x {about}" for about, count in self.seen.most_common()),
        ]
        return "\n".join(lines) + "\n"


def _kind(why: str) -> str:
    """What failures of one cause have in common: the exception, or what was not seen."""
    last = why.strip().rpartition("\n")[2]
    if last.startswith("not seen"):
        return "not seen: " + ", ".join(sorted(set(re.findall(r"\('(\w+)'", last))))
    return re.sub(r"\d+", "#", last)[:120]


def check(data: bytes) -> str:
    """What is wrong with our answer to this input; empty when nothing is."""
    if data[:1] == STREAM:
        return oracle.stream(data[1:])
    return oracle.whole(data[1:])


def mutate(data: bytes, largest: int, seed: int) -> bytes:
    """The next input, made of one that was of interest."""
    chance = random.Random(seed)
    rest = bytes(data[1:])
    if data[:1] != FILE:
        roll = chance.random()
        if roll < 0.3 or not rest:
            rest = streams.program(chance)
        elif roll < 0.7:
            rest = streams.mutated(rest, chance)
        else:
            rest = atheris.Mutate(rest, largest - 1)
        return (STREAM + rest)[:largest]
    if chance.random() < 0.6:
        changed = bytearray(rest)
        mutation.change(changed, chance)
        rest = bytes(changed)
    else:
        rest = atheris.Mutate(rest or b"\0", largest - 1)
    return (FILE + rest)[:largest]


def sow(corpus: Path) -> None:
    """Write the first inputs: good and hostile files, and programs of the grammar."""
    inputs = [FILE + data for _, data in mutation.seeds()]
    inputs += [STREAM + data for name, data in mutation.seeds() if name.endswith(".pkl")]
    inputs += [STREAM + streams.program(random.Random(seed)) for seed in range(300)]
    for data in inputs:
        if len(data) <= _LARGEST:
            (corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)


def main() -> None:
    """Fuzz for a while; never returns, libFuzzer ends the process."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--runs", type=int, default=0, help="stop after so many, 0: never")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--seed", type=int, default=0, help="of libFuzzer, 0: by the clock")
    parser.add_argument("--replay", type=Path, help="check one stored input and say what is wrong")
    given = parser.parse_args()
    if given.replay:
        sys.exit(check(given.replay.read_bytes()) or 0)
    run = Fuzzing(given.folder, given.seconds, given.runs)
    sow(run.corpus)
    arguments = [
        sys.argv[0],
        str(run.corpus),
        f"-max_len={_LARGEST}",
        f"-rss_limit_mb={_MEMORY}",
        "-timeout=60",
        "-verbosity=0",
        f"-seed={given.seed}",
        f"-artifact_prefix={run.failures}/",
    ]
    log = os.open(given.folder / "stderr.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 2)
    atheris.Setup(arguments, run.one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
