"""Where spans go: OpenTelemetry's SDK, set up from its own environment variables.

`OTEL_TRACES_EXPORTER` or `OTEL_EXPORTER_OTLP_ENDPOINT` turns it on; sampling, resource and
batches are the SDK's to read (OpenTelemetry specification, "SDK environment variables").
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

from secureload.errors import UsageError

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_NAMES = {"otlp": "otlp_proto_http"}
"""The specification's names, where the entry points have others."""


def wanted(environment: Mapping[str, str] = os.environ) -> str:
    """The exporter that the environment asks for, empty for none."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return ""
    named = environment.get("OTEL_TRACES_EXPORTER", "").strip()
    if not named and any(environment.get(name) for name in _ENDPOINTS):
        named = "otlp"
    return "" if named == "none" else named


def start(service: str) -> Callable[[], None]:
    """Begin to trace this process if the environment says so; returns what ends it.

    Ending sends what has not been sent. `OTEL_SERVICE_NAME` goes before `service`.

    Raises:
        UsageError: the SDK or the exporter is not installed.
    """
    name = wanted()
    if not name:
        return _nothing
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise _missing(error.name or "opentelemetry") from error
    named = os.environ.get("OTEL_SERVICE_NAME") or service
    provider = TracerProvider(resource=Resource.create({"service.name": named}))
    provider.add_span_processor(BatchSpanProcessor(_exporter(name)))
    trace.set_tracer_provider(provider)
    return provider.shutdown


def _exporter(name: str) -> Any:
    known = entry_points(group="opentelemetry_traces_exporter")
    found = [point for point in known if point.name == _NAMES.get(name, name)]
    if not found:
        raise _missing(f"the trace exporter `{name}`")
    try:
        return found[0].load()()
    except ImportError as error:
        raise _missing(error.name or name) from error


def _missing(what: str) -> UsageError:
    return UsageError(
        f"the environment asks for traces, and {what} is not installed",
        hint="pip install 'secureload[otel]', or set OTEL_TRACES_EXPORTER=none",
    )


def _nothing() -> None:
    """Nothing was started."""
