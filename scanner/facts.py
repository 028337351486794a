"""The narrow waist: what format readers see and rules judge.

A reader turns bytes into facts and knows no rules; a rule turns one fact into findings and
sees no bytes. A new kind of fact belongs here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from scanner.findings import Where
from scanner.frozen import dataclass

if TYPE_CHECKING:
    from scanner.pickles.values import Value


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """Something a reader saw, where first, and how often."""

    where: Where
    count: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportFact(Fact):
    """A pickle names a global: `module` and qualified `name` as `find_class` would get them.

    `module` or `name` is None when the stream computes it in a way that cannot be resolved.
    `objection` is None when an allowlist names the global, otherwise the reason why not.
    `by_value` says that it only makes functions from code that the pickle carries, and that
    nothing dangerous is known of any of that code.
    """

    module: str | None
    name: str | None
    objection: str | None = "no allowlist names it"
    by_value: bool = False

    @property
    def dotted(self) -> str:
        """The global as people write it; unresolved parts read `?`."""
        return f"{self.module or '?'}.{self.name or '?'}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CallFact(Fact):
    """A pickle calls something: REDUCE, INST, OBJ, NEWOBJ, NEWOBJ_EX, or an implied method.

    `function` is the abstract value called and `args` the abstract argument tuple (or
    whatever stands in its place). `objection` is None when an allowlist entry covers this call
    with these arguments, otherwise the reason why none does. `by_value` is as an import's.
    """

    function: Value
    args: Value
    callee: str
    """Printable dotted name of what is called, `?` where unresolved."""
    objection: str | None
    by_value: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class StateFact(Fact):
    """A pickle sets state, items or attributes on something that is no plain container.

    Covers BUILD (`__setstate__`, dict and slot state), APPEND(S), SETITEM(S) and ADDITEMS on
    an object that a call or a global produced.
    """

    target: Value
    state: Value
    callee: str
    objection: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PersistentIdFact(Fact):
    """A pickle asks its loader for an object by persistent id (PERSID, BINPERSID)."""

    pid: Value
    objection: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtensionFact(Fact):
    """A pickle asks the copyreg extension registry for a global by code (EXT1, EXT2, EXT4)."""

    code: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorFact(Fact):
    """A tensor described by the arguments of a rebuild call; nothing was built.

    `name` is the path of keys that leads to it from the root of the object, `dtype` torch's
    name without prefix (`bfloat16`), `shape` and `stride` count elements, `storage_offset`
    is in elements from the storage's start and `storage_elements` the storage's declared
    length in elements. `layout` is `strided`, or what safetensors cannot hold.
    """

    name: tuple[str | int, ...]
    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    storage: str
    storage_dtype: str
    storage_offset: int
    storage_elements: int
    device: str = "cpu"
    layout: str = "strided"
    conjugate: bool = False
    negative: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberFact(Fact):
    """An archive holds a member: its name as stored, its kind and sizes in bytes."""

    name: str
    kind: str
    """`file`, `directory`, `symlink`, `hardlink`, `device` or `other`."""
    size: int
    compressed_size: int
    target: str | None = None
    """Where a link points, as stored."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigFact(Fact):
    """A value in a configuration file that a rule may care about.

    `path` is the JSON path (`$.text_config.auto_map`), `key` its last part, `value` the
    scalar or, for containers, None; `document` is the base name of the file.
    """

    document: str
    path: str
    key: str
    value: str | int | float | bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateFact(Fact):
    """A Jinja chat template: its source, never rendered."""

    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeFact(Fact):
    """Program code found in a model: Python source, bytecode, a shared library, a script.

    `language` is `python`, `python-bytecode`, `elf`, `pe`, `macho`, `shell`, `keras-lambda`,
    `tensorflow-op`, `onnx-op`, ...; `names` the dotted names it imports or calls.
    """

    language: str
    names: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProblemFact(Fact):
    """A file is not what its format says: damage, a lie, an ambiguity, a limit reached.

    `kind` is a short stable name (`crc-mismatch`, `duplicate-member`, `limit-reached`).
    `fatal` says that reading stopped there, so the file's status is `failed`.
    """

    kind: str
    message: str
    fatal: bool = False
    detail: Mapping[str, str] | None = None
