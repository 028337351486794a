"""Conversion: any legacy weights to safetensors, nothing executed, at the speed of a copy.

`convert` is the gate's stage: a quarantined snapshot and a policy's approval become a folder
of safe files. `convert_path` does the same for files on disk, and `verify_conversion` proves
an old conversion again. Formats are one file each, with a constant `CONVERTER`; `state` and
`tying` give tensors their names, `writer` lays out the file, `copy`, `gather` and `pack`
move the bytes and prove them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from secureload.convert.configs import MENDS
from secureload.convert.folder import Folder, convert_folder
from secureload.convert.path import Converted, convert_path
from secureload.convert.verify import verify_conversion
from secureload.errors import ConversionError, SecureloadError
from secureload.flow import Approval, Artifact, ArtifactFile, Conversion, Snapshot

__all__ = [
    "MENDS",
    "Converted",
    "convert",
    "convert_path",
    "verify_conversion",
]

Progress = Callable[[str, int, int], None]


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
    through: Through = convert_folder,
) -> Artifact:
    """Bring every file of an approved snapshot into the folder `staging` as a safe file.

    The bytes converted are those that were scanned: each file's SHA-256 is taken again from
    the very buffers that are copied. `progress` gets a label, bytes done and bytes in all;
    `through` does the work. `framework`, `tensorflow` or `flax`, asks for the weights that
    it wrote, even where there are PyTorch's.

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

    folder = Folder(
        root=snapshot.root,
        files={file.path: file.sha256 for file in snapshot.files},
        approved=True,
        framework=framework,
    )
    try:
        files, conversions = through(folder, staging, progress=advance)
    except SecureloadError:
        raise
    except OSError as error:
        raise ConversionError(
            f"{error.filename or staging}: {error.strerror or error}",
            hint="make room or choose another place with $SECURELOAD_HOME",
        ) from error
    return Artifact(snapshot=snapshot, root=staging, files=files, conversions=conversions)
