"""`secureload demo`: the main job on a real checkpoint, offline, in a home of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from secureload.cli.console import counted, fail, printable, say, show_reasons

_HELP = """Show the main job, offline, in a temporary home that is removed afterwards.

A legacy checkpoint (a tiny DistilBERT whose weights are a pickle) is admitted, converted,
loaded and run; loaded again from the trusted cache; and a malicious checkpoint, made on the
spot, is refused. Exit code 0 only if every step did what it should.
"""

_DATA = Path(__file__).parent.parent / "demo_data"
_TOLERANCE = 1e-5
"""Largest difference to the recorded outputs: float32 sums in another order."""


class _UnexpectedError(Exception):
    """A step did not do what it should."""


@click.command("demo", help=_HELP)
def command() -> int:
    """Run the demonstration."""
    loadable = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))
    with _own_home() as home:
        try:
            _admit(home)
            if loadable:
                _load()
            _refuse(home)
        except _UnexpectedError as error:
            fail(str(error), "this is a bug in secureload, or a damaged installation")
            return 2
        except ImportError as error:
            fail(str(error), "pip install 'secureload[load]'")
            return 2
    if not loadable:
        fail(
            "the model was admitted but not loaded: torch and transformers are not installed",
            "pip install 'secureload[load]'",
        )
        return 2
    say(click.style("\nEvery step did what it should.", fg="green", bold=True))
    return 0


def _admit(home: Path) -> None:
    from secureload import gate

    _step("A legacy checkpoint passes the gate")
    shutil.copytree(_DATA / "model", home / "legacy-model")
    say(f"  {home / 'legacy-model'}: its weights are pytorch_model.bin, a pickle")
    started = time.perf_counter()
    entry = gate.admit(home / "legacy-model")
    took = time.perf_counter() - started
    names = [file.path for file in entry.files]
    _expect(not any(name.endswith(".bin") for name in names), "a pickle was admitted")
    _expect("model.safetensors" in names, "no safetensors came out")
    say(f"  admitted in {took:.2f} s under policy {entry.verdict.policy.name}")
    show_reasons((), entry.verdict.warnings, err=False)
    for conversion in entry.conversions:
        if conversion.tensors:
            made = f"{', '.join(conversion.inputs)} -> {', '.join(conversion.outputs)}"
            tensors = counted(len(conversion.tensors), "tensor")
            say(f"  {made}: {tensors}, each proven equal, nothing executed")
    say(f"  {entry.path} holds {', '.join(names)}")


def _load() -> None:
    _step("It is loaded through the Auto classes and run")
    say("  importing torch and transformers ...")
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    recorded = json.loads((_DATA / "expected.json").read_text("utf-8"))
    sentence, expected = recorded["sentence"], recorded["logits"]
    outputs, cold = _run(sentence)
    labels = outputs["labels"]
    say(f'  "{sentence}"')
    say(f"  {' '.join(f'{token}/{label}' for token, label in zip(*labels, strict=True))}")
    difference = (outputs["logits"] - torch.tensor(expected)).abs().max().item()
    _expect(difference <= _TOLERANCE, f"outputs differ from those recorded by {difference}")
    say(f"  equal to what transformers gave for the original pickle (within {_TOLERANCE})")

    _step("The same model, warm")
    again, warm = _run(sentence)
    _expect(torch.equal(again["logits"], outputs["logits"]), "the warm load gave other outputs")
    first, now = f"{cold * 1000:.0f} ms", f"{warm * 1000:.0f} ms"
    say(f"  first load {first}, with the imports of this architecture; from the cache {now}")


def _run(sentence: str) -> tuple[dict[str, Any], float]:
    import torch

    import secureload

    reference = os.path.join(os.environ["SECURELOAD_HOME"], os.pardir, "legacy-model")  # noqa: PTH118
    started = time.perf_counter()
    tokenizer = secureload.AutoTokenizer.from_pretrained(reference)
    model = secureload.AutoModelForTokenClassification.from_pretrained(reference)
    took = time.perf_counter() - started
    encoded = tokenizer(sentence, return_tensors="pt")
    encoded.pop("token_type_ids", None)
    with torch.inference_mode():
        logits = model(**encoded).logits
    tokens = tokenizer.convert_ids_to_tokens(encoded["input_ids"][0])
    names = [model.config.id2label[int(index)] for index in logits[0].argmax(-1)]
    return {"logits": logits, "labels": (tokens, names)}, took


def _refuse(home: Path) -> None:
    from secureload import gate
    from secureload.errors import Refused

    _step("A malicious checkpoint is refused")
    sentinel = home / "sentinel"
    evil = home / "malicious-model"
    shutil.copytree(_DATA / "model", evil)
    _write_malicious(evil / "pytorch_model.bin", f"touch {sentinel}")
    say(f"  the same folder, but unpickling its weights would run: touch {sentinel}")
    try:
        gate.admit(evil)
    except Refused as refused:
        show_reasons(refused.verdict.reasons, (), err=False)
    else:
        raise _UnexpectedError("the malicious checkpoint was admitted")
    _expect(not sentinel.exists(), "the payload ran")
    say(f"  {printable(str(sentinel))} does not exist: nothing was run")


def _write_malicious(path: Path, shell: str) -> None:
    """Write a torch file whose pickle calls `posix.system`; assembled by hand, never run."""
    text = shell.encode()
    pickle = b"\x80\x02cposix\nsystem\nX" + len(text).to_bytes(4, "little") + text + b"\x85R."
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("pytorch_model/data.pkl", pickle)
        archive.writestr("pytorch_model/version", b"3\n")


@contextlib.contextmanager
def _own_home() -> Iterator[Path]:
    """A temporary folder with a cache in it; the environment is put back afterwards."""
    with tempfile.TemporaryDirectory(prefix="secureload-demo-") as folder:
        home = Path(folder).resolve()
        changes = {
            "SECURELOAD_HOME": str(home / "cache"),
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(home / "hf"),
            "SECURELOAD_POLICY": "default",
        }
        before = {name: os.environ.get(name) for name in changes}
        os.environ.update(changes)
        level = logging.getLogger("transformers").level
        try:
            yield home
        finally:
            logging.getLogger("transformers").setLevel(level)
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


_steps = 0


def _step(title: str) -> None:
    global _steps
    _steps += 1
    say(click.style(f"\n{_steps}. {title}", bold=True))


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _UnexpectedError(otherwise)
