"""A process that holds one `TFAutoModelFor*` model and answers in JSON lines.

Started with the Python of the TensorFlow environment (see `docs/tensorflow.md`)::

    python -I -m secureload.registry.tensorflow_worker TFAutoModelForTokenClassification FOLDER

Its first line says `{"ready": ...}`. Then each line in, `{"inputs": IN, "outputs": OUT}`,
names a safetensors file of input arrays and one to write the model's outputs to; each line
out is `{"outputs": OUT, "tensors": {name: {"dtype": ..., "shape": [...]}}}`. What goes wrong
is `{"error": ..., "kind": ..., "hint": ...}`: before `ready` the worker ends with status 1,
after it the worker stays for the next line. It ends, with status 0, when its input does.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from secureload.errors import SecureloadError, UsageError
from secureload.registry.tensorflow import Loaded, input_names, load, predict


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the model, serve standard input until it ends, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="tensorflow_worker", description="Serve one TensorFlow model in JSON lines."
    )
    parser.add_argument("class_name", metavar="CLASS", help="TFAutoModelForTokenClassification, …")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="an admitted entry's path")
    parser.add_argument(
        "--allow-new-weights",
        action="store_true",
        help="initialise weights that the checkpoint lacks at random",
    )
    chosen = parser.parse_args(arguments)
    with _answers() as answers:
        try:
            loaded = load(
                chosen.class_name, chosen.folder, allow_new_weights=chosen.allow_new_weights
            )
        except SecureloadError as error:
            _say(answers, _told(error))
            return 1
        _say(answers, _ready(chosen.class_name, loaded))
        serve(loaded.model, sys.stdin, answers)
    return 0


def serve(model: Any, requests: Iterable[str], answers: IO[str]) -> None:
    """Answer each line of `requests`, in order, with one line."""
    for line in requests:
        try:
            answer = _answer(model, line)
        except SecureloadError as error:
            answer = _told(error)
        _say(answers, answer)


def _answer(model: Any, line: str) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file, save_file

    try:
        request = json.loads(line)
        source, target = Path(request.pop("inputs")), Path(request.pop("outputs"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _misunderstood("this line") from error
    if request:
        raise _misunderstood(f"`{min(request)}`")
    try:
        inputs = load_file(source)
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{source} cannot be read: {error}", hint="write it as safetensors") from (
            error
        )
    outputs = predict(model, inputs)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        save_file(outputs, partial)
        partial.replace(target)
    except (SafetensorError, OSError) as error:
        partial.unlink(missing_ok=True)
        raise UsageError(f"{target} cannot be written: {error}") from error
    described = {
        name: {"dtype": str(array.dtype), "shape": list(array.shape)}
        for name, array in sorted(outputs.items())
    }
    return {"outputs": str(target), "tensors": described}


def _ready(class_name: str, loaded: Loaded) -> dict[str, Any]:
    versions = {name: importlib.metadata.version(name) for name in ("tensorflow", "transformers")}
    return {
        "ready": {
            "class": class_name,
            "model": type(loaded.model).__name__,
            "inputs": sorted(input_names(loaded.model)),
            "unused": list(loaded.unused),
            **versions,
        }
    }


def _told(error: SecureloadError) -> dict[str, Any]:
    return {"error": error.message, "kind": type(error).__name__, "hint": error.hint}


def _misunderstood(what: str) -> UsageError:
    return UsageError(
        f"{what} is not understood",
        hint='a request is {"inputs": "in.safetensors", "outputs": "out.safetensors"}',
    )


def _say(answers: IO[str], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _answers() -> IO[str]:
    """Keep standard output for answers; what the libraries print there goes to the log."""
    kept = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(kept, "w", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
