"""Whole model repositories for tests: real fixtures as files in memory, and hostile ones."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

FIXTURES = Path(__file__).parent.parent / "fixtures"


def files_of(*folders: str) -> dict[str, bytes]:
    """The files of some fixture folders, laid over one another: `files_of("bert-base/pt-zip")`."""
    return {
        str(path.relative_to(FIXTURES / folder)): path.read_bytes()
        for folder in folders
        for path in sorted((FIXTURES / folder).rglob("*"))
        if path.is_file()
    }


def legacy() -> dict[str, bytes]:
    """A tiny classifier as publishers used to ship it: configuration, tokenizer, `.bin`."""
    return files_of("distilbert-token/processor", "distilbert-token/pt-zip")


def safe() -> dict[str, bytes]:
    """The same classifier with safetensors weights."""
    return files_of("distilbert-token/processor", "distilbert-token/safetensors")


def hostile_pickle(command: str) -> bytes:
    """A protocol-2 pickle that runs a shell command when it is loaded."""
    text = command.encode()
    return b"\x80\x02cposix\nsystem\nX" + len(text).to_bytes(4, "little") + text + b"\x85R."


def hostile_zip(command: str) -> bytes:
    """A torch archive whose `data.pkl` runs a shell command when it is loaded."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("archive/data.pkl", hostile_pickle(command))
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/version", "3\n")
    return target.getvalue()


def malicious(command: str) -> dict[str, bytes]:
    """The tiny classifier with weights that run a shell command when they are loaded."""
    return legacy() | {"pytorch_model.bin": hostile_zip(command)}


def flipped(data: bytes, at: int = -1) -> bytes:
    """The same number of bytes with one of them different."""
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)
