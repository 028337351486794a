"""Spans: each stage of the gate, below whoever asked, and nothing where nobody traces."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from secureload import tracing
from secureload.errors import Refused, SourceError
from secureload.gateway import work
from tests.builders import models

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()


def order(home: Path, folder: Path) -> work.Order:
    return work.Order(
        kind="scan", policy="default", home=str(home), upstream="", folder=str(folder)
    )


def test_every_stage_is_a_span_below_the_request(
    spans: InMemorySpanExporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import secureload

    monkeypatch.setenv("SECURELOAD_HOME", str(tmp_path / "home"))
    folder = tmp_path / "model"
    folder.mkdir()
    for name, data in models.legacy().items():
        (folder / name).write_bytes(data)
    with tracing.continued(PARENT), tracing.collected() as figures:
        secureload.admit(folder)
    found = {span.name: span for span in spans.get_finished_spans()}
    assert set(found) == {f"secureload.{stage}" for stage in tracing.STAGES}
    for span in found.values():
        assert span.context.trace_id == 0x0AF7651916CD43DD8448EB211C80319C
    assert found["secureload.scan"].parent.span_id == 0xB7AD6B7169203331
    assert {f"{stage}_seconds" for stage in tracing.STAGES} <= set(figures)
    assert figures["scanned_bytes"] > figures["converted_bytes"] > 0


def test_an_order_carries_the_trace_to_its_worker(
    spans: InMemorySpanExporter, tmp_path: Path
) -> None:
    (tmp_path / "x.bin").write_bytes(b"nothing")
    with tracing.continued(PARENT), tracing.span("secureload.request"):
        made = order(tmp_path / "home", tmp_path)
    assert made.traceparent.startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert work.perform(made).state == "done"
    job = next(span for span in spans.get_finished_spans() if span.name == "secureload.job")
    request = next(s for s in spans.get_finished_spans() if s.name == "secureload.request")
    assert job.parent.span_id == request.context.span_id


def test_an_error_is_named_and_not_quoted(spans: InMemorySpanExporter) -> None:
    with pytest.raises(SourceError), tracing.stage("fetch"):
        raise SourceError("https://alice:hunter2@example.org said no")
    (span,) = spans.get_finished_spans()
    assert not span.status.is_ok
    assert span.attributes["error.type"] == "SourceError"
    assert "hunter2" not in span.to_json()


def test_a_refusal_is_no_error(spans: InMemorySpanExporter) -> None:
    with pytest.raises(Refused), tracing.stage("decide"):
        raise Refused.__new__(Refused)
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is trace.StatusCode.UNSET
    assert span.attributes["secureload.decision"] == "deny"


@pytest.mark.parametrize("given", ["", "nonsense", "00-0-0-00", "00-" + "0" * 32 + "-0-01"])
def test_a_parent_that_is_none_begins_a_new_trace(spans: InMemorySpanExporter, given: str) -> None:
    with tracing.continued(given), tracing.stage("scan"):
        assert tracing.traceparent()
    (span,) = spans.get_finished_spans()
    assert span.parent is None


def test_nothing_is_imported_and_nothing_kept_where_nobody_traces() -> None:
    probe = (
        "import sys\nfrom secureload import tracing, gate\n"
        "with tracing.continued('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'):\n"
        "    with tracing.stage('scan'):\n"
        "        assert tracing.traceparent() == ''\n"
        "print([m for m in sys.modules if m.startswith('opentelemetry')])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"
