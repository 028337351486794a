"""A cache of the test's own, and one admitted model in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from secureload.cache import TrustedCache
from secureload.flow import AdmissionKey, CacheEntry, Decided
from tests.secureload.cache import samples


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An admitted model: the cache it is in, and what was asked."""

    cache: TrustedCache
    key: AdmissionKey
    entry: CacheEntry
    decided: Decided


@pytest.fixture
def cache(tmp_path: Path) -> TrustedCache:
    return TrustedCache(tmp_path / "home")


@pytest.fixture
def kept(cache: TrustedCache) -> Kept:
    return keep(cache)


def keep(cache: TrustedCache) -> Kept:
    """Admit a model into a cache."""
    made = samples.decided(cache.layout.home)
    key = samples.key(made)
    with cache.work() as work:
        entry = cache.publish(key, samples.artifact(made, work / "artifact"), made)
    return Kept(cache=cache, key=key, entry=entry, decided=made)
