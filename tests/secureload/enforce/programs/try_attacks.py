"""Run pieces of code, each in a forked child of its own, and record what became of it.

`try_attacks.py SETTINGS RESULTS`: `attacks` maps names to code, `names` what the code may use.
With `late`, names are bound first and `secureload.enforce()` is called afterwards, as in a
program that imports everything and only then asks for enforcement.
"""

from __future__ import annotations

import io
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any


def bound_early() -> dict[str, Any]:
    """What a program holds on to before enforcement begins."""
    import _pickle
    import pickle

    import joblib
    import numpy
    import torch
    from huggingface_hub import hf_hub_download, snapshot_download, try_to_load_from_cache

    return {
        "early_load": pickle.load,
        "early_loads": pickle.loads,
        "EarlyUnpickler": _pickle.Unpickler,
        "early_python_load": pickle._load,
        "early_torch_load": torch.load,
        "early_jit_load": torch.jit.load,
        "early_hub_load": torch.hub.load,
        "early_np_load": numpy.load,
        "early_joblib_load": joblib.load,
        "early_download": hf_hub_download,
        "early_snapshot": snapshot_download,
        "early_cached": try_to_load_from_cache,
    }


def attempt(code: str, names: dict[str, Any]) -> dict[str, Any]:
    """Run one piece of code in a child; what it raised, by class names, or that it went through."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            exec(code, {**names, "__name__": "__main__"})
            said: dict[str, Any] = {"raised": []}
        except BaseException as error:
            kinds = [kind.__name__ for kind in type(error).__mro__]
            said = {"raised": kinds, "said": str(error), "trace": traceback.format_exc()[-1500:]}
        with os.fdopen(write, "w") as stream:
            json.dump(said, stream)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        text = stream.read()
    os.waitpid(pid, 0)
    found = json.loads(text) if text else {"raised": ["died"]}
    assert isinstance(found, dict)
    return found


def main(settings: Path, results: Path) -> None:
    given = json.loads(settings.read_text())
    names: dict[str, Any] = {"io": io, "os": os, "sys": sys, **given["names"]}
    names["PICKLE"] = Path(given["names"]["PATH"]).read_bytes()
    if given["late"]:
        names |= bound_early()
        import secureload

        secureload.enforce()
    else:
        import torch

        assert torch
    import pickle

    pickle.loads(b"N.")  # what judging needs is imported once, not in every child
    found = {name: attempt(code, names) for name, code in given["attacks"].items()}
    results.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
