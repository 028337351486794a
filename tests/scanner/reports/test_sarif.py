"""The SARIF report has the structure of 2.1.0, and fingerprints that outlive offsets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scanner import Where, scan_bytes
from scanner.reports import render
from scanner.reports.sarif import fingerprint
from scanner.rules import rules
from tests.builders.gadgets import corpus
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


# The schema of the standard, as its editors ship it in the npm package
# @microsoft/sarif-multitool 5.7.0 (MIT): sarif-2.1.0.json, unchanged.
SCHEMA = Path(__file__).parent / "schemas" / "sarif-2.1.0.json"


@pytest.fixture(scope="module")
def official() -> jsonschema.Draft202012Validator:
    schema = json.loads(SCHEMA.read_text("utf-8-sig"))
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def test_the_official_schema_refuses_what_is_no_sarif(
    official: jsonschema.Draft202012Validator,
) -> None:
    document = json.loads(render(REPORT, "sarif", CONTEXT))
    document["runs"][0]["results"][0]["level"] = "fatal"
    assert not official.is_valid(document)


def test_reports_are_valid_by_the_official_schema(
    official: jsonschema.Draft202012Validator,
) -> None:
    pages = {one.id: one.page for one in rules()}
    context = replace(CONTEXT, pages=pages)
    empty = replace(REPORT, files=())
    # Every eighth technique: findings of every rule, odd names, places deep in archives.
    found = tuple(
        replace(scan_bytes(one.data, name=one.file), path=f"{number}/{one.file}")
        for number, one in enumerate(corpus()[::8])
    )
    for report in (REPORT, empty, replace(REPORT, files=found)):
        text = render(report, "sarif", context)
        assert list(official.iter_errors(json.loads(text))) == []
        assert text == render(report, "sarif", context)
