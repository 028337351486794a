"""A repository's Python as one set: the digest a policy approves, and what names the code.

The digest is SHA-256 over the sorted lines `<sha256> <size> <path>` of every `.py` file, so
that a changed, added or removed file makes another set. Of a Space it is over every file:
its page, its requirements and the settings in its card make the program as its Python does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from secureload.errors import IntegrityError
from secureload.flow import ArtifactFile, CodeSet, Snapshot, Source, digest_of

MANIFEST = "secureload-code.json"
"""The file of an admitted folder that says which code was approved, and what names it."""

_LARGEST = 20_000_000
_NAMING = "auto_map"


def code_of(snapshot: Snapshot) -> CodeSet | None:
    """The code of a snapshot, or None where there is none."""
    files = tuple(
        ArtifactFile(path=file.path, size=file.size, sha256=file.sha256)
        for file in sorted(snapshot.files, key=lambda file: file.path)
        if is_code(file.path, snapshot.listing.source)
    )
    if not files:
        return None
    names = dict(_named(snapshot))
    there = {file.path for file in files}
    astray = tuple(sorted({text for text in _references(names) if not _is_local(text, there)}))
    digest = digest_of((file.sha256, file.size, file.path) for file in files)
    return CodeSet(digest=f"sha256:{digest}", files=files, names=names, astray=astray)


def is_code(path: str, source: Source) -> bool:
    """Whether a file belongs to what is approved as the code of this source."""
    return path.endswith(".py") or source.repo_type == "space"


def manifest(code: CodeSet) -> bytes:
    """The manifest of approved code, as JSON."""
    document = {
        "schema": "secureload.code/1",
        "digest": code.digest,
        "files": {file.path: {"size": file.size, "sha256": file.sha256} for file in code.files},
        "names": code.names,
    }
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def read_manifest(data: bytes) -> CodeSet:
    """Read a manifest back.

    Raises:
        IntegrityError: it is none, or its digest is not that of the files it lists.
    """
    try:
        document = json.loads(data)
        files = tuple(
            ArtifactFile(path=str(path), size=int(file["size"]), sha256=str(file["sha256"]))
            for path, file in sorted(document["files"].items())
        )
        names = {str(path): dict(named) for path, named in document["names"].items()}
        digest = str(document["digest"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{MANIFEST} cannot be read: {error!r}") from error
    if digest != f"sha256:{digest_of((f.sha256, f.size, f.path) for f in files)}":
        raise IntegrityError(f"{MANIFEST}: the digest is not that of the files it lists")
    return CodeSet(digest=digest, files=files, names=names, astray=())


def _named(snapshot: Snapshot) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What each configuration's `auto_map` says, by the configuration's path."""
    for file in snapshot.files:
        if not file.path.endswith(".json") or file.size > _LARGEST:
            continue
        found = _auto_map(snapshot.root / file.path)
        if found is not None:
            yield file.path, found


def _auto_map(path: Path) -> Mapping[str, Any] | None:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None  # whatever this is, conversion refuses it where a library would read it
    found = document.get(_NAMING) if isinstance(document, dict) else None
    if isinstance(found, (list, tuple, str)):  # how older tokenizers wrote it
        return {"AutoTokenizer": found}
    return found if isinstance(found, dict) else None


def _references(names: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for named in names.values():
        for value in named.values():
            for item in value if isinstance(value, list) else [value]:
                if item is not None:
                    yield item if isinstance(item, str) else repr(item)


def _is_local(reference: str, there: set[str]) -> bool:
    """Whether `module.Class` is a module among these files and not another repository's."""
    module, dot, name = reference.partition(".")
    return bool(dot) and name.isidentifier() and module.isidentifier() and f"{module}.py" in there
