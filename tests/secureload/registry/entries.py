"""Entries over folders that are safe already, made without the gate."""

from __future__ import annotations

from pathlib import Path

from secureload.flow import CacheEntry, Decision, PolicyId, Source, Verdict


def entry_of(folder: Path) -> CacheEntry:
    """An entry as if this folder had been admitted."""
    verdict = Verdict(
        decision=Decision.ALLOW,
        subject=str(folder),
        commit="local-0",
        policy=PolicyId(name="default", digest="sha256:0"),
        ruleset="0",
    )
    return CacheEntry(
        admission="0" * 64,
        path=folder,
        source=Source(kind="local", location=str(folder)),
        commit="local-0",
        files=(),
        verdict=verdict,
    )
