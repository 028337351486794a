"""Older kernels and other systems: what they have is used, and the tier says what that was."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from secureload.sandbox import landlock, lockdown, seccomp
from secureload.sandbox.lockdown import Tier
from secureload.sandbox.probe import probe
from tests.secureload.sandbox.hostile import Hostile, Reached, attempt, outcome, start

pytestmark = pytest.mark.skipif(not landlock.version(), reason="needs a kernel with Landlock")


@pytest.mark.parametrize("known", range(1, landlock.version() + 1))
def test_every_version_of_landlock_keeps_files_out(
    known: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "given").mkdir()
    monkeypatch.setattr(landlock, "version", lambda: known)
    job = Hostile(
        act=attempt((tmp_path / "secret").read_text),
        readable=(tmp_path / "given",),
        highest=Tier.LANDLOCK,
    )

    worker = start(job)

    assert worker.tier is Tier.LANDLOCK
    assert not worker.receive(Reached, within=60).through
    worker.close()


@pytest.mark.parametrize(
    ("known", "filtered", "tier"),
    [
        (7, True, Tier.FULL),
        (0, True, Tier.SECCOMP),
        (7, False, Tier.LANDLOCK),
        (0, False, Tier.RLIMITS),
    ],
)
def test_the_tier_is_what_the_kernel_has(
    known: int, filtered: bool, tier: Tier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "version", lambda: min(known, landlock_here))
    monkeypatch.setattr(seccomp, "available", lambda: filtered)
    assert probe().tier is tier
    assert tier.full is (tier is Tier.FULL)


landlock_here = landlock.version()


def test_another_system_has_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockdown, "sys", SimpleNamespace(platform="darwin"))
    worker = start(Hostile(act=attempt(os.getpid)))
    assert worker.tier is Tier.RLIMITS
    assert worker.receive(Reached, within=60).through
    worker.close()


def test_a_processor_whose_calls_are_not_known_has_no_filter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="riscv64"))
    assert not seccomp.available()
    assert probe().tier is Tier.LANDLOCK


def test_a_path_that_is_not_there_is_no_trouble(tmp_path: Path) -> None:
    job = Hostile(act=attempt(lambda: None), readable=(tmp_path / "missing",))
    assert outcome(job).through


def test_root_keeps_no_privilege_but_reading() -> None:
    def capabilities() -> str:
        return Path("/proc/self/status").read_text()

    job = Hostile(act=attempt(capabilities), readable=(Path("/proc"),))
    saw = outcome(job)
    assert saw.through

    def effective() -> str:
        lines = Path("/proc/self/status").read_text().splitlines()
        return " ".join(line.split()[1] for line in lines if line.startswith(("CapEff", "CapPrm")))

    effective_ = outcome(Hostile(act=attempt(effective), readable=(Path("/proc"),))).saw
    allowed = {f"'{'0' * 16} {'0' * 16}'", f"'{4:016x} {4:016x}'"}
    assert effective_ in allowed
