"""Raw git objects, read strictly: what a commit signs, what a tree holds, what a tag names.

Whatever git itself reads leniently, and two programs might read differently, is refused.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

TREE_MODE = b"40000"
FILE_MODES = frozenset({b"100644", b"100755", b"100664"})
"""Modes of plain files; the last was written by early versions of git."""

_REFUSED_MODES = {b"120000": "a symbolic link", b"160000": "a submodule"}
_OID = re.compile(rb"(?:[0-9a-f]{40}|[0-9a-f]{64})")
_HEADER = re.compile(rb"([a-zA-Z0-9-]+) (.*)", re.DOTALL)
_GIT_FOLDER = re.compile(r"\.git|git~\d+", re.IGNORECASE)


class MalformedObjectError(ValueError):
    """An object that is not what git writes, or holds what no model needs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A commit's tree and parents, the armored signature over it if any, and what that signs."""

    tree: str
    parents: tuple[str, ...] = ()
    signature: bytes | None
    payload: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Tag:
    """An annotated tag: what it names, its own name, its signature and what that signs."""

    target: str
    kind: str
    name: str
    signature: bytes | None
    payload: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One entry of a tree."""

    name: str
    oid: str
    is_tree: bool


def object_id(kind: str, content: bytes, algorithm: str = "sha1") -> str:
    """The id git gives to an object; `algorithm` is `sha1` or `sha256`."""
    head = f"{kind} {len(content)}\0".encode()
    return hashlib.new(algorithm, head + content, usedforsecurity=False).hexdigest()


def algorithm_of(oid: str) -> str:
    """The hash algorithm of an object id, from its length."""
    return "sha256" if len(oid) == 64 else "sha1"


def parse_commit(content: bytes, algorithm: str = "sha1") -> Commit:
    """Read a raw commit. Only a header of the commit itself counts as its signature.

    A merged tag's own signature lies inside the continuation lines of `mergetag`, and signs
    that tag. The payload is the commit without every signature header, as git signs it.

    Raises:
        MalformedObjectError: the headers are not those git writes, in the order it does.
    """
    head, separator, _ = content.partition(b"\n\n")
    if not separator and content.endswith(b"\n"):
        head = content[:-1]  # a commit without a message and without its empty line
    headers = list(_headers(head))
    names = [name for name, _ in headers]
    parents = names.count(b"parent")
    if names[: parents + 3] != [b"tree", *[b"parent"] * parents, b"author", b"committer"]:
        raise MalformedObjectError("the commit's headers are not tree, parents, author, committer")
    if {b"tree", b"parent", b"author", b"committer"} & set(names[parents + 3 :]):
        raise MalformedObjectError("the commit repeats a header")
    for name, value in headers[: parents + 1]:
        if not _OID.fullmatch(_raw(name, value)):
            raise MalformedObjectError(f"the commit's {name.decode()} is no object id")
    ours = b"gpgsig" if algorithm == "sha1" else b"gpgsig-sha256"
    signatures = {b"gpgsig", b"gpgsig-sha256"}
    for name in {name for name in names if name.lower().startswith(b"gpgsig")}:
        if name not in signatures:
            raise MalformedObjectError(f"the commit has an unknown header `{name.decode()}`")
        if names.count(name) > 1:
            raise MalformedObjectError(f"the commit has two headers `{name.decode()}`")
    kept = b"".join(
        name + b" " + value + b"\n" for name, value in headers if name not in signatures
    )
    found = dict(headers).get(ours)
    return Commit(
        tree=headers[0][1].decode("ascii"),
        parents=tuple(value.decode("ascii") for _, value in headers[1 : parents + 1]),
        signature=None if found is None else found.replace(b"\n ", b"\n") + b"\n",
        payload=kept + content[len(head) + 1 :],
    )


def parse_tag(content: bytes) -> Tag:
    """Read a raw annotated tag; its signature is the armor at the end of its message.

    Raises:
        MalformedObjectError: the headers are not those git writes.
    """
    head, separator, _ = content.partition(b"\n\n")
    headers = list(_headers(head))
    names = [name for name, _ in headers]
    if not separator or names[:3] != [b"object", b"type", b"tag"] or len(set(names)) < len(names):
        raise MalformedObjectError("the tag's headers are not object, type, tag")
    target, kind, name = (_raw(name, value) for name, value in headers[:3])
    if not _OID.fullmatch(target):
        raise MalformedObjectError("the tag's object is no object id")
    # The last line that opens an armor, as git looks for it.
    armor = list(re.finditer(rb"^-----BEGIN (?:PGP|SSH) [A-Z ]+-----$", content, re.MULTILINE))
    cut = armor[-1].start() if armor else len(content)
    return Tag(
        target=target.decode("ascii"),
        kind=kind.decode("utf-8", "replace"),
        name=name.decode("utf-8", "replace"),
        signature=content[cut:] or None,
        payload=content[:cut],
    )


def _headers(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each header's name and its raw value, continuation lines included."""
    if b"\0" in head:
        raise MalformedObjectError("a header holds a NUL byte")
    # A line that begins with a space continues the header before it.
    for row in re.split(rb"\n(?! )", head):
        match = _HEADER.fullmatch(row)
        if match is None:
            raise MalformedObjectError("a header has no name")
        yield match[1], match[2]


