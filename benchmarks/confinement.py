"""What confinement costs a file, side by side with the same work in this process.

    python benchmarks/confinement.py [--files 100] [--repeat 7] [--json FILE]

Every way scans the same small pickles (without the second reading, which only workers take), or
converts the same small checkpoint of twenty files. `one worker` is a snapshot's worker used for
all its files; `a worker a file` is the dearest case, snapshots of one file, of which a tenth are
taken. Rounds take the ways in turn; figures are medians, the added cost is in ms a file, the
ratio is to this process. `least` compares the fastest rounds, which says more on a busy
machine. How far it is goes to stderr.
"""

from __future__ import annotations

import argparse
import json
import pickle
import shutil
import statistics
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

GOAL_MS = 5.0
"""Most that confinement may add to a file of a snapshot, in ms."""

SMALL_FILES = 18
"""Configuration, tokenizer and notes beside the weights that are converted."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way: seconds for all files, ms added to each by median and least, and the ratio."""

    way: str
    tier: str
    files: int
    seconds: float
    added_ms: float
    least_ms: float
    ratio: float


def pickles(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    made = []
    for number in range(count):
        path = folder / f"{number:05}.pkl"
        path.write_bytes(pickle.dumps(OrderedDict(layer=list(range(number % 50)), name="x" * 40)))
        made.append(path)
    return made


def checkpoint(folder: Path) -> Path:
    """A legacy checkpoint with as many small files beside it as models have."""
    shutil.copytree(ROOT / "tests" / "fixtures" / "distilbert-token" / "pt-zip", folder)
    for number in range(SMALL_FILES):
        (folder / f"notes_{number:02}.json").write_text(json.dumps({"number": number}))
    return folder


@dataclass(frozen=True, kw_only=True)
class Way:
    """What is timed: does its work on so many files and gives the tier."""

    run: Callable[[], str]
    files: int


def scans(files: list[Path], scratch: Path) -> dict[str, Way]:
    import scanner
    from secureload.sandbox import Sandbox, forked
    from secureload.sandbox.client import serve

    folder = files[0].parent

    def here() -> str:
        scanner.scan([folder], second="never")
        return "none"

    def a_child() -> str:
        with forked() as confined:
            scanner.scan([folder], examine=confined.examine, second="never")
            return confined.tier.value

    def a_server() -> str:
        confined = Sandbox(serve().spawn, scratch)
        scanner.scan([folder], examine=confined.examine, second="never")
        return confined.tier.value

    def a_worker_a_file() -> str:
        for file in files[::10]:
            confined = Sandbox(serve().spawn, scratch)
            scanner.scan([file], examine=confined.examine, second="never")
        return confined.tier.value

    return {
        "scan, in this process": Way(run=here, files=len(files)),
        "scan, one worker, forked": Way(run=a_child, files=len(files)),
        "scan, one worker, served": Way(run=a_server, files=len(files)),
        "scan, a worker a file": Way(run=a_worker_a_file, files=len(files[::10])),
    }


def conversions(source: Path, scratch: Path) -> dict[str, Way]:
    from secureload.convert.folder import convert_folder
    from secureload.convert.making import folder_at
    from secureload.sandbox import Sandbox
    from secureload.sandbox.client import serve

    def convert(confined: Sandbox | None) -> str:
        output = scratch / "output"
        output.mkdir()
        try:
            (confined.convert_folder if confined else convert_folder)(folder_at(source), output)
        finally:
            shutil.rmtree(output)
        return confined.tier.value if confined else "none"

    count = sum(path.is_file() for path in source.iterdir())
    return {
        "convert a folder, in this process": Way(run=lambda: convert(None), files=count),
        "convert a folder, in a worker": Way(
            run=lambda: convert(Sandbox(serve().spawn, scratch)), files=count
        ),
    }


def measure(ways: dict[str, Way], repeat: int) -> list[Row]:
    """Time the ways in turns; the first is what the others are compared with."""
    tiers = {name: way.run() for name, way in ways.items()}  # warm: imports, server, page cache
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(1, repeat + 1):
        for name, way in ways.items():
            begin = time.perf_counter()
            way.run()
            taken[name].append((time.perf_counter() - begin) / way.files)
        print(f"{next(iter(ways))} and others: round {turn} of {repeat}", file=sys.stderr)
    base = taken[next(iter(ways))]
    return [
        Row(
            way=name,
            tier=tiers[name],
            files=ways[name].files,
            seconds=statistics.median(times) * ways[name].files,
            added_ms=(statistics.median(times) - statistics.median(base)) * 1000,
            least_ms=(min(times) - min(base)) * 1000,
            ratio=statistics.median(times) / statistics.median(base),
        )
        for name, times in taken.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="confinement-") as root:
        folder, scratch = Path(root), Path(root, "scratch")
        scratch.mkdir()
        files = pickles(folder / "pickles", asked.files)
        rows = measure(scans(files, scratch), asked.repeat)
        rows += measure(conversions(checkpoint(folder / "model"), scratch), asked.repeat)
    print(
        f"{'way':<34} {'tier':<17} {'files':>5} {'s':>7} {'+ms/file':>9} {'least':>6} {'ratio':>6}"
    )
    for row in rows:
        print(
            f"{row.way:<34} {row.tier:<17} {row.files:>5} {row.seconds:>7.3f} "
            f"{row.added_ms:>9.2f} {row.least_ms:>6.2f} {row.ratio:>6.2f}"
        )
    amortised = [row for row in rows if "a worker a file" not in row.way]
    print(
        f"goal: at most {GOAL_MS} ms a file, amortised; dearest here "
        f"{max(row.added_ms for row in amortised):.2f} ms, "
        f"in the fastest rounds {max(row.least_ms for row in amortised):.2f} ms"
    )
    if asked.json:
        asked.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
