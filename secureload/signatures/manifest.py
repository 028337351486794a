"""What a signature over a model promises: each file or shard with its digest.

The statement is in-toto's, version 1, with the predicate of OpenSSF Model Signing 1.0, or
with the one of the tool's release 0.2, which put the digests among the subjects. A manifest
is compared with files in quarantine: every one promised must be there and equal, and every
one there must be promised or left out by the signer.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from secureload.flow import StoredFile
from secureload.signatures.bundles import unambiguous

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
PREDICATE_BEFORE_V1 = "https://model_signing/Digests/v0.1"

NEVER_SIGNED = frozenset({".git", ".gitignore", ".gitattributes", ".github"})
"""Names at the top of a model that no signer includes (specification 1.0, section 6.2)."""

_WHOLE = "."
"""What the tool calls the only file of a model that is one file."""

_CHUNK_BYTES = 4 << 20
_SIZES = {"sha256": 32, "blake2b": 64, "blake3": 32}
_SHARD = re.compile(r"(?P<path>.+):(?P<start>\d{1,18}):(?P<end>\d{1,18})", re.DOTALL)


class MalformedManifestError(ValueError):
    """A signed statement that is none about a model, or that contradicts itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """Promised digests in hex by path: one a file, or one a shard of `shard_size` bytes.

    `shards` maps a path to its (start, end, digest) in order. `ignored` are paths, of files
    or folders, that the signer left out. `digest` is the statement's root digest.
    """

    algorithm: str
    digest: str
    files: Mapping[str, str] = field(default_factory=dict)
    shards: Mapping[str, tuple[tuple[int, int, str], ...]] = field(default_factory=dict)
    shard_size: int | None = None
    follows_links: bool = False
    ignored: tuple[str, ...] = ()

    @property
    def paths(self) -> frozenset[str]:
        """Every promised file."""
        return frozenset(self.files) | frozenset(self.shards)


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """How files stand to a manifest: which are as promised, what is wrong, what is besides."""

    covered: frozenset[str]
    problems: Mapping[str, str]
    unsigned: tuple[str, ...]


def parse(payload: bytes) -> Manifest:
    """Read the payload of a signature that has been verified.

    Raises:
        MalformedManifestError: it is no statement about a model, or contradicts itself.
    """
    try:
        statement = json.loads(payload, object_pairs_hook=unambiguous)
    except (ValueError, RecursionError) as error:
        raise MalformedManifestError(f"the statement is no JSON: {error}") from error
    if not isinstance(statement, dict) or statement.get("_type") != STATEMENT_TYPE:
        raise MalformedManifestError(f"the payload is no statement of type {STATEMENT_TYPE}")
    kind = statement.get("predicateType")
    try:
        if kind == PREDICATE:
            return _current(statement)
        if kind == PREDICATE_BEFORE_V1:
            return _before_v1(statement)
    except (KeyError, TypeError, AttributeError) as error:
        raise MalformedManifestError(f"the statement lacks a part, or has it wrong: {error}") from (
            error
        )
    raise MalformedManifestError(f"the statement's predicate is {str(kind)[:80]!r}")


def _current(statement: dict[str, Any]) -> Manifest:
    (subject,) = _list(statement["subject"], "subject", one=True)
    promised = _hex(subject["digest"]["sha256"], "sha256")
    serialization = statement["predicate"]["serialization"]
    algorithm = _algorithm(serialization["hash_type"])
    follows_links = serialization["allow_symlinks"]
    if not isinstance(follows_links, bool):
        raise MalformedManifestError("`allow_symlinks` is neither true nor false")
    ignored = serialization.get("ignore_paths", [])
    if not isinstance(ignored, list) or not all(isinstance(one, str) for one in ignored):
        raise MalformedManifestError("`ignore_paths` is no list of paths")
    method = serialization["method"]
    total = hashlib.sha256()
    digests: dict[str, str] = {}
    for resource in _list(statement["predicate"]["resources"], "resources"):
        if _algorithm(_unsharded(resource["algorithm"])) != algorithm:
            raise MalformedManifestError(
                f"{resource['name']!r} has a digest of another kind than `hash_type` says"
            )
        digest = _hex(resource["digest"], algorithm)
        total.update(bytes.fromhex(digest))
        name = resource["name"] if method == "shards" else _path(resource["name"])
        if name in digests:
            raise MalformedManifestError(f"{name!r} is promised twice")
        digests[name] = digest
    if total.hexdigest() != promised:
        raise MalformedManifestError("the root digest is not that of the digests listed")
    common: dict[str, Any] = {
        "algorithm": algorithm,
        "digest": promised,
        "follows_links": follows_links,
        "ignored": tuple(found for one in ignored if (found := _ignored(one))),
    }
    if method == "files":
        return Manifest(files=digests, **common)
    if method == "shards":
        size = _size(serialization["shard_size"])
        return Manifest(shards=_shards(digests, size), shard_size=size, **common)
    raise MalformedManifestError(f"the serialization {str(method)[:40]!r} is not known")


