"""Build sentence-transformers models from an admitted folder.

`modules.json` names a Python class for each module. Only the library's own are built here,
as the library itself does without `trust_remote_code`; here no argument changes that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secureload.errors import IntegrityError, UsageError
from secureload.flow import Need
from secureload.registry import arguments
from secureload.registry.backstop import guard
from secureload.registry.library import Call, Library, check_tree, original
from secureload.registry.sealed import handed

_OWN = re.compile(r"sentence_transformers(?:\.\w+)+")
_OPTIONS = ("model_kwargs", "processor_kwargs", "tokenizer_kwargs", "config_kwargs")
"""Arguments that the library hands on to transformers' `from_pretrained`."""


def need(_name: str, kwargs: Mapping[str, Any]) -> Need:
    """All folders that `modules.json` may name, or one model."""
    options = kwargs.get("model_kwargs") or {}
    return Need(variant=options.get("variant"))


def build(call: Call) -> Any:
    """Build what `sentence_transformers.<name>(...)` builds.

    Raises:
        UsageError: an argument asks for something outside the folder.
        IntegrityError: the folder holds, or its modules name, what no admitted model may.
        BackstopError: building tried to unpickle, connect or start a process.
    """
    cls = original("sentence_transformers", call.name)
    passed = dict(call.kwargs)
    if passed.get("backend", "torch") != "torch":
        raise UsageError(
            f"{call.name}: backend={passed['backend']!r} is not accepted: it loads other files"
        )
    for name in _OPTIONS:
        if passed.get(name):
            passed[name] = arguments.checked(call.name, dict(passed[name]))
    passed["model_kwargs"] = {**(passed.get("model_kwargs") or {}), "use_safetensors": True}
    check_tree(call.entry.path)
    check_modules(call.entry.path / "modules.json")
    with handed(call.entry) as give, guard():
        built = cls(str(give.path), *call.args, local_files_only=True, **passed)
        inner = [getattr(module, "model", None) for module in built.modules()]
        return give(built, *inner, getattr(built, "tokenizer", None))


def check_modules(path: Path) -> None:
    """Require that a list of modules names classes of sentence-transformers only.

    Raises:
        IntegrityError: it cannot be read, or names another class or a folder elsewhere.
    """
    if not path.is_file():
        return
    try:
        modules = json.loads(path.read_text("utf-8"))
        named = [(str(module["type"]), str(module.get("path", ""))) for module in modules]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{path.name} cannot be read: {error!r}") from error
    for class_name, folder in named:
        if not _OWN.fullmatch(class_name):
            raise IntegrityError(
                f"{path.name} names the class {class_name!r}; only those of "
                "sentence-transformers are built",
                hint="build that module yourself and pass `modules=`",
            )
        if re.search(r"^[/\\~]|\.\.|:", folder):
            raise IntegrityError(f"{path.name} names the folder {folder!r} elsewhere")


LIBRARY = Library(
    name="sentence-transformers",
    package="sentence_transformers",
    offers=re.compile(r"SentenceTransformer|CrossEncoder|SparseEncoder|MultiVectorEncoder"),
    default="SentenceTransformer",
    build=build,
    need=need,
    call=lambda _: "name",
    aliases={"cache_folder": "cache_dir"},
)
