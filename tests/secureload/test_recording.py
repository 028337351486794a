"""A load is on record when it is done, once, and with the device that it came to."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from secureload.errors import CacheError
from secureload.recording import Recording, device_beforehand

ENTRY: Any = SimpleNamespace(admission="a" * 64)


class Ledger:
    """Keeps what it is told, or refuses to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.devices: list[str | None] = []
        self.threads: list[threading.Thread] = []

    def record_load(
        self, entry: Any, library: str, class_name: str, device: str | None = None
    ) -> str:
        assert (entry, library, class_name) == (ENTRY, "transformers", "AutoModel")
        self.threads.append(threading.current_thread())
        if self.error is not None:
            raise self.error
        self.devices.append(device)
        return str(len(self.devices) - 1)

    def record_device(self, load_id: str, device: str) -> None:
        assert device != self.devices[int(load_id)]
        self.devices[int(load_id)] = device


def recording(ledger: Ledger, device: str | None) -> Recording:
    cache: Any = ledger
    return Recording(cache, ENTRY, library="transformers", class_name="AutoModel", device=device)


@pytest.mark.parametrize("beforehand", ["cpu", None])
@pytest.mark.parametrize(
    "model", [torch.nn.Identity(), SimpleNamespace(device="cpu")], ids=["deviceless", "model"]
)
def test_a_load_on_the_cpu_is_recorded_once(beforehand: str | None, model: Any) -> None:
    ledger = Ledger()
    with recording(ledger, beforehand) as one:
        one.built(model)
    assert ledger.devices == ["cpu"]
    assert threading.current_thread() not in ledger.threads
    assert not any(thread.name == "record" for thread in threading.enumerate())


@pytest.mark.parametrize("beforehand", ["cpu", None])
def test_it_is_on_record_although_the_build_fails(beforehand: str | None) -> None:
    ledger = Ledger()
    with pytest.raises(ValueError, match="no such head"), recording(ledger, beforehand):
        raise ValueError("no such head")
    assert ledger.devices == [beforehand]


def test_a_device_that_nobody_foresaw_is_recorded_too() -> None:
    ledger = Ledger()
    with recording(ledger, "cpu") as one:
        one.built(SimpleNamespace(device="cuda:0"))
    assert ledger.devices == ["cuda:0"]


@pytest.mark.parametrize("beforehand", ["cpu", None])
def test_a_ledger_that_cannot_be_written_fails_the_load(beforehand: str | None) -> None:
    ledger = Ledger(CacheError("the disk is full"))
    with pytest.raises(CacheError, match="disk is full"), recording(ledger, beforehand) as one:
        one.built(SimpleNamespace(device="cpu"))


def test_what_broke_the_build_is_told_before_the_ledger_s_trouble() -> None:
    ledger = Ledger(CacheError("the disk is full"))
    with pytest.raises(ValueError, match="no such head"), recording(ledger, "cpu"):
        raise ValueError("no such head")


def test_without_an_accelerator_it_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    assert device_beforehand({"dtype": "auto"}) == "cpu"


@pytest.mark.parametrize("argument", ["device_map", "tp_plan", "device_mesh"])
def test_an_argument_that_places_a_model_leaves_it_open(argument: str) -> None:
    assert device_beforehand({argument: "auto"}) is None


def test_a_default_device_leaves_it_open() -> None:
    with torch.device("meta"):
        assert device_beforehand({}) is None


def test_an_accelerator_leaves_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    assert device_beforehand({}) is None