def _before_v1(statement: dict[str, Any]) -> Manifest:
    """The statement of release 0.2: a subject a file, SHA-256 always."""
    digests: dict[str, str] = {}
    total = hashlib.sha256()
    for subject in _list(statement["subject"], "subject"):
        how = (subject.get("annotations") or {}).get("actual_hash_algorithm", "file-sha256")
        if how != "file-sha256":
            raise MalformedManifestError(f"{subject['name']!r} is hashed by {str(how)[:40]!r}")
        name, digest = _path(subject["name"]), _hex(subject["digest"]["sha256"], "sha256")
        if name in digests:
            raise MalformedManifestError(f"{name!r} is promised twice")
        digests[name] = digest
        total.update(bytes.fromhex(digest))
    return Manifest(algorithm="sha256", digest=total.hexdigest(), files=digests)


def _list(value: Any, key: str, *, one: bool = False) -> list[Any]:
    if not isinstance(value, list) or not value or (one and len(value) != 1):
        raise MalformedManifestError(f"`{key}` does not list {'exactly one' if one else 'any'}")
    return value


def _algorithm(name: Any) -> str:
    # The tool's own name for BLAKE2b was once without the b.
    known = {"blake2": "blake2b"}.get(name, name)
    if known not in _SIZES:
        raise MalformedManifestError(f"the hash algorithm {str(name)[:40]!r} is not known")
    return str(known)


def _unsharded(name: Any) -> Any:
    """The hash's own name; the tool writes `sha256-sharded-1000000000` for a shard's."""
    return re.sub(r"-sharded-\d+$", "", name) if isinstance(name, str) else name


def _hex(text: Any, algorithm: str) -> str:
    if not isinstance(text, str) or not re.fullmatch(
        f"[0-9a-fA-F]{{{2 * _SIZES[algorithm]}}}", text
    ):
        raise MalformedManifestError(f"{str(text)[:80]!r} is no {algorithm} digest")
    return text.lower()


def _size(value: Any) -> int:
    """A shard's size; the tool writes it as protobuf's JSON form does, 1000.0 for 1000."""
    whole = int(value) if isinstance(value, (int, float)) and value == value // 1 else 0
    if isinstance(value, bool) or not 0 < whole < 1 << 53:
        raise MalformedManifestError("`shard_size` is no number of bytes")
    return whole


def _path(name: Any) -> str:
    """A promised name in its canonical form (specification 1.0, section 6.1.2)."""
    if not isinstance(name, str) or not name:
        raise MalformedManifestError("a promised file has no name")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise MalformedManifestError(f"{name!r} lies outside the model")
    return "/".join(parts) or _WHOLE


def _ignored(entry: str) -> str:
    """A path left out; empty for one that names nothing inside the model."""
    if entry.startswith("/") or ".." in entry.split("/"):
        return ""
    return "/".join(part for part in entry.split("/") if part not in ("", "."))


