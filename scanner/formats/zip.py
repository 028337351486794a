"""Zip archives and what is built on them: torch's files, npz, Keras, and plain zips.

The directory is read in every way that a reader might (`scanner.zips`), and all members of
all readings are looked into. Raw storages of a torch file are not read: they are numbers,
and only the converter needs them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from scanner.facts import CodeFact, Fact, ImportFact, MemberFact, PersistentIdFact, ProblemFact
from scanner.findings import Where
from scanner.formats import Format, Read, _torch_package, _torchscript, distcp, tar
from scanner.formats._json import DuplicateKeyError, TooDeepError, load_json
from scanner.formats._zstd import unzstd
from scanner.formats.hidden_pickle import hidden
from scanner.formats.pickle import interpreted, second
from scanner.patterns import pattern
from scanner.pickles.persistent import torch as torch_ids
from scanner.pickles.storages import WIDTHS
from scanner.pickles.values import Global, Value
from scanner.reader import (
    Blob,
    UnpackError,
    bunzip2,
    collect,
    inflate,
    unlzma_member,
)
from scanner.zip_ends import end_records, looks_like_zip
from scanner.zip_parts import BZIP2, DEFLATED, LOCAL, LZMA, STORED, ZSTD, Directory, Member
from scanner.zips import read_directory

_SEVENZIP = b"7z\xbc\xaf\x27\x1c"
_PAYLOADS = ("/data/weights", "/data/constants")
_NUMBERED = pattern(r"(?:weight|tensor)_[0-9]+")
_WITH_STORAGES = ("data", "constants", "traced_inputs")
"""Names of torch's pickles, each with a folder of the same name for its storages."""
_CHECKED = 64 << 20
"""Stored members up to this many bytes have their CRC checked when they are read."""


def recognise(blob: Blob) -> bool:
    """Whether an end record lies in the tail, or the file begins with a local header.

    The end record of an archive that a tar or 7z stores as a member belongs to the member.
    """
    if blob.head(4) == LOCAL:
        # Each of several in a row is read as a file of its own.
        return not distcp.recognise(blob)
    if len(blob.data) < 22 or not looks_like_zip(blob.data):
        return False
    if blob.head(6) == _SEVENZIP:
        from scanner.formats._sevenzip import packed_span

        return not _within(end_records(blob.data), [packed_span(blob.data)])
    if tar.recognise(blob):
        return not _within(end_records(blob.data), tar.spans(blob))
    return True


def _within(places: list[int], spans: list[tuple[int, int]]) -> bool:
    """Whether every end record lies inside one of the members' data."""
    return all(any(start <= at and at + 22 <= end for start, end in spans) for at in places)


def _kind(directory: Directory) -> str:
    names = [member.name for member in directory.members]
    parts = {name.rpartition("/")[2] for name in names}
    if _torch_package.extern(names) and not any(_is_root_pickle(name) for name in names):
        return _torch_package.NAME
    if "data.pkl" in parts:
        code = any("/code/" in f"/{name}" for name in names)
        program = code or parts & {"constants.pkl", _torchscript.BYTECODE}
        return "torchscript" if program else "torch-zip"
    if {"config.json", "metadata.json"} <= set(names) and any(
        name.endswith(".weights.h5") for name in names
    ):
        return "keras-zip"
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    return "pt2" if "archive_format" in parts else "zip"


def _is_root_pickle(name: str) -> bool:
    """Whether `torch.load` takes it for the pickle of the archive."""
    return name.count("/") == 1 and name.endswith("/data.pkl")


def label(blob: Blob) -> str:
    """`torch-zip`, `torchscript`, `torch-package`, `pt2`, `npz`, `keras-zip` or `zip`."""
    return _kind(read_directory(blob.data, members=blob.limits.members))


