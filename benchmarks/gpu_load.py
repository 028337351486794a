"""What the gate costs on the way to an accelerator: gated against ungated loads, side by side.

A Llama-shaped model of about `--size` GB in float16 is made on the spot, saved as
safetensors and as a legacy `.bin`. The `.bin` is admitted once under each setting of
`cache.verify`; then everything is loaded in turns in this process, after one turn of each
that nobody counts, and the ratio is that of the medians to transformers' own
`from_pretrained`. Before anything is timed, every model is run and must give the same
logits. `tensors` rows bring tensors to the device and build no model. Without a GPU the same
runs on the CPU, smaller, and says so.

Between turns the device's memory is given back, so that every turn allocates its own. How far
it is goes to stderr, with the seconds since the start: most of them go by before anything is
timed, for making the checkpoint and for admitting it once a setting (`--modes` takes fewer).
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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

POLICY = """\
apiVersion: secureload/v1
kind: TrustPolicy
metadata: {{name: bench-{mode}}}
spec: {{cache: {{verify: {mode}}}}}
"""
MODES = ("changed", "always", "hashed-bytes")
PLAIN = "model: transformers"
_BEGIN = time.monotonic()


def say(text: str) -> None:
    """Tell how far it is, apart from the figures."""
    print(f"{time.monotonic() - _BEGIN:7.1f} s  {text}", file=sys.stderr, flush=True)


def make_model(folder: Path, gigabytes: float, device: str) -> tuple[Path, Path, int]:
    """Save random Llama weights both ways; gives both folders and the size in bytes."""
    import torch
    import transformers

    hidden, vocabulary = (2048, 32_000) if gigabytes >= 1 else (512, 8_000)
    layer = (4 * hidden**2 + 3 * hidden * 4 * hidden) * 2
    layers = max(1, round((gigabytes * 1e9 - 2 * vocabulary * hidden * 2) / layer))
    config = transformers.LlamaConfig(
        hidden_size=hidden, intermediate_size=4 * hidden, num_hidden_layers=layers,
        num_attention_heads=hidden // 64, num_key_value_heads=hidden // 64,
        vocab_size=vocabulary, max_position_embeddings=512,
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.device(device):
        torch.set_default_dtype(torch.float16)
        try:
            model = transformers.LlamaForCausalLM(config)
        finally:
            torch.set_default_dtype(torch.float32)
    safe, legacy = folder / "safetensors", folder / "bin"
    say("saving it as safetensors")
    model.save_pretrained(safe, max_shard_size="1000GB")
    legacy.mkdir()
    (legacy / "config.json").write_bytes((safe / "config.json").read_bytes())
    say("saving it as a legacy .bin")
    state = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
    torch.save(state, legacy / "pytorch_model.bin")
    return safe, legacy, (safe / "model.safetensors").stat().st_size


def contestants(
    place: Path, safe: Path, legacy: Path, device: str, modes: Sequence[str]
) -> dict[str, Any]:
    """What is compared: names and functions that load."""
    import torch
    import transformers
    from safetensors.torch import load_file

    import secureload
    from secureload import sources
    from secureload.flow import Need
    from secureload.gate import open_gate
    from secureload.registry import streamed

    def plain() -> Any:
        return transformers.AutoModelForCausalLM.from_pretrained(safe, device_map=device)

    found: dict[str, Callable[[], Any]] = {PLAIN: plain}
    gates = {}
    for mode in modes:
        policy = place / f"{mode}.yaml"
        policy.write_text(POLICY.format(mode=mode))

        def gated(policy: str = str(policy)) -> Any:
            return secureload.AutoModelForCausalLM.from_pretrained(
                legacy, trust_policy=policy, device_map=device
            )

        found[f"model: secureload {mode}"] = gated
        say(f"admitting it under `verify: {mode}`")
        gate = open_gate(trust_policy=str(policy), progress=Stages())
        gates[mode] = gate.admit(sources.parse(str(legacy)), Need(), to_build=True)
    entry = next(iter(gates.values()))
    weights = next(file for file in entry.files if file.path.endswith(".safetensors"))
    found["tensors: secureload, hashed"] = lambda: streamed.tensors(
        entry.path / weights.path, weights, torch.device(device)
    )
    found["tensors: torch.load of the .bin"] = lambda: torch.load(
        legacy / "pytorch_model.bin", map_location=device, weights_only=True
    )
    found["tensors: safetensors"] = lambda: touched(
        load_file(safe / "model.safetensors", device=device)
    )
    try:
        from fastsafetensors import fastsafe_open
    except ImportError as error:
        print(f"fastsafetensors is left out: {error}")
    else:

        def fast() -> Any:
            name = str(safe / "model.safetensors")
            with fastsafe_open(name, device=device, nogds=True) as file:
                return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118

        found["tensors: fastsafetensors"] = fast
    return found


class Stages:
    """Tells when the gate begins on something else."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, label: str, done: int, total: int) -> None:
        if label != self._last:
            say(f"  {label}")
        self._last = label


