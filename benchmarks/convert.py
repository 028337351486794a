"""Converting a checkpoint, side by side with copying it and with torch.load + save_file.

    python benchmarks/convert.py [--sizes 100MB 1GB] [--large] [--repeat 5] [--folder DIR]

Sizes are written with their unit; `--large` adds 4 GB. Each run meets the same state: no
output, nothing waiting for the disk, the source read once before. The ways take turns at going
first; ratios are medians over rounds. Each run is a whole process, Python's start included, but
for `confined, process up`: one conversion as the gate makes it, in a confined worker of a
process that has started and imported before. `cp` and `secureload` end in fsync; torch's own
functions do not, so they are measured without it and with.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
WIDTH = 32
sys.path.insert(0, str(ROOT))

MAKE = """
import sys, torch
size, path = int(sys.argv[1]), sys.argv[2]
state, layer = {}, 0
while size > 0:
    for name, shape in (("q", (2048, 2048)), ("up", (5632, 2048)), ("norm", (2048,))):
        tensor = torch.randint(-30000, 30000, shape, dtype=torch.int16).view(torch.float16)
        state[f"model.layers.{layer}.{name}.weight"] = tensor
        size -= tensor.nbytes
    layer += 1
torch.save(state, path)
"""
LIBRARY = """
import sys
from pathlib import Path
from secureload.convert import convert_path
convert_path(Path(sys.argv[1]), Path(sys.argv[2]), verify={verify})
"""
UP = """
import json, os, resource, sys, time
from pathlib import Path
import secureload.convert.making
from secureload import sandbox
from secureload.convert import convert_path

def used():
    both = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(one.ru_utime + one.ru_stime for one in both)

began, before = time.perf_counter(), used()
with sandbox.forked() as confined:
    convert_path(Path(sys.argv[1]), Path(sys.argv[2]), through=confined.make_path)
wall, cpu = time.perf_counter() - began, used() - before
memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps({"wall": wall, "cpu": cpu, "memory": memory}))
"""
TORCH = """
import os, sys, torch
from safetensors.torch import save_file
save_file(torch.load(sys.argv[1], weights_only=True), sys.argv[2], metadata={"format": "pt"})
"""
FSYNC = """
os.fsync(os.open(sys.argv[2], os.O_RDWR))
"""
PYTHON = (sys.executable, "-c")
CP, OF_TORCH = "cp + fsync", "torch.load + save_file"
WAYS = {
    CP: ("sh", "-c", 'cp "$1" "$2" && sync "$2"', "sh"),
    "secureload convert": (sys.executable, "-m", "secureload.cli", "convert"),
    "confined, process up": (*PYTHON, UP),
    "convert_path": (*PYTHON, LIBRARY.format(verify=False)),
    "convert_path, read back": (*PYTHON, LIBRARY.format(verify=True)),
    OF_TORCH: (*PYTHON, TORCH),
    f"{OF_TORCH} + fsync": (*PYTHON, TORCH + FSYNC),
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One process, or what one says of itself: wall and CPU in seconds, peak memory in MiB."""

    wall: float
    cpu: float
    memory: float


def run(*command: str) -> Run:
    begin = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    if status:
        sys.exit(f"a benchmarked process failed: {status}")
    assert process.stdout is not None
    with process.stdout as said:
        if (own := said.read()).startswith(b"{"):
            return Run(**json.loads(own))
    return Run(wall=wall, cpu=used.ru_utime + used.ru_stime, memory=used.ru_maxrss / 1024)


def measure(source: Path, target: Path, repeat: int) -> dict[str, list[Run]]:
    runs: dict[str, list[Run]] = {way: [] for way in WAYS}
    for turn in range(repeat):
        first = turn % len(WAYS)
        for way in (*WAYS, *WAYS)[first : first + len(WAYS)]:
            target.unlink(missing_ok=True)
            os.sync()
            read(source)
            runs[way].append(run(*WAYS[way], str(source), str(target)))
    target.unlink(missing_ok=True)
    return runs


def read(path: Path) -> None:
    """Have the whole file in the page cache, as far as there is room."""
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


def ratio(runs: dict[str, list[Run]], way: str, other: str, what: str) -> float:
    pairs = zip(runs[way], runs[other], strict=True)
    return statistics.median(getattr(a, what) / getattr(b, what) for a, b in pairs)


def table(size: str, runs: dict[str, list[Run]]) -> None:
    head = ("wall s", "CPU s", "peak MiB", "wall/cp", "wall/torch", "CPU/torch")
    print(f"\n{size:<{WIDTH}}" + "".join(f"{title:>12}" for title in head))
    for way, results in runs.items():
        cells = [statistics.median(getattr(r, key) for r in results) for key in ("wall", "cpu")]
        cells.append(max(r.memory for r in results))
        cells.append(ratio(runs, way, CP, "wall"))
        cells.extend(ratio(runs, way, OF_TORCH, what) for what in ("wall", "cpu"))
        print(f"{way:<{WIDTH}}" + "".join(f"{cell:>12.2f}" for cell in cells))


def with_unit(size: str) -> str:
    """Take no bare number, which would mean bytes where most people think of megabytes."""
    if size.strip().isdigit():
        raise argparse.ArgumentTypeError(f"{size} of what? write {size}MB or {size}GB")
    return size


def main() -> None:
    from secureload.convert.path import parse_size

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", nargs="+", type=with_unit, default=["100MB", "1GB"])
    parser.add_argument("--large", action="store_true", help="4 GB as well; takes minutes")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to work; on a real disk")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="bench-convert-", dir=arguments.folder))
    report = {}
    try:
        for size in [*arguments.sizes, *(["4GB"] if arguments.large else [])]:
            source = work / "model.bin"
            run(*PYTHON, MAKE, str(parse_size(size)), str(source))
            runs = measure(source, work / "model.safetensors", arguments.repeat)
            table(size, runs)
            print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
            report[size] = {way: [asdict(r) for r in results] for way, results in runs.items()}
            source.unlink()
    finally:
        shutil.rmtree(work)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
