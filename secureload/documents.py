"""YAML documents that people keep in git: policies, trust roots, waivers.

A document has `apiVersion: secureload/v1`, a `kind`, `metadata` and a `spec`. Its shape is
a `msgspec.Struct` for the whole document, whose field `kind` is a `Literal`; give the
structs `forbid_unknown_fields=True`, and a misspelt key is an error with its line.
"""

from __future__ import annotations

import contextlib
import difflib
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from secureload.errors import PolicyError
from secureload.learned import learned

API_VERSION = "secureload/v1"

_MAX_BYTES = 4_000_000
"""Largest document read; the largest policies have some thousand lines."""

_T = TypeVar("_T", bound=msgspec.Struct)
_Step = str | int
_AT = re.compile(r" - at `(key in )?\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<key>[^.\[\]]+)|\[(?P<index>\d+|\.\.\.)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`")
_MISSING = re.compile(r"Object missing required field `(?P<key>[^`]*)`")


class NoDocumentError(PolicyError):
    """There is no text to read, and so no line to name."""


class Metadata(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a document is called, and what for."""

    name: str
    description: str = ""


def load_document(path: Path, shape: type[_T]) -> _T:
    """Read one document from a file.

    Raises:
        NoDocumentError: the file cannot be read, or is too large.
        PolicyError: it is no YAML, or not of this shape; the message begins with
            `file:line:`.
    """
    return parse_document(_text(path), shape, name=str(path))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise NoDocumentError(f"{path}: larger than {_MAX_BYTES} bytes")
        content = path.read_bytes()
    except NoDocumentError:
        raise
    except OSError as error:
        raise NoDocumentError(f"{path}: {error.strerror or error}") from error
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PolicyError(f"{path}:{line}: not UTF-8 text") from error


def line_of(path: Path, *steps: str | int) -> int:
    """The line of a key or item of a document that was read before, for an error in it.

    Where the document says nothing of it, or was edited since, it is the line of what is
    nearest above.
    """
    lines: dict[tuple[_Step, ...], int] = {(): 1}
    with contextlib.suppress(PolicyError, yaml.YAMLError, RecursionError):
        root = yaml.compose(_text(path), Loader=yaml.SafeLoader)
        if root is not None:
            _plain(root, (), lines, set(), str(path), yaml.SafeLoader(""))
    return _line_of(steps, lines)


def parse_document(text: str, shape: type[_T], *, name: str) -> _T:
    """Read one document from text; `name` stands for the file in messages.

    Raises:
        PolicyError: the text is no YAML, or not of this shape.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyError(f"{name}:{line}: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise PolicyError(f"{name}:1: {error}") from error
    except RecursionError as error:
        raise PolicyError(f"{name}:1: nested too deeply") from error
    if not isinstance(root, yaml.MappingNode):
        raise PolicyError(f"{name}:1: expected a document with `apiVersion`, `kind` and `spec`")

    lines: dict[tuple[_Step, ...], int] = {}
    try:
        plain = _plain(root, (), lines, set(), name, yaml.SafeLoader(""))
    except RecursionError as error:
        raise PolicyError(f"{name}:1: nested too deeply") from error
    _check_head(plain, shape, lines, name)
    try:
        return msgspec.convert(plain, learned(shape))
    except msgspec.ValidationError as error:
        line, message = _explain(str(error), shape, lines)
        raise PolicyError(f"{name}:{line}: {message}") from error


def _plain(
    node: yaml.Node,
    path: tuple[_Step, ...],
    lines: dict[tuple[_Step, ...], int],
    seen: set[int],
    name: str,
    scalars: yaml.SafeLoader,
) -> Any:
    """Turn a node into plain values, noting the line of each key and item."""
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if id(node) in seen:
        raise PolicyError(f"{name}:{line}: aliases (`*name`) are not used here; write it out")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key_line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise PolicyError(f"{name}:{key_line}: a key must be plain text")
            key = key_node.value
            if key in found:
                first = lines[*path, key]
                raise PolicyError(f"{name}:{key_line}: `{key}` is already set in line {first}")
            lines[*path, key] = key_line
            found[key] = _plain(value_node, (*path, key), lines, seen, name, scalars)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [
            _plain(item, (*path, index), lines, seen, name, scalars)
            for index, item in enumerate(node.value)
        ]
    try:
        # Scalars only, through the safe constructor: text, numbers, booleans, dates, null.
        return scalars.construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        raise PolicyError(f"{name}:{line}: cannot read `{node.value}`") from error


def _check_head(
    plain: dict[str, Any], shape: type[Any], lines: dict[tuple[_Step, ...], int], name: str
) -> None:
    kinds = typing.get_args(typing.get_type_hints(shape)["kind"])
    for key, expected in (("apiVersion", (API_VERSION,)), ("kind", kinds)):
        wanted = " or ".join(f"`{value}`" for value in expected)
        if key not in plain:
            raise PolicyError(f"{name}:1: `{key}` is missing; expected {wanted}")
        if plain[key] not in expected:
            line = lines[(key,)]
            raise PolicyError(f"{name}:{line}: `{key}` is `{plain[key]}`; expected {wanted}")


def _explain(error: str, shape: type[Any], lines: dict[tuple[_Step, ...], int]) -> tuple[int, str]:
    """Turn a validation message into a line number and a sentence with the key's path."""
    steps: list[_Step] = []
    at = _AT.search(error)
    if at:
        error = error[: at.start()]
        for step in _STEP.finditer(at["path"]):
            index = step["index"]
            if index == "...":
                break  # the key of a mapping, or of a variable-length item: its parent's line
            steps.append(int(index) if index is not None else step["key"])
    path = tuple(steps)
    unknown = _UNKNOWN.match(error)
    if unknown:
        key = unknown["key"]
        close = difflib.get_close_matches(key, sorted(set(_names(shape))), n=1)
        guess = f"; did you mean `{close[0]}`?" if close else ""
        return _line_of((*path, key), lines), f"unknown key `{shown((*path, key))}`{guess}"
    missing = _MISSING.match(error)
    if missing:
        return _line_of(path, lines), f"`{shown((*path, missing['key']))}` is missing"
    message = error[:1].lower() + error[1:]
    return _line_of(path, lines), f"`{shown(path)}`: {message}"


def _line_of(path: tuple[_Step, ...], lines: dict[tuple[_Step, ...], int]) -> int:
    while path not in lines:
        path = path[:-1]
    return lines[path]


def shown(path: tuple[_Step, ...]) -> str:
    """The way to a key as people write it: `spec.rules[0].match`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.lstrip(".")


def _names(shape: Any) -> Iterator[str]:
    """Every key that any part of this shape knows."""
    pending: list[Any] = [msgspec.inspect.type_info(shape)]
    visited: set[int] = set()
    while pending:
        info = pending.pop()
        if id(info) in visited:
            continue
        visited.add(id(info))
        if isinstance(info, msgspec.inspect.StructType):
            for field in info.fields:
                yield field.encode_name
                pending.append(field.type)
        elif isinstance(info, msgspec.inspect.UnionType):
            pending.extend(info.types)
        elif isinstance(info, msgspec.inspect.CollectionType):
            pending.append(info.item_type)
        elif isinstance(info, msgspec.inspect.DictType):
            pending.append(info.value_type)
