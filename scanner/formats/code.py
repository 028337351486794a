"""Programs: executables, libraries, bytecode; scripts by their first line or their name."""

from __future__ import annotations

from scanner.facts import CodeFact
from scanner.formats import Format, Read
from scanner.formats._scripts import language_by_name
from scanner.formats._text import is_legacy_text, is_text
from scanner.reader import Blob

_MAGIC = {
    b"\x7fELF": "elf",
    b"\xfe\xed\xfa\xce": "macho", b"\xfe\xed\xfa\xcf": "macho",
    b"\xce\xfa\xed\xfe": "macho", b"\xcf\xfa\xed\xfe": "macho", b"\xca\xfe\xba\xbe": "macho",
    b"\0asm": "wasm", b"\x1bLua": "lua-bytecode", b"dex\n": "dalvik",
    b"A\n2\n": "r-data", b"A\n3\n": "r-data", b"X\n\0\0": "r-data",
    b"RDA2": "r-data", b"RDA3": "r-data", b"RDX2": "r-data", b"RDX3": "r-data",
}  # fmt: skip
# R evaluates promises that serialised data brings when the value is first used.


def language(blob: Blob) -> str:
    """Which kind of program it is, `` for none."""
    head = blob.head(64)
    if head[:4] in _MAGIC:
        return _MAGIC[head[:4]]
    if head[:2] == b"MZ" and len(head) == 64:
        at = int.from_bytes(head[60:64], "little")
        signature = bytes(blob.data[at : at + 4])
        return "pe" if signature == b"PE\0\0" or not is_text(blob) else ""
    if head[2:4] == b"\r\n" and 2900 <= int.from_bytes(head[:2], "little") <= 4000:
        return "python-bytecode"
    if head[:2] == b"#!" and is_text(blob):
        # What Python's reader understands is no second program.
        if b"python" not in head.partition(b"\n")[0]:
            return "shell"
        from scanner.formats.python import recognise as is_python

        return "" if is_python(blob) else "shell"
    named = language_by_name(blob.name)
    return named if named and (is_text(blob) or is_legacy_text(blob.head(1 << 20))) else ""


def recognise(blob: Blob) -> bool:
    """Whether it is a program."""
    return bool(language(blob))


def read(blob: Blob) -> Read:
    """Yield that code is here; it is not taken apart."""
    yield CodeFact(where=blob.where(), language=language(blob))


FORMAT = Format(name="program", recognise=recognise, read=read, label=language)
