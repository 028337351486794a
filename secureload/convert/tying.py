"""Tensors that share bytes: identical views are kept once, all others become copies.

safetensors forbids overlap. transformers keeps one name of each group of tied weights and
ties the others again when the model is built, whichever of them is there; like
`safetensors.torch.save_model`, the file's metadata maps each name left out to the one kept.
The name kept is the first in the file's order: state dicts list the embedding, which the
others are tied to, before the heads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from scanner.frozen import dataclass
from secureload.convert.weights import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Untied:
    """The tensors to write, and for each name left out the one that stands for it.

    `copied` names the tensors that overlap another one without being the same view.
    """

    kept: tuple[Tensor, ...]
    tied: Mapping[str, str]
    copied: tuple[str, ...]


def untie(tensors: Iterable[Tensor]) -> Untied:
    """Keep the first of each group of identical views.

    Views are identical when storage, offset, dtype, shape and strides agree; equal values
    in different storages are no tie, and tensors without elements share nothing.
    """
    first: dict[tuple[object, ...], str] = {}
    kept: list[Tensor] = []
    tied: dict[str, str] = {}
    for tensor in tensors:
        view = tensor.view
        key = (view, tensor.storage) if view.count else (tensor.name,)
        if key in first:
            tied[tensor.name] = first[key]
        else:
            first[key] = tensor.name
            kept.append(tensor)
    return Untied(kept=tuple(kept), tied=tied, copied=tuple(_overlapping(kept)))


def _overlapping(tensors: Iterable[Tensor]) -> list[str]:
    spans = sorted(
        (tensor.view.begin, tensor.view.begin + tensor.view.span, tensor.name)
        for tensor in tensors
        if tensor.view.count
    )
    names: set[str] = set()
    end, owner = -1, ""
    for begin, stop, name in spans:
        if begin < end:
            names.update((owner, name))
        if stop > end:
            end, owner = stop, name
    return sorted(names)
