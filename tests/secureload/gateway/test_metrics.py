"""Figures: what happened is counted, and no client can make a label."""

from __future__ import annotations

import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from secureload.gateway.standing import _known, _rules
from tests.secureload.gateway.conftest import EVERYWHERE, World
from tests.servers.service import Service

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(service: Service) -> Samples:
    time.sleep(2.1)  # figures of the ledger are looked at every two seconds
    answer = service.ask("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(answer.body.decode())
        for one in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found.get((f"secureload_{name}", tuple(sorted(labels.items()))), 0.0)


@EVERYWHERE
def test_what_happened_is_counted(world: World) -> None:
    service = world.service
    world.publish("org/counted", {"config.json": b"{}", "model.bin": b"not a pickle"})
    before = samples(service)
    assert service.ask("/api/models/org/evil").status == 403
    assert service.ask("/api/models/org/legacy").status == 200
    assert service.ask("/api/models/org/no-such-model").status == 404
    body = service.ask("/org/legacy/resolve/main/model.safetensors").body
    assert len(body) > 1_000
    after = samples(service)

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert grown("served_bytes_total") == len(body)
    assert grown("requests_total", route="resolve", method="GET", status="200") == 1
    assert grown("requests_total", route="info", method="GET", status="403") == 1
    assert grown("request_seconds_count", route="info") == 3
    assert value(after, "cache_total", result="miss") >= 1
    assert value(after, "cache_total", result="hit") >= 1
    assert grown("upstream_requests_total", result="denied") >= 1
    assert value(after, "verdicts_total", decision="allow") >= 1
    assert value(after, "verdicts_total", decision="deny") >= 1
    refused = {
        dict(labels)["rule"]
        for (name, labels), count in after.items()
        if name == "secureload_verdict_rules_total" and ("mode", "enforce") in labels and count
    }
    assert refused
    assert refused <= _known()
    assert value(after, "admission_seconds_count", state="admitted") >= 1
    assert value(after, "jobs_ended_total", kind="admit", state="refused") >= 1
    for stage in ("resolve", "verify", "fetch", "scan", "decide", "convert", "keep"):
        assert value(after, "stage_seconds_count", stage=stage) >= 1, stage
    assert value(after, "gate_bytes_total", work="scanned") > len(body)
    assert value(after, "gate_bytes_total", work="converted") >= len(body)
    assert value(after, "jobs", state="queued") == 0
    assert value(after, "queue_age_seconds") == 0
    assert ("secureload_waivers_expiring", ()) in after


def test_clients_make_no_labels(world: World) -> None:
    before = samples(world.service)
    for index in range(20):
        world.service.ask(f"/no/such/path-{index}")
        world.service.ask(f"/api/models/nobody/here-{index}")
        world.service.ask("/livez", method=f"METHOD{index}")
    after = samples(world.service)
    assert len(after) <= len(before) + 30
    text = str(after)
    assert "here-" not in text
    assert "METHOD" not in text
    assert "org/" not in text


@pytest.mark.parametrize("rule", ["whatever a policy's author calls it", ""])
def test_a_rule_with_a_name_of_its_own_is_counted_as_other(rule: str) -> None:
    assert _rules([{"rule": rule}, {"rule": "pickles"}]) == {"other", "pickles"}
