"""Give an admitted checkpoint's tensors, or load them into a module of the caller's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from secureload.errors import UsageError
from secureload.flow import ArtifactFile, CacheEntry, Need
from secureload.registry.backstop import guard
from secureload.registry.library import Call, Library, check_tree
from secureload.registry.streamed import contents

_SHARD = re.compile(r"-\d+-of-\d+(?=\.safetensors$)")


def need(_name: str, kwargs: Mapping[str, Any]) -> Need:
    """The weights that libraries look for; the whole repository when a file is named."""
    purpose: Literal["everything", "model"] = "everything" if kwargs.get("file") else "model"
    return Need(purpose=purpose, subfolder=str(kwargs.get("subfolder") or ""))


def build(call: Call) -> Any:
    """A state dict on `device`, or the given module with the tensors loaded into it.

    Raises:
        UsageError: there are several sets of weights, and `file` names none of them.
        IntegrityError: the folder holds a file that no admitted folder holds.
        RuntimeError: torch's own, when the tensors do not fit the module.
    """
    import torch

    options = dict(call.kwargs)
    device = torch.device(options.pop("device", None) or "cpu")
    chosen = options.pop("file", None)
    inside = str(options.pop("subfolder", None) or "")
    module = call.args[0] if call.args else options.pop("module", None)
    check_tree(call.entry.path)
    with guard():
        state: dict[str, Any] = {}
        for file in _files(call.entry, inside, chosen):
            state |= _read(call.entry, file, device)
        if module is None:
            return state
        module.load_state_dict(state, **options)
    return module


def _read(entry: CacheEntry, file: ArtifactFile, device: Any) -> dict[str, Any]:
    """The tensors of one file, with the names that conversion kept once given back."""
    path = entry.path / file.path
    if entry.hash_on_load:
        found, tied = contents(path, file, device)
    else:
        from safetensors import safe_open
        from safetensors.torch import load_file

        found = load_file(path, device=str(device))
        with safe_open(path, framework="pt") as opened:
            tied = opened.metadata() or {}
    for name, kept in tied.items():
        if kept in found and name not in found and name != "format":
            found[name] = found[kept]
    return found


def _files(entry: CacheEntry, inside: str, chosen: str | None) -> list[ArtifactFile]:
    """The one set of weights: a file, or shards that an index names."""
    prefix = f"{inside.strip('/')}/" if inside else ""
    sets: dict[str, list[ArtifactFile]] = {}
    for file in entry.files:
        if file.path.endswith(".safetensors") and file.path.startswith(prefix):
            sets.setdefault(_SHARD.sub("", file.path), []).append(file)
    if chosen is not None:
        wanted = re.sub(r"\.[^./]+$", ".safetensors", chosen)
        sets = {name: files for name, files in sets.items() if name in (wanted, chosen)}
    if len(sets) == 1:
        return next(iter(sets.values()))
    names = ", ".join(sorted(sets)) or "none"
    raise UsageError(
        f"{entry.source}: which weights are meant? There are: {names}",
        hint="name one: load_state_dict(reference, file='model.safetensors')",
    )


LIBRARY = Library(
    name="state-dict",
    package="torch",
    offers=re.compile("load_state_dict"),
    default="load_state_dict",
    build=build,
    need=need,
    call=lambda _: "name",
)
