"""What enforcement costs a program that loads an admitted model: with and without, in turns.

    python benchmarks/enforce.py [--size 400] [--runs 7] [--json FILE]

The program is plain transformers: it imports the library and loads a model of about `--size`
MB. It runs in a process of its own, in turns under enforcement and without, offline; one turn
of each is not counted. `folder` loads the admitted folder both ways; `hub` loads by the
repository's name, from the trusted cache and from the Hub client's own. `wall` is from the
start of the interpreter to the end of the load, `cpu` the processor time of the process and of
what it waited for, which says more on a busy machine. The ratio is that of the medians, `least`
that of the least.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

GOAL = 1.02
"""Most that import and load may take, as a ratio to the same without enforcement."""

PROGRAM = """\
import sys, transformers
transformers.utils.logging.disable_progress_bar()
transformers.AutoModel.from_pretrained(sys.argv[1])
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Seconds of one way to name the model, by one clock."""

    load: str
    clock: str
    enforced_s: float
    plain_s: float
    ratio: float
    least: float


def main() -> None:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=400, help="megabytes of weights")
    parser.add_argument("--runs", type=int, default=7, help="runs of each kind")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="enforce-") as place:
        rows = measure(Path(place), options.size, options.runs)
    print(f"{'load':6} {'clock':5} {'enforced s':>11} {'plain s':>8} {'ratio':>6} {'least':>6}")
    for row in rows:
        print(
            f"{row.load:6} {row.clock:5} {row.enforced_s:11.3f} {row.plain_s:8.3f} "
            f"{row.ratio:6.3f} {row.least:6.3f}"
        )
    print(f"goal: a ratio of at most {GOAL}")
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def measure(place: Path, megabytes: int, runs: int) -> list[Row]:
    """Both ways to name the model by both clocks, one row each."""
    os.environ |= {"SECURELOAD_HOME": str(place / "home"), "HF_HOME": str(place / "hf")}
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # every turn would compile the program anew
    program = place / "program.py"
    program.write_text(PROGRAM)
    folder = prepare(place, program, megabytes)
    os.environ["HF_HUB_OFFLINE"] = "1"
    rows = []
    for load, reference in (("folder", str(folder)), ("hub", "org/model")):
        taken: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        for turn in range(runs + 1):
            for ours in taken:
                found = run(program, reference, enforced=ours)
                if turn:
                    taken[ours].append(found)
            say(f"{load}: turn {turn} of {runs}")
        for clock, position in (("wall", 0), ("cpu", 1)):
            ours, theirs = ([times[position] for times in taken[kind]] for kind in (True, False))
            rows.append(
                Row(
                    load=load,
                    clock=clock,
                    enforced_s=statistics.median(ours),
                    plain_s=statistics.median(theirs),
                    ratio=statistics.median(ours) / statistics.median(theirs),
                    least=min(ours) / min(theirs),
                )
            )
    return rows


def prepare(place: Path, program: Path, megabytes: int) -> Path:
    """Publish a model on a local Hub and load it both ways; gives the admitted folder."""
    from benchmarks.warm_load import make_model
    from tests.servers.hub import LocalHub
    from tests.servers.repos import PublishedRepo

    say(f"making a model of {megabytes} MB")
    make_model(place / "model", megabytes)
    repo = PublishedRepo(place / "hub", "org/model")
    repo.commit({path.name: path.read_bytes() for path in (place / "model").iterdir()})
    with LocalHub(root=place / "hub") as hub:
        os.environ["HF_ENDPOINT"] = hub.url
        say("loading it once both ways")
        for ours in (False, True):
            run(program, "org/model", enforced=ours)
        import secureload

        return secureload.admit("org/model").path


def run(program: Path, reference: str, *, enforced: bool) -> tuple[float, float]:
    """Wall and processor seconds of one process."""
    from secureload.enforce import state

    environment = dict(os.environ)
    if enforced:
        environment |= state.environment_for("default", os.environ)
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, program, reference], env=environment)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the program failed with {process.returncode}")
    return wall, used.ru_utime + used.ru_stime


def say(text: str) -> None:
    """Tell how far it is, apart from the figures."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
