"""What confinement costs a file, side by side with the same work in this process.

    python benchmarks/confinement.py [--files 500] [--repeat 7] [--json FILE]

Every way scans the same small pickles, or converts the same small checkpoint. `one worker` is
a snapshot's worker used for all its files; `a worker a file` is the dearest case, a snapshot of
one file. Rounds take the ways in turn; figures are medians, the added cost is in ms a file, the
ratio is to this process.
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


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way: seconds for all files, ms added to each, and the ratio to this process."""

    way: str
    tier: str
    files: int
    seconds: float
    added_ms: float
    ratio: float


def pickles(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    made = []
    for number in range(count):
        path = folder / f"{number:05}.pkl"
        path.write_bytes(pickle.dumps(OrderedDict(layer=list(range(number % 50)), name="x" * 40)))
        made.append(path)
    return made


def scans(files: list[Path], scratch: Path) -> dict[str, Callable[[], str]]:
    import scanner
    from secureload.sandbox import Sandbox, forked
    from secureload.sandbox.client import serve

    folder = files[0].parent

    def here() -> str:
        scanner.scan([folder])
        return "none"

    def a_child() -> str:
        with forked() as confined:
            scanner.scan([folder], examine=confined.examine)
            return confined.tier.value

    def a_server() -> str:
        confined = Sandbox(serve().spawn, scratch)
        scanner.scan([folder], examine=confined.examine)
        return confined.tier.value

    def a_worker_a_file() -> str:
        for file in files:
            confined = Sandbox(serve().spawn, scratch)
            scanner.scan([file], examine=confined.examine)
        return confined.tier.value

    return {
        "scan, in this process": here,
        "scan, one worker, forked": a_child,
        "scan, one worker, served": a_server,
        "scan, a worker a file": a_worker_a_file,
    }


def conversions(source: Path, scratch: Path) -> dict[str, Callable[[], str]]:
    from secureload.convert.folder import convert_folder
    from secureload.convert.path import folder_at
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

    return {
        "convert a folder, in this process": lambda: convert(None),
        "convert a folder, in a worker": lambda: convert(Sandbox(serve().spawn, scratch)),
    }


def measure(ways: dict[str, Callable[[], str]], files: int, repeat: int) -> list[Row]:
    tiers = {way: run() for way, run in ways.items()}  # warm: imports, the server, the page cache
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeat):
        for way, run in ways.items():
            begin = time.perf_counter()
            run()
            taken[way].append(time.perf_counter() - begin)
    base = statistics.median(taken[next(iter(ways))])
    rows = []
    for way, times in taken.items():
        seconds = statistics.median(times)
        added = (seconds - base) / files * 1000
        rows.append(
            Row(way=way, tier=tiers[way], files=files, seconds=seconds, added_ms=added,
                ratio=seconds / base)
        )  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="confinement-") as root:
        folder, scratch = Path(root), Path(root, "scratch")
        scratch.mkdir()
        files = pickles(folder / "pickles", asked.files)
        rows = measure(scans(files, scratch), len(files), asked.repeat)
        source = ROOT / "tests" / "fixtures" / "distilbert-token" / "pt-zip"
        count = sum(path.is_file() for path in source.iterdir())
        rows += measure(conversions(source, scratch), count, max(asked.repeat, 20))
    print(f"{'way':<34} {'tier':<17} {'files':>5} {'s':>7} {'+ms/file':>9} {'ratio':>6}")
    for row in rows:
        print(
            f"{row.way:<34} {row.tier:<17} {row.files:>5} {row.seconds:>7.3f} "
            f"{row.added_ms:>9.2f} {row.ratio:>6.2f}"
        )
    dearest = max(row.added_ms for row in rows if "a worker a file" not in row.way)
    print(f"goal: at most {GOAL_MS} ms a file, amortised; dearest here {dearest:.2f} ms")
    if asked.json:
        asked.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
