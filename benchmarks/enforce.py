"""What enforcement costs a program that loads an admitted model: with and without, in turns.

The program is plain transformers: it imports the library and loads a model of about `--size`
MB. It runs in a process of its own, in turns under `secureload run` and without, each reading
the same admitted folder; one turn of each is not counted. `start` is from the start of the
interpreter to the end of the import, `load` the call of `from_pretrained`, `all` both. The
ratio is that of the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

PROGRAM = """\
import json, sys, time
import transformers
imported = time.time()
transformers.utils.logging.disable_progress_bar()
begin = time.perf_counter()
transformers.AutoModel.from_pretrained(sys.argv[1])
print(json.dumps({"imported": imported, "load": time.perf_counter() - begin}))
"""


def main() -> None:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=400, help="megabytes of weights")
    parser.add_argument("--runs", type=int, default=7, help="runs of each kind")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="enforce-") as place:
        rows = measure(Path(place), options.size, options.runs)
    print(f"{'what':6} {'enforced s':>11} {'plain s':>8} {'ratio':>6}")
    for row in rows:
        print(
            f"{row['what']:6} {row['enforced_s']:11.3f} {row['plain_s']:8.3f} {row['ratio']:6.3f}"
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


def measure(place: Path, megabytes: int, runs: int) -> list[dict[str, object]]:
    """Start, load and both, one row each."""
    from benchmarks.warm_load import make_model

    os.environ["SECURELOAD_HOME"] = str(place / "home")
    os.environ["HF_HUB_OFFLINE"] = "1"
    make_model(place / "model", megabytes)
    import secureload

    folder = secureload.admit(place / "model").path
    program = place / "program.py"
    program.write_text(PROGRAM)
    plain = [sys.executable, str(program), str(folder)]
    environments = (enforced(), dict(os.environ))
    seconds: dict[str, tuple[list[float], list[float]]] = {
        what: ([], []) for what in ("start", "load", "all")
    }
    for turn in range(runs + 1):
        for side, environment in enumerate(environments):
            start, load = run(plain, environment)
            if turn:
                for what, value in (("start", start), ("load", load), ("all", start + load)):
                    seconds[what][side].append(value)
    return [
        {
            "what": what,
            "enforced_s": (ours := statistics.median(both[0])),
            "plain_s": (theirs := statistics.median(both[1])),
            "ratio": ours / theirs,
        }
        for what, both in seconds.items()
    ]


def enforced() -> dict[str, str]:
    """The environment that `secureload run` gives a program."""
    from secureload.enforce import state

    return {**os.environ, **state.environment_for("default", os.environ)}


def run(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds until the library was imported, and seconds of the load."""
    import time

    begin = time.time()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    return said["imported"] - begin, said["load"]


if __name__ == "__main__":
    main()