def _shards(digests: Mapping[str, str], size: int) -> dict[str, tuple[tuple[int, int, str], ...]]:
    """Shards by file, in order; each as long as the signer said, without gap or overlap."""
    found: dict[str, list[tuple[int, int, str]]] = {}
    for name, digest in digests.items():
        match = _SHARD.fullmatch(name) if isinstance(name, str) else None
        if match is None:
            raise MalformedManifestError(f"{str(name)[:80]!r} names no shard of a file")
        place = (int(match["start"]), int(match["end"]), digest)
        found.setdefault(_path(match["path"]), []).append(place)
    for path, shards in found.items():
        shards.sort()
        at = 0
        for start, end, _ in shards:
            last = end == shards[-1][1]
            if start != at or not (end - start == size or (last and 0 < end - start < size)):
                raise MalformedManifestError(f"the shards of {path!r} do not follow one another")
            at = end
    return {path: tuple(shards) for path, shards in found.items()}


def compare(
    manifest: Manifest,
    listed: Iterable[str],
    stored: Mapping[str, StoredFile],
    root: Path,
    *,
    ignored: Iterable[str] = (),
    signatures: Iterable[str] = (),
    claimed: Mapping[str, str] | None = None,
    ignore_unsigned: bool = False,
) -> Compared:
    """Compare what is promised with what is there.

    `listed` are all files of the model; `stored` those in quarantine below `root`, whose
    bytes are compared. For the others only presence, and the SHA-256 that `claimed` has for
    them, can be. `ignored` are paths that the caller leaves out besides the signer,
    `signatures` the files that hold the signature; `ignore_unsigned` takes any other file
    that is not promised for unsigned instead of wrong.
    """
    names = frozenset(listed)
    only = next(iter(names)) if len(names) == 1 else None
    promised = {only if path == _WHOLE and only else path: path for path in manifest.paths}
    problems: dict[str, str] = {}
    for path, name in promised.items():
        if path not in names:
            problems[path] = "signed, and not there"
        elif path in stored:
            if found := _differs(manifest, name, stored[path], root):
                problems[path] = found
        elif manifest.algorithm == "sha256" and name in manifest.files:
            claim = (claimed or {}).get(path)
            if claim is not None and claim != manifest.files[name]:
                problems[path] = "listed with another SHA-256 than the one signed"
    left_out = {one for one in map(_ignored, (*manifest.ignored, *ignored)) if one}
    allowed = frozenset(signatures)
    unsigned = []
    for path in sorted(names - frozenset(promised)):
        if path in allowed:
            continue
        empty = path in stored and stored[path].size == 0 and manifest.shard_size is not None
        if empty or ignore_unsigned or _is_left_out(path, left_out):
            unsigned.append(path)
        else:
            problems[path] = "there, and not signed"
    return Compared(
        covered=frozenset(promised) - frozenset(problems),
        problems=problems,
        unsigned=tuple(unsigned),
    )


def _is_left_out(path: str, left_out: set[str]) -> bool:
    parts = path.split("/")
    if parts[0] in NEVER_SIGNED:
        return True
    return any("/".join(parts[: end + 1]) in left_out for end in range(len(parts)))


def _differs(manifest: Manifest, name: str, file: StoredFile, root: Path) -> str:
    if name in manifest.files:
        expected = manifest.files[name]
        if manifest.algorithm == "sha256":
            found = file.sha256
        else:
            found = _hash(root / file.path, manifest.algorithm, 0, file.size)
        return "" if found == expected else f"its {manifest.algorithm} is not the one signed"
    shards = manifest.shards[name]
    if shards[-1][1] != file.size:
        return f"has {file.size} bytes, and {shards[-1][1]} are signed"
    for start, end, expected in shards:
        if _hash(root / file.path, manifest.algorithm, start, end) != expected:
            return f"its bytes from {start} to {end} are not those signed"
    return ""


class _Hash(Protocol):
    def update(self, data: bytes, /) -> object: ...

    def hexdigest(self) -> str: ...


def _blake3() -> _Hash:
    import blake3

    return blake3.blake3()


_HASHES: dict[str, Callable[[], _Hash]] = {
    "sha256": hashlib.sha256,
    "blake2b": hashlib.blake2b,
    "blake3": _blake3,
}


def _hash(path: Path, algorithm: str, start: int, end: int) -> str:
    digest = _HASHES[algorithm]()
    with path.open("rb") as stream:
        stream.seek(start)
        left = end - start
        while left > 0 and (chunk := stream.read(min(left, _CHUNK_BYTES))):
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()