def read(blob: Blob) -> Read:
    """Yield what is odd about the archive, its members, and what they hold."""
    directory = read_directory(blob.data, members=blob.limits.members)
    kind = _kind(directory)
    for problem in directory.problems:
        yield ProblemFact(
            where=Where(
                member=_chain(blob, problem.member) if problem.member else blob.member,
                offset=problem.offset,
            ),
            kind=problem.kind,
            message=problem.message,
            fatal=problem.fatal,
        )
    names = [member.name for member in directory.members]
    package = _torch_package.extern(names) is not None
    outside = _outside(blob, directory) if package else ()
    own = _torch_package.inside(_torch_package.modules(names), outside) if package else frozenset()
    mentioned: set[str] = set()
    storages: dict[str, int] = {}
    rest: list[Member] = []
    for member in directory.members:
        yield MemberFact(
            where=Where(member=_chain(blob, member.name), offset=member.header_offset),
            name=member.name,
            kind=member.kind,
            size=member.size,
            compressed_size=member.compressed_size,
        )
        if member.kind == "directory" and not member.compressed_size:
            continue
        if kind in ("torch-zip", "torchscript") and _is_pickle(member.name):
            for fact in _torch_pickle(blob, member, kind, storages):
                yield fact
                if kind == "torchscript":
                    yield from _torchscript.classes(blob, fact)
        elif package and _may_be_packaged(blob, member):
            for fact in _torch_pickle(blob, member, _torch_package.NAME, storages):
                if isinstance(fact, ImportFact) and fact.module in own and fact.name:
                    mentioned.update(fact.name.split("."))
                if not _torch_package.is_own(fact, own):
                    yield fact
        else:
            rest.append(member)
    yield from _program(blob, kind, rest)
    if package:
        yield CodeFact(
            where=blob.where(), language=_torch_package.NAME, names=tuple(sorted(own)),
            detail=" ".join(outside),
        )  # fmt: skip
    there = {_key(member.name) for member in directory.members}
    for key in [key for key in storages if key not in there][:1]:
        yield blob.problem("incomplete", f"no member has the storage {key[:100]!r}", fatal=True)
    numbers = _numbers(blob, rest) if kind == "pt2" else set()
    for member in rest:
        if member.name in numbers:
            continue
        folder, _, name = member.name.rpartition("/")
        key = _key(member.name)
        packed = package and folder.partition("/")[2] == ".data" and name.endswith(".storage")
        in_data = packed or (
            kind in ("torch-zip", "torchscript") and folder.rpartition("/")[2] in _WITH_STORAGES
        )
        if in_data and key in storages:
            if storages[key] < 0 or member.compressed_size == storages[key]:
                continue
            if key.startswith("traced_inputs/") and not member.compressed_size:
                continue  # torch keeps what inputs look like, and not their values
            yield ProblemFact(
                where=Where(member=_chain(blob, member.name)),
                kind="size-mismatch",
                message=f"a storage of {member.compressed_size} bytes, {storages[key]} declared",
            )
        raw = in_data and name.removesuffix(".storage").isdigit()
        script = kind == "torchscript" and _torchscript.module(member.name) is not None
        hint = "raw" if raw else "torchscript" if script else ""
        if package and member.name.endswith(".py"):
            hint = f"{_torch_package.HINT}:{' '.join(sorted(mentioned))}"
        yield from _member(blob, member, hint=hint)


def _program(blob: Blob, kind: str, members: list[Member]) -> Iterator[Fact]:
    """Yield what a TorchScript archive's program does beyond what is listed."""
    for member in members:
        if kind in ("torchscript", "torch-zip", "zip") and _torchscript.is_old(member.name):
            opened = _open(blob, member)
            if kind != "zip" or (
                not isinstance(opened, ProblemFact) and _torchscript.describes(blob, opened[0])
            ):
                yield _torchscript.old(Where(member=_chain(blob, member.name)))
    if kind != "torchscript":
        return
    found: list[tuple[str, memoryview]] = []
    for member in members:
        source = _torchscript.module(member.name) is not None
        if source or member.name.rpartition("/")[2].lower() == _torchscript.BYTECODE:
            opened = _open(blob, member)
            if isinstance(opened, ProblemFact):
                continue  # told where the member is read
            if source:
                found.append((member.name, opened[0]))
            else:
                yield from _torchscript.instructions(blob.inner(opened[0], member.name), opened[0])
    yield from _torchscript.sources(blob, found)


def _outside(blob: Blob, directory: Directory) -> tuple[str, ...]:
    """The modules that a package imports from the machine, in order of its list."""
    for member in directory.members:
        if _torch_package.extern([member.name]):
            opened = _open(blob, member)
            if not isinstance(opened, ProblemFact):
                return tuple(bytes(opened[0]).decode("utf-8", "replace").split())
    return ()


def _may_be_packaged(blob: Blob, member: Member) -> bool:
    """Whether a member of a package begins as its pickles do; its source and numbers do not."""
    path = member.name.partition("/")[2]
    if path.startswith(".data/") or path.endswith(".py"):
        return False
    if member.method == STORED:
        head = bytes(blob.data[member.data_offset : member.data_offset + 2])
    else:
        opened = _open(blob, member)
        head = b"" if isinstance(opened, ProblemFact) else bytes(opened[0][:2])
    return len(head) == 2 and head[0] == 0x80 and head[1] <= 5


