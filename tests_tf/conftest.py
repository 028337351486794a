"""Two environments: the tests run in secureload's, the worker in TensorFlow's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import secureload
from tests_tf.workers import FIXTURES, Worker

_OURS = ("SECURELOAD_", "HF_", "HUGGINGFACE_", "TRANSFORMERS_")


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point caches into the test's folder, and forget the settings of the person running it."""
    for name in os.environ:
        if name.startswith(_OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SECURELOAD_HOME", str(tmp_path / "secureload-home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))


@pytest.fixture
def sequence_worker() -> Worker:
    """A worker, not started, for an admitted sequence classifier."""
    entry = secureload.admit(FIXTURES / "distilbert-sequence/pt-zip")
    return Worker("TFAutoModelForSequenceClassification", entry.path)
