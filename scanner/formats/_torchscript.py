"""What the zip reader knows of TorchScript: where programs lie, and what of them is not listed.

Torch finds a source by its name whatever its case, below `code/` of the archive's one folder.
The mobile interpreter reads `bytecode.pkl` instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scanner.facts import CodeFact, Fact, ImportFact
from scanner.findings import Where
from scanner.formats._json import DuplicateKeyError, TooDeepError, load_json
from scanner.reader import Blob

LANGUAGE = "torchscript"
BYTECODE = "bytecode.pkl"
_OLD = frozenset({"mainModule", "main_module", "protoVersion", "proto_version"})
"""Keys of the document by which torch 1.2 and before described a module."""


def module(name: str) -> str | None:
    """The module that a member of the archive is the source of, or None."""
    parts = name.split("/")
    if len(parts) < 3 or parts[1].lower() != "code" or not name.lower().endswith(".py"):
        return None
    return ".".join(parts[2:])[:-3]


def is_old(name: str) -> bool:
    """Whether torch takes a member for the description of an archive of the old layout.

    Torch looks for it first, and then finds the program wherever it says.
    """
    parts = name.split("/")
    return len(parts) == 2 and parts[1].lower() == "model.json"


def describes(blob: Blob, data: memoryview) -> bool:
    """Whether a document has the keys of that description."""
    try:
        document = load_json(bytes(data), blob.limits)
    except (ValueError, RecursionError, TooDeepError, DuplicateKeyError):
        return False  # told where the member is read
    return isinstance(document, dict) and not _OLD.isdisjoint(document)


def old(where: Where) -> CodeFact:
    """That an archive is of the old layout, of which nothing is judged."""
    return CodeFact(
        where=where, language=LANGUAGE, names=("model.json",),
        detail="the layout of torch 1.2 and before, whose programs are not judged",
    )  # fmt: skip


def sources(blob: Blob, found: Iterable[tuple[str, memoryview]]) -> Iterator[Fact]:
    """Yield what the sources hold that no list admits; each comes with its member's name."""
    # Imported here and below: few archives hold a program.
    from scanner.torchscript import program

    limits = blob.limits
    texts: list[tuple[str, str]] = []
    names: set[str] = set()
    total = 0
    for name, data in found:
        total += len(data)
        if len(data) > limits.source_bytes or total > limits.script_bytes:
            yield blob.problem("limit-reached", "a longer TorchScript program than is parsed")
            yield _fact(blob, name, "longer than what is parsed")
            return
        if name.lower() in names:
            yield _fact(blob, name, "two members by one name, whatever its case")
        names.add(name.lower())
        texts.append((module(name) or "", bytes(data).decode("latin-1")))
    for one in program.judge(texts):
        yield _fact(blob, one.what, one.why)


def instructions(blob: Blob, data: memoryview) -> Iterator[Fact]:
    """Yield what a `bytecode.pkl` holds that no list admits."""
    from scanner.pickles.machine import interpret
    from scanner.torchscript import bytecode

    seen = interpret(data, limits=blob.limits)
    if len(seen.values) != 1:
        yield _fact(blob, BYTECODE, "it is not one pickle")
        return
    for one in bytecode.judge(seen.values[0]):
        yield _fact(blob, one.what, one.why)


def classes(blob: Blob, fact: Fact) -> Iterator[Fact]:
    """Yield that a pickle names a class written in C++ that no list admits."""
    from scanner.torchscript.operators import CLASSES, CUSTOM

    if isinstance(fact, ImportFact) and fact.dotted.startswith(CUSTOM):
        name = fact.dotted.removeprefix(CUSTOM)
        if name not in CLASSES:
            yield CodeFact(
                where=fact.where, language=LANGUAGE, names=(fact.dotted,),
                detail="a class of a library that no list admits",
            )  # fmt: skip


def _fact(blob: Blob, what: str, why: str) -> CodeFact:
    return CodeFact(
        where=Where(member=blob.member), language=LANGUAGE, names=(what[:200],), detail=why
    )
