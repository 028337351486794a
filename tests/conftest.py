"""What every test starts from: a home of its own, and no setting of the person running it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_OURS = ("SECURELOAD_", "HF_", "HUGGINGFACE_", "TRANSFORMERS_")


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point caches into the test's folder, and forget tokens, endpoints and policies."""
    for name in os.environ:
        if name.startswith(_OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SECURELOAD_HOME", str(tmp_path / "secureload-home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    monkeypatch.setenv("NO_COLOR", "1")
