"""The JSON report is accepted by its own schema, and says everything."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import scanner
from scanner.reports import Context, render
from tests.scanner.reports.sample import CONTEXT, REPORT

SCHEMA = json.loads(
    (Path(scanner.__file__).parent / "reports/report.schema.json").read_text("utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_is_accepted_by_the_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    VALIDATOR.validate(json.loads(render(REPORT, "json", CONTEXT)))


def test_the_schema_refuses_what_is_missing_or_new() -> None:
    document = json.loads(render(REPORT, "json", CONTEXT))
    for key in ("verdict", "files", "summary", "policy"):
        with pytest.raises(jsonschema.ValidationError):
            VALIDATOR.validate({k: v for k, v in document.items() if k != key})
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({**document, "extra": 1})


def test_says_what_was_found() -> None:
    document = json.loads(render(REPORT, "json", CONTEXT))
    assert document["schema"] == "secureload.report/1"
    assert document["verdict"] == "deny"
    assert document["summary"] == {
        "files": 4, "clean": 1, "suspicious": 1, "malicious": 1, "error": 1,
    }  # fmt: skip
    (found,) = document["files"][2]["findings"]
    assert found["where"] == {"member": "a/data.pkl", "offset": 7, "opcode": "REDUCE"}
    assert found["evidence"]["global"] == "os.system"


def test_is_valid_utf8_whatever_the_names() -> None:
    odd = Context(policy="p\udcff", reasons=("\udcff\udcfe.bin: odd-name",))
    said = json.loads(render(REPORT, "json", odd).encode("utf-8"))
    assert said["reasons"] == ["\\udcff\\udcfe.bin: odd-name"]
