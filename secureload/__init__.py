"""A gatekeeper for model checkpoints.

A guided tour. A model's name comes in; a model comes out, or a reason why not::

    from secureload import AutoModelForSequenceClassification, AutoTokenizer, Refused, admit

    tokenizer = AutoTokenizer.from_pretrained("org/model", revision="v1")
    model = AutoModelForSequenceClassification.from_pretrained("org/model", revision="v1")
    entry = admit("org/model@v1", trust_policy="strict")   # entry.path: safe for any library

Every `Auto*` class that the installed transformers has is here under its own name, and so is
`pipeline`; so are other libraries' own calls (`DiffusionPipeline`, `SentenceTransformer`,
`PeftModel`, `create_model` of timm, `load_state_dict` for a module of yours), and `load` takes
`library:reference` for any of them. `admit` stops at the safe folder, `scan` only looks;
`enforce` sends whatever this process loads through the gate. `Refused` is the gate's no,
`SecureloadError` any accident, `Policy` what decides. `secureload.flow` shows what passes
through the gate, `secureload.gate` in which order.

Nothing is imported before it is asked for: `import secureload` costs milliseconds.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # as that of `typing`, which takes longer to import than all of this
if TYPE_CHECKING:
    from typing import Any

    from scanner import scan as scan
    from secureload.auto import pipeline as pipeline
    from secureload.enforce.process import enforce as enforce
    from secureload.errors import Refused as Refused
    from secureload.errors import SecureloadError as SecureloadError
    from secureload.fronts import load as load
    from secureload.gate import admit as admit
    from secureload.policy import Policy as Policy

_OWN = {
    "Policy": "secureload.policy",
    "Refused": "secureload.errors",
    "SecureloadError": "secureload.errors",
    "admit": "secureload.gate",
    "load": "secureload.fronts",
    "pipeline": "secureload.auto",
    "scan": "scanner",
}


_OTHERS = (
    *("AutoPeftModel", "CrossEncoder", "DiffusionPipeline", "PeftModel", "SentenceTransformer"),
    *("create_model", "load_state_dict"),
)
"""Other libraries' classes and functions that are listed; there are more of their kind."""


def __getattr__(name: str) -> Any:
    if name == "enforce":  # a package that is called
        return importlib.import_module("secureload.enforce")
    if name in _OWN:
        found = getattr(importlib.import_module(_OWN[name]), name)
    elif name.startswith("TFAuto"):
        raise ImportError(
            f"secureload.{name}: transformers 5 has no TensorFlow classes. Load the checkpoint "
            f"with secureload.{name[2:]}.from_pretrained(..., from_tf=True): the weights are "
            "converted and run in PyTorch. To stay with TensorFlow, `secureload admit` the "
            "model and load the admitted folder in an environment of its own "
            "(requirements-tf.txt: transformers==4.54.1, tf-keras==2.21.0) with "
            f'secureload.registry.tensorflow.load("{name}", folder): docs/tensorflow.md has the '
            "recipe, and `make test-tf` builds that environment and shows it at work"
        )
    elif name.startswith("Auto") and not name.startswith(("AutoPipeline", "AutoPeft")):
        found = _front(name)
    elif name[0].isupper() or name in _OTHERS:
        from secureload.fronts import other

        found = other(name)
    else:  # the name of a module, before it is imported
        raise AttributeError(f"module 'secureload' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_OWN, *_OTHERS, "enforce", *_fronts()})


def _front(name: str) -> type:
    from secureload.auto import front
    from secureload.errors import SecureloadError
    from secureload.registry import transformers

    try:
        names = transformers.class_names()
    except SecureloadError as error:
        raise ImportError(str(error), name="transformers") from error
    if name not in names:
        raise AttributeError(f"the installed transformers has no class {name!r}")
    return front(name)


def _fronts() -> tuple[str, ...]:
    from secureload.errors import SecureloadError
    from secureload.registry import transformers

    try:
        return transformers.class_names()
    except SecureloadError:
        return ()