def _numbers(blob: Blob, members: list[Member]) -> set[str]:
    """The members of an exported program that it takes as numbers, by its own configurations.

    What any of them says to unpickle is not among them.
    """
    raw: set[str] = set()
    pickled: set[str] = set()
    for member in members:
        folder, _, base = member.name.rpartition("/")
        if not folder.endswith(_PAYLOADS) or not base.endswith("_config.json"):
            continue
        opened = _open(blob, member)
        if isinstance(opened, ProblemFact):
            continue
        try:
            document = load_json(bytes(opened[0]), blob.limits)
        except (ValueError, RecursionError, TooDeepError, DuplicateKeyError):
            return set()
        entries = document.get("config") if isinstance(document, dict) else None
        for entry in entries.values() if isinstance(entries, dict) else ():
            if isinstance(entry, dict) and isinstance(entry.get("path_name"), str):
                plain = entry.get("use_pickle") is False
                (raw if plain else pickled).add(f"{folder}/{entry['path_name']}")
    # Torch takes these from a buffer by the declared type; no reader would see more in them.
    return {name for name in raw - pickled if _NUMBERED.fullmatch(name.rpartition("/")[2])}


def _is_pickle(name: str) -> bool:
    base = name.rpartition("/")[2]
    return base.endswith(".pkl") and base.removesuffix(".pkl") in _WITH_STORAGES


def _key(name: str) -> str:
    """What a member is called by a pickle that takes it as a storage: `data/0`."""
    return "/".join(name.split("/")[-2:])


def _chain(blob: Blob, name: str) -> str:
    return name if blob.member is None else f"{blob.member}!{name}"


def _torch_pickle(
    blob: Blob, member: Member, kind: str, storages: dict[str, int]
) -> Iterator[Fact]:
    """Interpret `data.pkl` as torch does, and note which storages it names."""
    opened = _open(blob, member)
    if isinstance(opened, ProblemFact):
        yield opened
        return
    data, problems = opened
    yield from problems

    def note(pid: Value, offset: int) -> tuple[str | None, Value]:
        package = kind == _torch_package.NAME
        objection, value = (_torch_package.persistent if package else torch_ids)(pid, offset)
        if objection is None and isinstance(pid, tuple) and len(pid) > 2:
            key = pid[2].decode("latin-1") if isinstance(pid[2], bytes) else str(pid[2])
            folder = ".data" if package else member.name.rpartition("/")[2].removesuffix(".pkl")
            storages[f"{folder}/{_torch_package.storage(key) if package else key}"] = _nbytes(pid)
        return objection, value

    inner = blob.inner(data, member.name)
    seen = interpreted(inner, persistent_ids=note, torchscript=kind == "torchscript")
    for fact in seen.facts:
        if not (isinstance(fact, PersistentIdFact) and fact.objection is None):
            yield fact
    yield from second(inner, seen)
    yield from hidden(inner)


def _nbytes(pid: tuple[Value, ...]) -> int:
    """How many bytes a storage has by its persistent id, -1 when that cannot be told."""
    kind, elements = pid[1], pid[4]
    width = WIDTHS.get(kind.name, 0) if isinstance(kind, Global) else 0
    return elements * width if width and type(elements) is int else -1


def _member(blob: Blob, member: Member, *, hint: str) -> Read:
    opened = _open(blob, member)
    if isinstance(opened, ProblemFact):
        yield opened
        return
    data, problems = opened
    yield from problems
    yield blob.inner(data, member.name, hint=hint)


def _open(blob: Blob, member: Member) -> tuple[memoryview, list[ProblemFact]] | ProblemFact:
    """The member's bytes, unpacked, and what is wrong with them; or why there are none."""
    where = Where(member=_chain(blob, member.name))

    def say(kind: str, message: str, *, fatal: bool = False) -> ProblemFact:
        return ProblemFact(where=where, kind=kind, message=message, fatal=fatal)

    packed = blob.data[member.data_offset : member.data_offset + member.compressed_size]
    try:
        if member.method == STORED:
            data = packed
        elif member.method == DEFLATED:
            data = collect(inflate(packed, -15), blob.budget, len(packed))
        elif member.method == BZIP2:
            data = collect(bunzip2(packed), blob.budget, len(packed) * 50)
        elif member.method == LZMA:
            data = collect(unlzma_member(packed), blob.budget, len(packed) * 10)
        elif member.method == ZSTD:
            data = collect(unzstd(packed), blob.budget, len(packed) * 40)
        else:
            return say("unsupported-method", f"compression method {member.method}", fatal=True)
    except UnpackError as error:
        return say(error.kind, error.message, fatal=True)
    problems = []
    if len(data) != member.size and member.listed:
        problems.append(say("size-mismatch", f"{len(data)} bytes, {member.size} declared"))
    if len(data) <= _CHECKED and member.listed:
        if member.crc and zlib.crc32(data) != member.crc:
            problems.append(say("crc-mismatch", "the data does not have the CRC that is declared"))
        elif not member.crc and data and zlib.crc32(data):
            problems.append(say("crc-absent", "no CRC is recorded"))
    return data, problems


FORMAT = Format(name="zip", recognise=recognise, read=read, label=label)
