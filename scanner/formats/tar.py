"""tar archives: NeMo models, torch's files before 0.1.10, and plain ones.

Members are looked into one by one; links and devices are told, never followed. In a tar that
torch wrote, `storages`, `tensors` and `pickle` are programs that `torch.load` runs.

Source: POSIX.1-2001 pax; `torch/serialization.py`, `_legacy_load`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanner.facts import MemberFact
from scanner.findings import Where
from scanner.formats import Format, Read
from scanner.formats._view import View
from scanner.formats.pickle import interpreted
from scanner.names import name_problem
from scanner.reader import Blob

if TYPE_CHECKING:
    import tarfile

_TORCH = frozenset({"storages", "tensors", "pickle"})


def recognise(blob: Blob) -> bool:
    """Whether the first block is a tar header: its magic, or at least its checksum."""
    head = blob.head(512)
    if len(head) < 512:
        return False
    if head[257:262] == b"ustar":
        return True
    stored = head[148:156].strip(b"\0 ")
    if not stored or not head[0] or any(byte not in b"01234567" for byte in stored):
        return False
    return int(stored, 8) == sum(head[:148]) + 256 + sum(head[156:])


def label(blob: Blob) -> str:
    """`torch-tar` when the members are those of an old torch file, else `tar`."""
    import tarfile

    try:
        with tarfile.TarFile(fileobj=View(blob.data)) as archive:
            names = {
                info.name.removeprefix("./") for info, _ in zip(archive, range(8), strict=False)
            }
    except (tarfile.TarError, ValueError, OSError, EOFError):
        return "tar"
    return "torch-tar" if names >= _TORCH else "tar"


def spans(blob: Blob) -> list[tuple[int, int]]:
    """Where the data of plain members lie, as far as the archive can be read."""
    import tarfile

    found: list[tuple[int, int]] = []
    try:
        with tarfile.TarFile(fileobj=View(blob.data)) as archive:
            for info, _ in zip(archive, range(blob.limits.members), strict=False):
                if info.isreg() and not info.issparse():
                    found.append((info.offset_data, info.offset_data + info.size))
    except (tarfile.TarError, ValueError, OSError, EOFError, OverflowError):
        pass
    return found


def read(blob: Blob) -> Read:
    """Yield the members and what they hold."""
    import tarfile

    torch = label(blob) == "torch-tar"
    count = 0
    names: set[str] = set()
    end = 0
    try:
        with tarfile.TarFile(fileobj=View(blob.data), errors="surrogateescape") as archive:
            while (info := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]
                count += 1
                if count > blob.limits.members:
                    yield blob.problem("limit-reached", "too many members", fatal=True)
                    return
                where = Where(member=_chain(blob, info.name), offset=info.offset)
                yield MemberFact(
                    where=where, name=info.name, kind=_kind(info), size=info.size,
                    compressed_size=info.size, target=info.linkname or None,
                )  # fmt: skip
                problem = name_problem(info.name)
                if problem:
                    yield blob.problem("odd-name", f"{info.name[:100]!r}: {problem}",
                                       offset=info.offset)  # fmt: skip
                if info.name in names and not info.isdir():
                    yield blob.problem("duplicate-member", f"{info.name[:100]!r} occurs twice")
                names.add(info.name)
                end = info.offset_data + -(-info.size // 512) * 512
                if info.issparse():
                    yield blob.problem("sparse-member", "a sparse member", fatal=True)
                    continue
                if not info.isreg():
                    continue
                data = blob.data[info.offset_data : info.offset_data + info.size]
                if len(data) != info.size:
                    yield blob.problem("incomplete", f"{info.name!r} is cut off", fatal=True)
                    return
                inner = blob.inner(data, info.name)
                if torch and info.name.removeprefix("./") in _TORCH:
                    # `storages` and `tensors` have raw numbers between their pickles.
                    several = None if info.name.endswith("pickle") else 2
                    seen = interpreted(inner, persistent_ids="torch-tar", pickles=several)
                    yield from seen.facts
                    continue
                yield inner
    except (tarfile.TarError, ValueError, OSError, EOFError, OverflowError) as error:
        yield blob.problem("malformed", f"no valid tar: {error}", fatal=True)
        return
    rest = blob.data[end:]
    if any(bytes(rest[at : at + (1 << 16)]).strip(b"\0") for at in range(0, len(rest), 1 << 16)):
        yield blob.problem("trailing-data", "bytes follow the last member", offset=end)


def _chain(blob: Blob, name: str) -> str:
    return name if blob.member is None else f"{blob.member}!{name}"


def _kind(info: tarfile.TarInfo) -> str:
    if info.isdir():
        return "directory"
    if info.issym():
        return "symlink"
    if info.islnk():
        return "hardlink"
    if info.isdev():
        return "device"
    return "file" if info.isreg() else "other"


FORMAT = Format(name="tar", recognise=recognise, read=read, label=label)
