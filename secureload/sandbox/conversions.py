"""The jobs of conversion: folders, files, and proving an old one again."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from scanner.frozen import dataclass, replace
from secureload.errors import ConversionError, IntegrityError, SecureloadError, UsageError
from secureload.flow import ArtifactFile, Conversion, TensorProof
from secureload.sandbox.job import BESIDE
from secureload.sandbox.limits import LIMITS
from secureload.sandbox.lockdown import Confines, Tier
from secureload.sandbox.wire import Channel

_HEADERS = 1 << 28
"""Bytes that an output may be longer than all inputs together."""

_TOLD = 1 << 24
"""Bytes done before the gate is told: each message wakes it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Why a job came to nothing: which error, its message, and a hint."""

    kind: str
    message: str
    hint: str = ""
    number: int | None = None

    def error(self) -> Exception:
        """The error to raise in the gate."""
        if self.number is not None:
            return OSError(self.number, os.strerror(self.number), self.message or None)
        return _ERRORS.get(self.kind, ConversionError)(self.message, hint=self.hint)


_ERRORS: Mapping[str, type[SecureloadError]] = {
    kind.__name__: kind for kind in (ConversionError, IntegrityError, UsageError)
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One word of a conversion: bytes done, what was made or proven, or the problem."""

    advanced: int = 0
    files: tuple[ArtifactFile, ...] | None = None
    conversions: tuple[Conversion, ...] = ()
    proofs: tuple[TensorProof, ...] | None = None
    problem: Problem | None = None


Advance: TypeAlias = Callable[[int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderConversion:
    """Convert a folder's `files` (path, expected SHA-256) from `root` to `staging`."""

    root: str
    files: Mapping[str, str | None]
    approved: bool
    staging: str
    limit: int | None
    verify: bool
    total: int
    framework: str = ""
    verbatim: bool = False
    memory_bytes: int = LIMITS.memory_bytes
    highest: Tier = Tier.FULL

    @property
    def confines(self) -> Confines:
        """Read the source, write the output folder."""
        return _confines((self.root,), (self.staging,), self.total, self.memory_bytes)

    def work(self, channel: Channel) -> None:
        """Convert, and say what was made."""
        from secureload.convert.folder import Folder, convert_folder

        def make(advance: Advance) -> Said:
            folder = Folder(
                root=Path(self.root),
                files=self.files,
                approved=self.approved,
                framework=self.framework,
                verbatim=self.verbatim,
            )
            files, conversions = convert_folder(
                folder, Path(self.staging), limit=self.limit, verify=self.verify, progress=advance
            )
            return Said(files=files, conversions=conversions)

        _speak(channel, make)


@dataclass(frozen=True, kw_only=True, slots=True)
class PathConversion:
    """Convert the file, index or folder at `source` to `staging`, named for `destination`."""

    source: str
    destination: str
    staging: str
    limit: int | None
    verify: bool
    readable: tuple[str, ...]
    total: int
    memory_bytes: int = LIMITS.memory_bytes
    highest: Tier = Tier.FULL

    @property
    def confines(self) -> Confines:
        """Read the source, write the output folder."""
        return _confines(self.readable, (self.staging,), self.total, self.memory_bytes)

    @classmethod
    def prepare(cls) -> None:
        """Import the converter."""
        import ctypes  # noqa: F401  for the one call that begins writing

        import secureload.convert.making  # noqa: F401

    def work(self, channel: Channel) -> None:
        """Convert, and say what was made."""
        from secureload.convert.making import make_path

        def make(advance: Advance) -> Said:
            files, conversions = make_path(
                Path(self.source), Path(self.destination), Path(self.staging),
                limit=self.limit, verify=self.verify, progress=advance,
            )  # fmt: skip
            return Said(files=files, conversions=conversions)

        _speak(channel, make)


@dataclass(frozen=True, kw_only=True, slots=True)
class Proving:
    """Prove again that `destination` is `source` converted; write nothing."""

    source: str
    destination: str
    readable: tuple[str, ...]
    total: int
    memory_bytes: int = LIMITS.memory_bytes
    highest: Tier = Tier.FULL

    @property
    def confines(self) -> Confines:
        """Read both sides."""
        return _confines(self.readable, (), self.total, self.memory_bytes)

    def work(self, channel: Channel) -> None:
        """Compare, and say the proofs."""
        from secureload.convert.verify import verify_conversion

        def prove(_: Advance) -> Said:
            return Said(proofs=verify_conversion(Path(self.source), Path(self.destination)))

        _speak(channel, prove)


def _confines(
    readable: tuple[str, ...], writable: tuple[str, ...], total: int, memory: int
) -> Confines:
    return Confines(
        readable=readable,
        writable=writable,
        memory_bytes=memory,
        mapped_bytes=2 * total + BESIDE,
        file_bytes=total + _HEADERS,
        cpu_seconds=LIMITS.cpu_seconds,
    )


def _speak(channel: Channel, make: Callable[[Advance], Said]) -> None:
    """Send how far the work has come, then its outcome; an exception is an outcome too."""
    waiting = 0

    def advance(count: int) -> None:
        nonlocal waiting
        waiting += count
        if waiting >= _TOLD:
            channel.send(Said(advanced=waiting))
            waiting = 0

    channel.send(replace(_outcome(make, advance), advanced=waiting))


def _outcome(make: Callable[[Advance], Said], advance: Advance) -> Said:
    try:
        return make(advance)
    except SecureloadError as error:
        problem = Problem(kind=type(error).__name__, message=error.message, hint=error.hint)
    except OSError as error:
        named = str(error.filename or "")
        problem = Problem(kind="OSError", message=named, number=error.errno or 0)
    except MemoryError:
        problem = Problem(
            kind="ConversionError",
            message="reading it takes more memory than a confined worker has",
            hint="the file is damaged, or far outside what models are",
        )
    return Said(problem=problem)
