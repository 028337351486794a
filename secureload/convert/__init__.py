"""Conversion: any legacy weights to safetensors, nothing executed, at the speed of a copy.

`convert` is the gate's stage: a quarantined snapshot and a policy's approval become a folder
of safe files. `convert_path` does the same for files on disk, and `verify_conversion` proves
an old conversion again. Formats are one file each, with a constant `CONVERTER`; `state` and
`tying` give tensors their names, `writer` lays out the file, `copy`, `gather` and `pack`
move the bytes and prove them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from secureload.errors import ConversionError, SecureloadError
from secureload.flow import Approval, Artifact, ArtifactFile, Conversion, Snapshot, Source

if TYPE_CHECKING:
    from secureload.convert.configs import MENDS
    from secureload.convert.folder import Folder
    from secureload.convert.path import Converted, convert_path
    from secureload.convert.verify import verify_conversion

__all__ = [
    "MENDS",
    "Converted",
    "convert",
    "convert_path",
    "mends",
    "verify_conversion",
]

_HOMES = {
    "MENDS": "secureload.convert.configs",
    "Converted": "secureload.convert.path",
    "convert_path": "secureload.convert.path",
    "verify_conversion": "secureload.convert.verify",
}
"""Imported when they are asked for: who has a worker convert does not need the converters."""

Progress = Callable[[str, int, int], None]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return found


def mends(source: Source) -> frozenset[str]:
    """Rules of the scanner whose findings conversion removes from what this source holds."""
    from secureload.convert.configs import MENDS

    return MENDS if source.repo_type == "model" else frozenset()


class Through(Protocol):
    """What converts a folder, as `convert_folder` does: here, or in a confined process."""

    def __call__(
        self, folder: Folder, staging: Path, *, progress: Callable[[int], None] | None = None
    ) -> tuple[tuple[ArtifactFile, ...], tuple[Conversion, ...]]:
        """Convert `folder` into `staging`."""


def convert(
    snapshot: Snapshot,
    approval: Approval,
    staging: Path,
    *,
    framework: str = "",
    progress: Progress | None = None,
    through: Through | None = None,
) -> Artifact:
    """Bring every file of an approved snapshot into the folder `staging` as a safe file.

    Of a dataset or a Space each is copied as it is, for there is nothing to convert.

    The bytes converted are those that were scanned: each file's SHA-256 is taken again from
    the very buffers that are copied. `progress` gets a label, bytes done and bytes in all;
    `through` does the work in the place of `convert_folder`. `framework`, `tensorflow` or
    `flax`, asks for the weights that it wrote, even where there are PyTorch's.

    Raises:
        TypeError: there is no approval, or it is for another snapshot.
        ConversionError: a file cannot be converted, and must not be copied.
        IntegrityError: a file changed since it was fetched.
    """
    if not isinstance(approval, Approval) or approval.snapshot_digest != snapshot.digest:
        raise TypeError("convert needs the approval that policy.decide gave for this snapshot")
    total, done = sum(file.size for file in snapshot.files), 0

    def advance(count: int) -> None:
        nonlocal done
        done = min(done + count, total)
        if progress is not None:
            progress("convert", done, total)

    from secureload.convert.folder import Folder, convert_folder

    folder = Folder(
        root=snapshot.root,
        files={file.path: file.sha256 for file in snapshot.files},
        approved=True,
        framework=framework,
        verbatim=snapshot.listing.source.repo_type != "model",
    )
    try:
        files, conversions = (through or convert_folder)(folder, staging, progress=advance)
    except SecureloadError:
        raise
    except OSError as error:
        raise ConversionError(
            f"{error.filename or staging}: {error.strerror or error}",
            hint="make room or choose another place with $SECURELOAD_HOME",
        ) from error
    return Artifact(snapshot=snapshot, root=staging, files=files, conversions=conversions)
