"""What a file's name promises, and what its bytes are: pages, pointers and pictures for weights.

A download that failed leaves an error page, one that never began a pointer of Git LFS, one that
stopped an empty or zero-filled file or an index whose shards are not all there. None of them
acts; what a person needs to know is what they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from scanner.facts import ProblemFact
from scanner.formats._json import DuplicateKeyError, TooDeepError, load_json
from scanner.patterns import pattern
from scanner.reader import Blob

_WEIGHTS: Final = (
    ".bin", ".pt", ".pth", ".ckpt", ".safetensors", ".gguf", ".ggml", ".onnx", ".h5", ".hdf5",
    ".keras", ".pkl", ".pickle", ".joblib", ".dill", ".npy", ".npz", ".msgpack", ".pb", ".tflite",
    ".pt2", ".ot", ".mlmodel", ".engine",
)  # fmt: skip
_UNFINISHED: Final = (".incomplete", ".part", ".partial", ".crdownload", ".download", ".aria2")
_NEVER: Final = {
    "text": "text",
    "markup": "a page of HTML or XML",
    "json": "a JSON document",
    "media": "a picture or document",
}
"""Formats that no weights are stored in, by what a person calls them."""
_POINTER: Final = pattern(
    rb"version https?://[\w./-]{1,60}/spec/v1\n(?:[a-z0-9.-]{1,40} [^\n]{1,200}\n){1,8}"
    rb"size [0-9]{1,20}\n?"
)
_ZEROS: Final = 4096


def problems(blob: Blob, labels: list[str]) -> Iterator[ProblemFact]:
    """Yield that a file's name promises what its content is not, or its index what is not there."""
    if _is_pointer(blob):
        yield blob.problem(
            "malformed",
            "a pointer of Git LFS, and not the file that it stands for: fetch that with "
            "`git lfs pull`",
        )
    elif promises_weights(blob.name):
        yield from _misnamed(blob, labels)
    elif labels == ["markup"] and blob.name.lower().endswith((".json", ".ipynb", ".model")):
        yield blob.problem(
            "malformed",
            f"{_NEVER['markup']} where the name promises data; a download that failed leaves "
            "such a file",
        )
    if blob.name.endswith(".index.json"):
        yield from _absent(blob)


def promises_weights(name: str) -> bool:
    """Whether a name is one that weights have, also while they are being downloaded."""
    name = name.lower()
    for suffix in _UNFINISHED:
        name = name.removesuffix(suffix)
    return name.endswith(_WEIGHTS)


def unknown(blob: Blob) -> str:
    """Say what bytes of no known format look like."""
    if len(blob.data) >= 16 and not any(blob.head(_ZEROS)):
        return "no known format: it begins with zeros alone, as a download that stopped may do"
    return "no known format; nothing tells what would read this"


def _is_pointer(blob: Blob) -> bool:
    return len(blob.data) < 1024 and _POINTER.fullmatch(bytes(blob.data)) is not None


def _misnamed(blob: Blob, labels: list[str]) -> Iterator[ProblemFact]:
    if not blob.data:
        yield blob.problem(
            "malformed", "an empty file where the name promises weights: nothing was downloaded"
        )
    elif labels and all(label in _NEVER for label in labels):
        what = _NEVER[labels[0]]
        hint = "; a download that failed leaves such a file" if labels[0] != "media" else ""
        yield blob.problem("malformed", f"{what} where the name promises weights{hint}")


def _absent(blob: Blob) -> Iterator[ProblemFact]:
    """Yield that some shards of an index lie beside it, and others do not."""
    if blob.siblings is None:
        return
    try:
        document = load_json(bytes(blob.data), blob.limits)
    except (ValueError, RecursionError, TooDeepError, DuplicateKeyError):
        return  # its reader says so
    shards = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(shards, dict):
        return
    named = {name for name in shards.values() if isinstance(name, str) and "/" not in name}
    here = named.intersection(blob.siblings.names()) if named else set()
    absent = sorted(named - here)
    if here and absent:
        yield blob.problem(
            "malformed",
            f"{len(absent)} of {len(named)} shards are not there, the first `{absent[0][:100]}`",
        )
