"""The SARIF report has the structure of 2.1.0, and fingerprints that outlive offsets."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from scanner import Where
from scanner.reports import render
from scanner.reports.sarif import fingerprint
from tests.scanner.reports.sample import CONTEXT, REPORT


def run() -> dict[str, Any]:
    document = json.loads(render(REPORT, "sarif", CONTEXT))
    assert document["version"] == "2.1.0"
    (only,) = document["runs"]
    assert isinstance(only, dict)
    return only


def test_every_result_names_a_described_rule() -> None:
    rules = run()["tool"]["driver"]["rules"]
    assert run()["tool"]["driver"]["name"] == "secureload"
    assert len(run()["results"]) == 3
    for result in run()["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        (location,) = result["locations"]
        uri = location["physicalLocation"]["artifactLocation"]["uri"]
        assert uri.isascii()
        assert " " not in uri


def test_levels_follow_severity() -> None:
    assert [result["level"] for result in run()["results"]] == ["warning", "error", "warning"]


def test_what_was_not_read_is_a_notification() -> None:
    (invocation,) = run()["invocations"]
    assert len(invocation["toolExecutionNotifications"]) == 2


def test_a_fingerprint_stays_when_offsets_move_and_differs_between_files() -> None:
    file = REPORT.files[2]
    (finding,) = file.findings
    moved = replace(finding, where=Where(member="a/data.pkl", offset=99))
    assert fingerprint(file, moved) == fingerprint(file, finding)
    assert fingerprint(replace(file, path="other"), finding) != fingerprint(file, finding)
