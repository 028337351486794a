"""What a scan costs: `secureload scan` beside four other scanners, each as a whole process.

Four inputs are made on the spot: a torch zip of about `--size` MB, 500 small pickles, a pickle
of a million opcodes and a pickled numpy array of 200 MB. Every scanner reads each of them in
turns, from a warm file cache; the figures are medians of wall time and CPU time (user and
system, children included) and the highest peak memory. A run longer than `--limit` seconds is
ended and shown as "> 60". `ratio` is wall time over ours, on the same machine minutes apart.

The others are installed into an environment of their own, `benchmarks/.venv-peers`; one that
cannot be installed or does not finish is shown as that. Only time is compared here: the
scanners differ in what they look for and report.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

PEERS = Path(__file__).parent / ".venv-peers"
SCANNERS = ("secureload", "picklescan", "modelscan", "fickling", "modelaudit")
ENOUGH_S = 6.0
"""Once the runs of one scanner on one input have taken this long, no more are made."""

FICKLING = """
import os, sys
from fickling.analysis import check_safety
from fickling.fickle import Pickled
top = sys.argv[1]
paths = [os.path.join(top, name) for name in sorted(os.listdir(top))] if os.path.isdir(top) \
    else [top]
read = 0
for path in paths:
    with open(path, 'rb') as file:
        try:
            check_safety(Pickled.load(file))
            read += 1
        except Exception as error:
            print(path, type(error).__name__)
sys.exit(0 if read else 3)
"""
"""fickling takes one file a call; one process for a folder is the kinder comparison."""
NOT_FOR_IT = 3
"""The exit code of a scanner called through a library when the input is not for it."""


@dataclass(kw_only=True)
class Cell:
    """One scanner on one input: seconds, MiB, and a note where there are no figures."""

    wall_s: float | None = None
    cpu_s: float | None = None
    peak_mib: float | None = None
    runs: int = 0
    code: int | None = None
    note: str = ""
    ratio: float | None = field(default=None)


def make(folder: Path, megabytes: int, *, quick: bool) -> None:
    """Write the inputs; runs in a process of its own, which may grow large."""
    import pickle

    import numpy as np
    import torch

    count = max(1, megabytes // 64)
    torch.save(
        {f"layer.{n}.weight": torch.zeros(16 << 20) for n in range(count)},
        folder / "weights.bin",
    )
    small = folder / "small"
    small.mkdir()
    for n in range(50 if quick else 500):
        rows = [{"id": n * 1000 + i, "name": f"row {i}", "score": i / 7} for i in range(300)]
        (small / f"{n:03}.pkl").write_bytes(pickle.dumps({"rows": rows, "epoch": n}))
    # Each row costs ten opcodes: a dict, its memo, keys, values, a string and its memo.
    rows = [{"id": n, "name": f"row {n}"} for n in range(10_000 if quick else 100_000)]
    (folder / "opcodes.pkl").write_bytes(pickle.dumps(rows, protocol=4))
    array = np.zeros((20 if quick else 200) * 125_000)
    (folder / "array.pkl").write_bytes(pickle.dumps(array, protocol=4))


def inputs(folder: Path) -> dict[str, Path]:
    """The inputs by what the table calls them."""
    size = (folder / "weights.bin").stat().st_size / 1e6
    array = (folder / "array.pkl").stat().st_size / 1e6
    small = len(list((folder / "small").iterdir()))
    return {
        f"torch zip, {size:,.0f} MB": folder / "weights.bin",
        f"{small} small pickles": folder / "small",
        "opcode-dense pickle": folder / "opcodes.pkl",
        f"numpy pickle, {array:,.0f} MB": folder / "array.pkl",
    }


def compile_ours() -> None:
    """Compile our modules and policies, as pip compiles what it installs (but not editable)."""
    root = Path(__file__).parent.parent
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    again = "from secureload.policy.compiled import compile_shipped; compile_shipped()"
    for words in (["-m", "compileall", "-q", "scanner", "secureload"], ["-c", again]):
        subprocess.run([sys.executable, *words], cwd=root, env=environment, check=True)


def install(names: tuple[str, ...]) -> dict[str, str]:
    """Install what is missing into the peers' environment; returns why one is not there."""
    missing: dict[str, str] = {}
    python = PEERS / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
    for name in names:
        if (PEERS / "bin" / name).exists():
            continue
        print(f"installing {name} into {PEERS} ...", file=sys.stderr)
        answer = subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", name],
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode:
            last = (answer.stderr.strip().splitlines() or ["pip failed"])[-1]
            missing[name] = f"not installed: {last[:60]}"
    return missing


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """The installed versions, as the environments' own metadata tell them."""
    code = (
        "import sys; from importlib.metadata import version, PackageNotFoundError\n"
        "for name in sys.argv[1:]:\n"
        "    try: print(name, version(name))\n"
        "    except PackageNotFoundError: pass\n"
    )
    found: dict[str, str] = {}
    for python, wanted in ((sys.executable, ["secureload"]), (PEERS / "bin" / "python", names)):
        if not Path(python).exists():
            continue
        answer = subprocess.run(
            [python, "-c", code, *wanted], capture_output=True, text=True, check=False
        )
        pairs = (line.partition(" ") for line in answer.stdout.splitlines())
        found.update((name, number) for name, _, number in pairs)
    return found


