"""timm, which needs torchvision, beside a torch for which torchvision's C++ library is not built.

timm imports torchvision for its image transforms, and torchvision registers operators that
are not here. Their schemas are declared first; no test needs the operators themselves. Both
lie in a folder of their own, which nothing but these tests' own process imports from.
"""

from __future__ import annotations

import fcntl
import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SIDE = ROOT / ".timm"
WANTED = ("timm==1.0.31", "torchvision==0.28.0")
_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def ready() -> Path:
    """The folder with timm and torchvision, installed by the first that asks for it."""
    with (ROOT / ".timm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = SIDE / ".installed"
        if not stamp.is_file() or stamp.read_text() != " ".join(WANTED):
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            subprocess.run([*command, "--target", str(SIDE), "--upgrade", *WANTED], check=True)
            stamp.write_text(" ".join(WANTED))
    return SIDE


def importable(side: Path) -> None:
    """Let this process import timm from the side folder."""
    import torch

    if importlib.util.find_spec("torchvision") is None:
        declared = torch.library.Library("torchvision", "DEF")
        for schema in _OPERATORS:
            declared.define(schema)
        sys.path.append(str(side))
        importable.kept = declared  # type: ignore[attr-defined]  a library ends with its object