def _raw(name: bytes, value: bytes) -> bytes:
    if b"\n" in value:
        raise MalformedObjectError(f"the header `{name.decode()}` has more than one line")
    return value


def parse_tree(content: bytes, algorithm: str = "sha1") -> tuple[list[Entry], list[str]]:
    """Read a raw tree: its entries, and what is wrong with it, one sentence each.

    Refused are links, submodules and unknown modes, names that mean something to git or to
    a file system, names that another system takes for one another, and wrong order.

    Raises:
        MalformedObjectError: the bytes are no tree at all.
    """
    width = 32 if algorithm == "sha256" else 20
    entries: list[Entry] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    last = b""
    at = 0
    while at < len(content):
        space = content.find(b" ", at, at + 8)
        end = content.find(b"\0", at)
        if space < 0 or end < space or end + 1 + width > len(content):
            raise MalformedObjectError("the tree is cut off or damaged")
        mode, raw = content[at:space], content[space + 1 : end]
        oid = content[end + 1 : end + 1 + width].hex()
        at = end + 1 + width
        name = raw.decode("utf-8", "backslashreplace")
        is_tree = mode == TREE_MODE
        if not is_tree and mode not in FILE_MODES:
            what = _REFUSED_MODES.get(mode, f"of mode {mode.decode('ascii', 'replace')}")
            problems.append(f"{name!r} is {what}")
        problems.extend(_objections(raw, name))
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
        if key in seen:
            problems.append(f"{name!r} and {seen[key]!r} are one name on some file systems")
        seen[key] = name
        # Git sorts a folder as if its name ended with a slash.
        place = raw + (b"/" if is_tree else b"")
        if place <= last:
            problems.append(f"{name!r} is out of order")
        last = place
        entries.append(Entry(name=name, oid=oid, is_tree=is_tree))
    return entries, problems


def _objections(raw: bytes, name: str) -> Iterator[str]:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        yield f"{name!r} is not UTF-8"
        return
    # Format characters are invisible, and some file systems leave them out of a name.
    visible = "".join(one for one in name if unicodedata.category(one) != "Cf")
    if any(unicodedata.category(one) in {"Cc", "Cf", "Cs"} for one in name):
        yield f"{name!r} holds control or invisible characters"
    if name in {"", ".", ".."} or "/" in name or "\\" in name:
        yield f"{name!r} is no plain file name"
    elif _GIT_FOLDER.fullmatch(visible.rstrip(" .") or visible):
        yield f"{name!r} is git's own folder"
