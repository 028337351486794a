"""The gate's stages as OpenTelemetry spans, and figures of what each of them did.

OpenTelemetry is not imported here: a process that traces has imported it before, and in any
other a stage costs next to nothing. Names and figures go out, never what an error
says: a message may quote what somebody else wrote.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from secureload.errors import Refused

STAGES = ("resolve", "verify", "fetch", "scan", "decide", "convert", "keep")
"""In the order in which the gate knows them; one may hold another."""

_FIGURES: ContextVar[dict[str, float] | None] = ContextVar("secureload_figures", default=None)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """One stage of the gate: a span, and the seconds that it took."""
    begun = time.monotonic()
    try:
        with span(f"secureload.{name}"):
            yield
    finally:
        add(f"{name}_seconds", time.monotonic() - begun)


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[Any]:
    """A span below the current one; None where nothing traces.

    A refusal is an answer, so it makes no span an error; any other exception does, by the
    name of its type.
    """
    api = _api()
    if api is None:
        yield None
        return
    tracer = api.get_tracer("secureload")
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as made:
        try:
            yield made
        except Refused:
            made.set_attribute("secureload.decision", "deny")
            raise
        except BaseException as error:
            made.set_attribute("error.type", type(error).__name__)
            made.set_status(api.StatusCode.ERROR)
            raise


def add(name: str, value: float) -> None:
    """Add to a figure of what is `collected`, if anybody collects."""
    figures = _FIGURES.get()
    if figures is not None:
        figures[name] = figures.get(name, 0.0) + value


@contextmanager
def collected() -> Iterator[dict[str, float]]:
    """What the stages inside add up: seconds as `scan_seconds`, bytes as `scanned_bytes`."""
    figures: dict[str, float] = {}
    token = _FIGURES.set(figures)
    try:
        yield figures
    finally:
        _FIGURES.reset(token)


def is_on() -> bool:
    """Whether this process traces."""
    return _api() is not None


def traceparent() -> str:
    """The current span as W3C Trace Context writes it, empty where there is none."""
    api = _api()
    context = api.get_current_span().get_span_context() if api is not None else None
    if context is None or not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


@contextmanager
def continued(parent: str) -> Iterator[None]:
    """Make spans inside children of what `traceparent` gave, here or in another process."""
    if not parent or _api() is None:
        yield
        return
    from opentelemetry import context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    token = context.attach(TraceContextTextMapPropagator().extract({"traceparent": parent}))
    try:
        yield
    finally:
        context.detach(token)


def _api() -> Any:
    """OpenTelemetry where somebody has set it up; other libraries import it just in case."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None or isinstance(api.get_tracer_provider(), api.ProxyTracerProvider):
        return None
    return api
