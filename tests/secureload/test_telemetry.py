"""Where spans go is the environment's to say; a service's worker continues its trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secureload import telemetry
from secureload.errors import UsageError
from tests.builders import models
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo
from tests.servers.service import Service


@pytest.mark.parametrize(
    ("environment", "exporter"),
    [
        ({}, ""),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, ""),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, ""),
    ],
)
def test_the_environment_says_where(environment: dict[str, str], exporter: str) -> None:
    assert telemetry.wanted(environment) == exporter


def test_an_exporter_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "carrier-pigeon")
    with pytest.raises(UsageError, match="carrier-pigeon"):
        telemetry.start("test")


def test_a_request_and_its_worker_are_one_trace(tmp_path: Path) -> None:
    with LocalHub(root=tmp_path / "hub") as hub:
        PublishedRepo(hub.root, "org/legacy").commit(models.legacy())
        environment = {"OTEL_TRACES_EXPORTER": "console", "OTEL_BSP_SCHEDULE_DELAY": "50"}
        with Service(
            home=tmp_path / "home",
            upstream=hub.url,
            options=("--wait", "120"),
            environment=environment,
        ) as service:
            trace = "0af7651916cd43dd8448eb211c80319c"
            answer = service.ask(
                "/api/models/org/legacy", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
            )
            assert answer.status == 200
            service.stop()
            assert service.process is not None
            assert service.process.stdout is not None
            written = service.process.stdout.read()
    spans = _spans(written)
    ours = {s["name"]: s for s in spans if s["context"]["trace_id"] == f"0x{trace}"}
    stages = ("resolve", "verify", "fetch", "scan", "decide", "convert", "keep")
    assert {f"secureload.{stage}" for stage in (*stages, "job", "request")} <= set(ours)
    request, job = ours["secureload.request"], ours["secureload.job"]
    assert request["parent_id"] == "0xb7ad6b7169203331"
    assert request["attributes"]["http.route"] == "info"
    assert job["parent_id"] == request["context"]["span_id"]
    services = {one["resource"]["attributes"]["service.name"] for one in (request, job)}
    assert services == {"secureload", "secureload-worker"}
    assert "org/legacy" not in written


def _spans(written: str) -> list[dict[str, Any]]:
    decoder, found, at = json.JSONDecoder(), [], written.find("{")
    while at >= 0:
        value, end = decoder.raw_decode(written, at)
        found.append(value)
        at = written.find("{", end)
    return found
