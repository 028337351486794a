"""One signed admission, shared by the tests of a module that only read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from secureload import evidence
from secureload.evidence import Evidence
from secureload.flow import CacheEntry
from tests.secureload.evidence import samples
from tests.secureload.evidence.samples import Home


@dataclass(frozen=True, kw_only=True)
class Signed:
    """An admission of the small legacy classifier, and its evidence."""

    home: Home
    entry: CacheEntry
    evidence: Evidence


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    root: Path = tmp_path_factory.mktemp("signed")
    home = samples.home(root / "home")
    entry = samples.admit(home.gate(), samples.folder(root / "model"))
    return Signed(home=home, entry=entry, evidence=evidence.of(entry))
