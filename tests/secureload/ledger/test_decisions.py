"""Recorded decisions come back whole, so that another policy gives the answer it would have."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from secureload.convert.configs import MENDS
from secureload.errors import IntegrityError, Refused
from secureload.flow import Source
from secureload.policy import decide
from tests.builders import models, waivers
from tests.secureload.evidence import samples


def test_a_decision_made_again_from_the_ledger_is_the_same(tmp_path: Path) -> None:
    gate = samples.home(tmp_path / "home", key=False).gate()
    samples.admit(gate, samples.folder(tmp_path / "good"))
    for name, files in (("odd", waivers.suspicious()), ("evil", models.malicious("true"))):
        with pytest.raises(Refused):
            samples.admit(gate, samples.folder(tmp_path / name, files))

    found = gate.cache.decisions()

    assert [Path(one.listing.source.location).name for one in found] == ["good", "odd", "evil"]
    for one in found:
        again, _ = decide(
            one.verdict.subject, one.listing, one.attestation, one.snapshot, one.report,
            gate.policy, mended=MENDS, confined=True, today=gate.policy.today,
        )  # fmt: skip
        assert again == one.verdict
    source = Source(kind="local", location=str(tmp_path / "odd"))
    assert [one.listing.source for one in gate.cache.decisions(source)] == [source]


def test_only_the_newest_decision_on_a_snapshot_counts(tmp_path: Path) -> None:
    home = samples.home(tmp_path / "home", key=False)
    model = samples.folder(tmp_path / "model", waivers.suspicious())
    with pytest.raises(Refused):
        samples.admit(home.gate(), model)
    samples.admit(home.gate(trust_policy="research"), model)
    (found,) = home.gate().cache.decisions()
    assert found.verdict.policy.name == "research"


def test_an_edited_row_is_an_error(tmp_path: Path) -> None:
    gate = samples.home(tmp_path / "home", key=False).gate()
    samples.admit(gate, samples.folder(tmp_path / "model"))
    connection = sqlite3.connect(gate.cache.layout.database)
    with connection:
        connection.execute("UPDATE verdicts SET document = 'nonsense'")
    connection.close()
    with pytest.raises(IntegrityError):
        gate.cache.decisions()


def test_without_a_ledger_nothing_was_decided(tmp_path: Path) -> None:
    assert samples.home(tmp_path / "home", key=False).gate().cache.decisions() == ()
