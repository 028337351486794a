"""Age, lineage, owner, licence and the hub's own scan: each for its own reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from secureload import policy
from secureload.flow import (
    Attestation,
    Circumstances,
    Lineage,
    Listing,
    Signal,
    SignatureStatus,
    Source,
    Upstream,
)
from secureload.settings import Settings

NOW = datetime(2026, 5, 1, tzinfo=UTC)
LISTING = Listing(
    source=Source(kind="hub", location="org/model", revision="main"), commit="c" * 40, claims=()
)


def early(folder: Path, spec: str, listing: Listing = LISTING, **known: Any) -> dict[str, str]:
    """The reasons that are known before any byte, by rule."""
    path = folder / "ours.yaml"
    head = "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: ours}\n"
    path.write_text(f"{head}spec: {{{spec}}}\n")
    by = policy.load(path, Settings.from_environment())
    found = policy.decide_early(
        listing,
        Attestation(status=SignatureStatus.UNSIGNED),
        by,
        circumstances=Circumstances(**known),
    )
    return {reason.rule: f"{reason.message} [{reason.setting}]" for reason in found}


@pytest.mark.parametrize(("hours", "refused"), [(0, True), (47.9, True), (48, False), (480, False)])
def test_a_commit_must_have_been_known_for_so_long(
    tmp_path: Path, hours: float, refused: bool
) -> None:
    seen = NOW - timedelta(hours=hours)
    said = early(tmp_path, "revision: {minAge: 2d}", now=NOW, first_seen=seen)
    assert ("revision" in said) is refused
    if refused:
        assert f"{seen + timedelta(days=2):%Y-%m-%d %H:%M}" in said["revision"]


def test_an_unknown_age_is_not_old_enough(tmp_path: Path) -> None:
    assert "revision" in early(tmp_path, "revision: {minAge: 1s}")


@pytest.mark.parametrize(
    ("relation", "said"),
    [
        ("first", ""),
        ("same", ""),
        ("descendant", ""),
        ("ancestor", "rollback"),
        ("unrelated", "rewritten"),
        ("unknown", "cannot be shown"),
    ],
)
def test_a_branch_only_moves_on(tmp_path: Path, relation: Any, said: str) -> None:
    lineage = Lineage(relation=relation, before="b" * 40)
    found = early(tmp_path, "revision: {monotonic: true}", lineage=lineage)
    assert said in found.get("revision", "")
    assert bool(found) is bool(said)
    assert early(tmp_path, "revision: {monotonic: false}", lineage=lineage) == {}


def test_ids_that_changed_are_named_then_and_now(tmp_path: Path) -> None:
    changed = {"account": ("111", "222"), "repository": ("333", "")}
    said = early(tmp_path, "owner: {onChange: quarantine}", changed_ids=changed)["owner"]
    assert "333" in said
    both = {"account": ("111", "222")}
    assert early(tmp_path, "owner: {onChange: quarantine, accept: ['222']}", changed_ids=both) == {}
    assert early(tmp_path, "owner: {onChange: warn}", changed_ids=both) == {}
    assert early(tmp_path, "owner: {pin: none, onChange: quarantine}", changed_ids=both) == {}


@pytest.mark.parametrize(
    ("state", "spec", "refused"),
    [
        ("unsafe", "hubSignals: {}", True),
        ("unsafe", "hubSignals: {consult: never}", False),
        ("suspicious", "hubSignals: {}", False),
        ("suspicious", "hubSignals: {suspicious: deny}", True),
        ("pending", "hubSignals: {}", False),
        ("pending", "hubSignals: {pending: deny}", True),
        ("unavailable", "hubSignals: {unavailable: deny}", True),
        ("safe", "hubSignals: {suspicious: deny, pending: deny, unavailable: deny}", False),
    ],
)
def test_the_hubs_scan_only_speaks_against(
    tmp_path: Path, state: Any, spec: str, refused: bool
) -> None:
    signal = Signal(state=state, asked_at="2026-05-01T00:00:00Z", files=(("a.bin", "unsafe"),))
    listing = replace(LISTING, upstream=Upstream(signal=signal))
    said = early(tmp_path, spec, listing)
    assert ("hub-signals" in said) is refused
    if refused:
        assert "2026-05-01T00:00:00Z" in said["hub-signals"]


def test_a_safe_scan_upgrades_nothing(tmp_path: Path) -> None:
    signal = Signal(state="safe", asked_at="2026-05-01T00:00:00Z")
    listing = replace(LISTING, upstream=Upstream(signal=signal))
    assert early(tmp_path, "repos: {deny: ['org/*']}", listing).keys() == {"repos"}
    assert early(tmp_path, "hubSignals: {unavailable: deny}").keys() == {"hub-signals"}