def touched(tensors: dict[str, Any]) -> dict[str, Any]:
    """Read one byte of every page that is only mapped, as using the tensors would."""
    for tensor in tensors.values():
        if tensor.device.type == "cpu":
            tensor.view(-1)[:: 4096 // tensor.element_size()].sum()
    return tensors


def right(loaded: Any, expected: dict[str, Any], logits: Callable[[Any], Any]) -> bool:
    """Whether a model answers, or tensors are, as transformers' own."""
    import torch

    if isinstance(loaded, dict):
        return loaded.keys() == expected["tensors"].keys() and all(
            torch.equal(tensor, loaded[name]) for name, tensor in expected["tensors"].items()
        )
    return torch.equal(logits(loaded), expected["logits"])


def timed(load: Callable[[], Any], device: str) -> tuple[float, float]:
    """Seconds of one load, and the most bytes it took on the device."""
    import torch

    gc.collect()
    on_device = device.startswith("cuda")
    if on_device:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        torch.cuda.synchronize()
    start = time.perf_counter()
    loaded = load()
    if on_device:
        torch.cuda.synchronize()
    elif not isinstance(loaded, dict):
        touched(dict(loaded.named_parameters()))
    taken = time.perf_counter() - start
    peak = torch.cuda.max_memory_reserved() if on_device else 0
    del loaded
    return taken, peak


def measure(
    place: Path, gigabytes: float, runs: int, device: str, modes: Sequence[str]
) -> list[dict[str, Any]]:
    """Check that all load the same, then time them in turns; one row each."""
    os.environ["SECURELOAD_HOME"] = str(place / "home")
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    say(f"making a model of {gigabytes} GB")
    safe, legacy, size = make_model(place, gigabytes, device)
    loads = contestants(place, safe, legacy, device, modes)
    asked = torch.arange(1, 33, device=device).reshape(1, -1)

    @torch.no_grad()
    def logits(model: Any) -> Any:
        return model(asked).logits

    theirs = loads[PLAIN]()
    state = {name: tensor.clone() for name, tensor in theirs.state_dict().items()}
    expected = {"logits": logits(theirs), "tensors": state}
    del theirs
    for name, load in loads.items():  # also the turn that nobody counts
        say(f"comparing {name}")
        if not right(load(), expected, logits):
            raise SystemExit(f"{name}: loads something else")
    del expected, state
    seconds: dict[str, list[float]] = {name: [] for name in loads}
    peaks: dict[str, float] = dict.fromkeys(loads, 0)
    for turn in range(1, runs + 1):
        say(f"turn {turn} of {runs}")
        for name, load in loads.items():
            taken, peak = timed(load, device)
            seconds[name].append(taken)
            peaks[name] = max(peaks[name], peak)
    base = statistics.median(seconds[PLAIN])
    return [
        {
            "load": name,
            "bytes": size,
            "median_s": statistics.median(values),
            "min_s": min(values),
            "max_s": max(values),
            "gb_per_s": size / 1e9 / statistics.median(values),
            "ratio": statistics.median(values) / base,
            "device_peak_bytes": peaks[name],
        }
        for name, values in seconds.items()
    ]


def main() -> None:
    """Measure, print a table, and write JSON where asked."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=float, help="gigabytes of weights (2, or 0.2 on the CPU)")
    parser.add_argument("--runs", type=int, default=5, help="loads of each kind")
    parser.add_argument("--modes", nargs="+", default=MODES, choices=MODES, help="cache.verify")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()

    on_gpu = torch.cuda.is_available()
    device = "cuda:0" if on_gpu else "cpu"
    size = options.size or (2 if on_gpu else 0.2)
    what = torch.cuda.get_device_name(0) if on_gpu else "no GPU here: measured on the CPU"
    print(f"{what}; torch {torch.__version__}; {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory(prefix="gpu-load-") as place:
        rows = measure(Path(place), size, options.runs, device, options.modes)
    print(f"{rows[0]['bytes'] / 1e9:.2f} GB of weights, pages warm, {options.runs} runs of each")
    print(
        f"{'load':34} {'median s':>9} {'min':>7} {'max':>7} {'GB/s':>6} {'ratio':>6} {'peak GB':>8}"
    )
    for row in rows:
        print(
            f"{row['load']:34} {row['median_s']:9.3f} {row['min_s']:7.3f} {row['max_s']:7.3f} "
            f"{row['gb_per_s']:6.2f} {row['ratio']:6.2f} {row['device_peak_bytes'] / 1e9:8.2f}"
        )
    if options.json:
        options.json.write_text(json.dumps({"device": what, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
