"""Kill -9 at each boundary between two stages: the cache stays sound, the next run completes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from secureload import gate
from secureload.settings import Settings
from tests.builders import models

ROOT = Path(__file__).parents[2]
STAGES = (
    "sources.resolve",
    "signatures.attest",
    "selection.select",
    "quarantine.fetch",
    "signatures.bind",
    "scanner.scan",
    "policy.decide",
    "convert.convert",
    "cache.TrustedCache.publish",
)
DRIVER = """
import importlib, os, signal, sys
sys.path.insert(0, sys.argv[1])
stage, moment, reference = sys.argv[2:]
place, _, name = stage.rpartition(".")
package = place if place == "scanner" else f"secureload.{place}"
try:
    owner = importlib.import_module(package)
except ModuleNotFoundError:
    package, _, attribute = package.rpartition(".")
    owner = getattr(importlib.import_module(package), attribute)
original = getattr(owner, name)

def killed(*arguments, **options):
    if moment == "after":
        original(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(owner, name, killed)
from secureload import gate
gate.admit(reference)
"""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_kill_at_a_stage_boundary_leaves_a_sound_cache(
    tmp_path: Path, stage: str, moment: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name, content in models.legacy().items():
        (folder / name).write_bytes(content)

    died = subprocess.run(
        [sys.executable, "-c", DRIVER, str(ROOT), stage, moment, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert died.returncode == -signal.SIGKILL, died.stderr
    cache = gate.open_gate().cache
    assert cache.verify(deep=True) == []
    entry = gate.admit(folder)
    assert (entry.path / "model.safetensors").is_file()
    assert entry.warm == (stage.endswith("publish") and moment == "after")
    quarantine = Settings.from_environment().home / "quarantine"
    assert [path for path in quarantine.glob("*/*") if path.is_file()] == []
    assert cache.verify(deep=True) == []
