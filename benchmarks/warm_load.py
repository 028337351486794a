"""What the gate costs when a model is loaded again: gated against ungated, side by side.

A BERT-like model of about `--size` MB is made on the spot, published on a local Hub, admitted
once, and then loaded in turns through `secureload` (by commit: no network) and through
transformers itself (from a plain folder). Each turn is timed in this process, after one turn
of each that nobody counts; the ratio is that of the medians. `changed` and `always` are the
policies' settings for the check of the cache. Cold turns begin by asking the kernel to forget
the files (posix_fadvise), which says whether it did.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

POLICY = """\
apiVersion: secureload/v1
kind: TrustPolicy
metadata: {{name: bench-{mode}}}
spec: {{cache: {{verify: {mode}}}}}
"""


def make_model(folder: Path, megabytes: int) -> int:
    """Save random BERT weights as safetensors; returns the size in bytes."""
    import torch
    import transformers

    layer = 12 * 768**2 * 4 / 1e6
    layers = max(1, round((megabytes - 30_522 * 768 * 4 / 1e6) / layer))
    torch.manual_seed(0)
    config = transformers.BertConfig(num_hidden_layers=layers, vocab_size=30_522)
    transformers.BertModel(config).save_pretrained(folder)
    return (folder / "model.safetensors").stat().st_size


def forget(*folders: Path) -> bool:
    """Ask the kernel to drop these folders' files from its cache; False where it cannot."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                descriptor = os.open(path.resolve(), os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                except (OSError, AttributeError):
                    return False
                finally:
                    os.close(descriptor)
    return True


def timed(load: Callable[[], Any]) -> float:
    """Seconds of one load, with the model dropped afterwards and not counted."""
    gc.collect()
    start = time.perf_counter()
    model = load()
    taken = time.perf_counter() - start
    del model
    return taken


def compare(
    gated: Callable[[], Any], plain: Callable[[], Any], runs: int, before: Callable[[], object]
) -> tuple[float, float]:
    """Median seconds of both, taken in turns."""
    timed(gated), timed(plain)
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for load, into in zip((gated, plain), seconds, strict=True):
            before()
            into.append(timed(load))
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def main() -> None:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=400, help="megabytes of weights")
    parser.add_argument("--runs", type=int, default=5, help="loads of each kind")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="warm-load-") as place:
        rows = measure(Path(place), options.size, options.runs)
    print(f"{'check':8} {'pages':5} {'gated s':>8} {'plain s':>8} {'ratio':>6} {'added s/GiB':>12}")
    for row in rows:
        print(
            f"{row['check']:8} {row['pages']:5} {row['gated_s']:8.3f} {row['plain_s']:8.3f} "
            f"{row['ratio']:6.2f} {row['added_s_per_gib']:12.2f}"
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


def measure(place: Path, megabytes: int, runs: int) -> list[dict[str, Any]]:
    """Every combination of check and page cache, one row each."""
    os.environ["SECURELOAD_HOME"] = str(place / "home")
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    import transformers

    import secureload
    from tests.servers.hub import LocalHub
    from tests.servers.repos import PublishedRepo

    transformers.utils.logging.disable_progress_bar()
    folder = place / "model"
    size = make_model(folder, megabytes)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    commit = PublishedRepo(place / "hub", "org/model").commit(files)
    del files
    rows = []
    with LocalHub(root=place / "hub") as hub:
        os.environ["HF_ENDPOINT"] = hub.url
        for check in ("changed", "always"):
            policy = place / f"{check}.yaml"
            policy.write_text(POLICY.format(mode=check))

            def gated(policy: Path = policy) -> Any:
                return secureload.AutoModel.from_pretrained(
                    "org/model", revision=commit, trust_policy=str(policy)
                )

            def plain() -> Any:
                return transformers.AutoModel.from_pretrained(folder)

            for pages in ("warm", "cold"):
                cold = pages == "cold"
                before = (lambda: forget(place)) if cold else (lambda: None)
                if cold and not forget(place):
                    continue
                ours, theirs = compare(gated, plain, runs, before)
                rows.append(
                    {
                        "check": check,
                        "pages": pages,
                        "bytes": size,
                        "gated_s": ours,
                        "plain_s": theirs,
                        "ratio": ours / theirs,
                        "added_s_per_gib": (ours - theirs) / (size / 2**30),
                    }
                )
    return rows


if __name__ == "__main__":
    main()
