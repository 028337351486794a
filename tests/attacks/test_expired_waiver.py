"""Attack: go on loading what a waiver once excused, after its last day."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from secureload.errors import Refused
from secureload.flow import Need
from secureload.gate import Gate
from secureload.sources import parse
from tests.builders import waivers
from tests.secureload.evidence import samples

LAST = waivers.TODAY + dt.timedelta(days=10)


@pytest.fixture
def home(tmp_path: Path) -> samples.Home:
    model = samples.folder(tmp_path / "model", waivers.suspicious())
    waivers.write(tmp_path / "home/waivers/vocab.yaml", model, expires=LAST)
    return samples.home(tmp_path / "home", key=False)


def at(gate: Gate, day: dt.date) -> Gate:
    noon = dt.datetime.combine(day, dt.time(12), dt.UTC)
    return Gate(policy=gate.policy, settings=gate.settings, offline=True, clock=lambda: noon)


def test_an_expired_waiver_excuses_nothing_and_comes_back_as_a_reason(tmp_path: Path) -> None:
    model = samples.folder(tmp_path / "model", waivers.suspicious())
    expired = waivers.TODAY - dt.timedelta(days=1)
    waivers.write(
        tmp_path / "home/waivers/vocab.yaml", model, expires=expired,
        issued=waivers.TODAY - dt.timedelta(days=20),
    )  # fmt: skip
    gate = samples.home(tmp_path / "home", key=False).gate()
    with pytest.raises(Refused) as refused:
        samples.admit(gate, model)
    assert refused.value.verdict.rules == {"unrecognised-content", "waiver"}
    assert f"expired on {expired}" in str(refused.value)
    assert gate.cache.entries() == ()


def test_what_it_admitted_is_not_found_after_its_last_day(
    home: samples.Home, tmp_path: Path
) -> None:
    """Also by a gate that was opened while the waiver still counted."""
    gate = home.gate()
    model = parse(str(tmp_path / "model"))
    assert at(gate, LAST).admit(model, Need()).verdict.waived
    assert at(gate, LAST).admit(model, Need()).warm
    with pytest.raises(Refused) as refused:
        at(gate, LAST + dt.timedelta(days=1)).admit(model, Need())
    assert "waiver" in refused.value.verdict.rules


def test_a_withdrawn_waiver_excuses_nothing(home: samples.Home, tmp_path: Path) -> None:
    model = parse(str(tmp_path / "model"))
    assert home.gate().admit(model, Need()).verdict.waived
    (tmp_path / "home/waivers/vocab.yaml").unlink()
    with pytest.raises(Refused) as refused:
        home.gate().admit(model, Need())
    assert refused.value.verdict.rules == {"unrecognised-content"}


def test_each_use_is_counted(home: samples.Home, tmp_path: Path) -> None:
    gate = home.gate()
    assert gate.cache.waiver_uses() == {}
    samples.admit(gate, tmp_path / "model")
    ((name, (count, last)),) = gate.cache.waiver_uses().items()
    assert (name, count) == ("vocab", 1)
    assert last.startswith(str(waivers.TODAY)[:4])
    assert any('"event":"waived"' in line for line in gate.cache.audit.export())
    assert gate.cache.verify() == []