def command(scanner: str, path: Path) -> list[str]:
    """How each scanner is called on a path."""
    own = Path(sys.executable).parent
    return {
        "secureload": [str(own / "secureload"), "scan", str(path)],
        "picklescan": [str(PEERS / "bin" / "picklescan"), "--path", str(path)],
        "modelscan": [str(PEERS / "bin" / "modelscan"), "--path", str(path)],
        "fickling": [str(PEERS / "bin" / "python"), "-c", FICKLING, str(path)],
        "modelaudit": [str(PEERS / "bin" / "modelaudit"), "scan", "--no-cache", str(path)],
    }[scanner]


def once(words: list[str], limit: float) -> tuple[float, float, float, int] | None:
    """Run a command; returns (wall s, CPU s, peak MiB, exit code), or None past the limit."""
    environment = {**os.environ, "PROMPTFOO_DISABLE_TELEMETRY": "1", "NO_ANALYTICS": "1"}
    start = time.perf_counter()
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.perf_counter() - start > limit:
            os.killpg(process.pid, signal.SIGKILL)
            os.wait4(process.pid, 0)
            process.returncode = -signal.SIGKILL
            return None
        time.sleep(0.002)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    return wall, cpu, usage.ru_maxrss / 1024, process.returncode


def measure(words: list[str], limit: float, repeat: int) -> Cell:
    """Run a command a few times; fewer when it is slow."""
    seen: list[tuple[float, float, float, int]] = []
    try:
        while len(seen) < repeat and sum(one[0] for one in seen) < ENOUGH_S:
            one = once(words, limit)
            if one is None:
                return Cell(note=f"> {limit:.0f}")
            seen.append(one)
    except OSError as error:
        return Cell(note=f"does not start: {error.strerror}")
    if seen[0][3] == NOT_FOR_IT:
        return Cell(note="n/a", runs=len(seen), code=NOT_FOR_IT)
    return Cell(
        wall_s=statistics.median(one[0] for one in seen),
        cpu_s=statistics.median(one[1] for one in seen),
        peak_mib=max(one[2] for one in seen),
        runs=len(seen),
        code=seen[0][3],
    )


def show(table: dict[str, dict[str, Cell]], known: dict[str, str]) -> None:
    """Print one block for each input, the quickest scanner first."""
    for title, row in table.items():
        print(f"\n{title}")
        print(f"  {'':24}{'wall s':>9}{'CPU s':>9}{'peak MiB':>10}{'ratio':>8}{'exit':>6}")
        for scanner, cell in sorted(row.items(), key=lambda item: item[1].wall_s or 1e9):
            name = f"{scanner} {known.get(scanner, '')}"
            if cell.wall_s is None:
                print(f"  {name:24}{cell.note:>9}")
                continue
            ratio = "" if cell.ratio is None else f"{cell.ratio:.1f}x"
            print(
                f"  {name:24}{cell.wall_s:9.2f}{cell.cpu_s:9.2f}{cell.peak_mib:10.0f}"
                f"{ratio:>8}{cell.code:6}"
            )


def main() -> None:
    """Make the inputs, run every scanner over each, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--size", type=int, default=1000, help="MB of the torch zip (1000)")
    parser.add_argument("--quick", action="store_true", help="small inputs, one run each")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds a run may take (60)")
    parser.add_argument("--repeat", type=int, default=5, help="runs of a quick scanner (5)")
    parser.add_argument("--only", nargs="+", choices=SCANNERS, help="only these scanners")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = min(options.size, 100) if options.quick else options.size
    if options.make:
        make(options.make, size, quick=options.quick)
        return
    scanners = tuple(options.only or SCANNERS)
    peers = tuple(name for name in scanners if name != "secureload")
    missing = install(peers) if peers else {}
    known = versions(peers)
    compile_ours()
    table: dict[str, dict[str, Cell]] = {}
    with tempfile.TemporaryDirectory(prefix="secureload-bench-") as temporary:
        words = [sys.executable, __file__, "--make", temporary, "--size", str(size)]
        # In a process of its own: a child's peak memory would count what this one holds.
        subprocess.run([*words, *(["--quick"] if options.quick else [])], check=True)
        for title, path in inputs(Path(temporary)).items():
            row = table[title] = {}
            for scanner in scanners:
                if scanner in missing:
                    row[scanner] = Cell(note=missing[scanner])
                    continue
                print(f"{title}: {scanner} ...", file=sys.stderr)
                repeat = 1 if options.quick else options.repeat
                row[scanner] = measure(command(scanner, path), options.limit, repeat)
            ours = row["secureload"].wall_s if "secureload" in row else None
            for cell in row.values():
                if ours and cell.wall_s is not None:
                    cell.ratio = cell.wall_s / ours
    show(table, known)
    if options.json:
        figures = {
            "schema": "secureload.bench-scan/1",
            "versions": known,
            "inputs": {
                title: {scanner: asdict(cell) for scanner, cell in row.items()}
                for title, row in table.items()
            },
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
