"""Reviewed findings stay visible and stop counting; malicious ones only by their bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.secureload.cli.shell import EVIL, Shell

UNLISTED = b"\x80\x02cmymodule\nMyClass\n."
HEAD = "apiVersion: secureload/v1\nkind: Ignore\nmetadata: {name: reviewed}\nspec:\n  findings:\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "odd.pkl").write_bytes(UNLISTED)
    return folder


def ignoring(folder: Path, *entries: str) -> Path:
    path = folder.parent / "ignore.yaml"
    path.write_text(HEAD + "".join(f"    - {entry}\n" for entry in entries))
    return path


def fingerprints(report: Any) -> list[str]:
    return [
        finding["evidence"]["fingerprint"]
        for file in report["files"]
        for finding in file["findings"]
        if finding["severity"] != "info"
    ]


def test_an_ignored_finding_stays_as_information(shell: Shell, folder: Path) -> None:
    reviewed = ignoring(folder, '{rule: "*", paths: ["odd.*"], reason: SEC-12}')
    said = shell("scan", folder, "--ignore-file", reviewed, "--format", "json")
    assert said.code == 0
    findings = said.json["files"][0]["findings"]
    assert findings
    assert {finding["severity"] for finding in findings} == {"info"}
    assert {finding["evidence"]["suppressed"] for finding in findings} == {"ignored: SEC-12"}
    assert "suppressed" in said.err


@pytest.mark.parametrize(
    "entry",
    [
        "{rule: other-rule, reason: x}",
        '{paths: ["else.*"], reason: x}',
        '{fingerprint: "00", reason: x}',
        '{rule: "*", reason: x, expires: 2001-01-01}',
    ],
)
def test_what_does_not_match_or_has_expired_counts(shell: Shell, folder: Path, entry: str) -> None:
    said = shell("scan", folder, "--ignore-file", ignoring(folder, entry))
    assert said.code == 1
    assert ("expired" in said.err) == ("expires" in entry)


def test_a_malicious_finding_is_ignored_by_fingerprint_alone(shell: Shell, folder: Path) -> None:
    (folder / "evil.pkl").write_bytes(EVIL)
    everything = ignoring(folder, '{rule: "*", reason: trust me}')
    assert shell("scan", folder, "--ignore-file", everything).code == 1
    found = fingerprints(shell("scan", folder, "--format", "json").json)
    named = ignoring(folder, *(f'{{fingerprint: "{name}", reason: a test}}' for name in found))
    assert shell("scan", folder, "--ignore-file", named).code == 0
    (folder / "evil.pkl").write_bytes(EVIL + b"\x80\x02N.")
    assert shell("scan", folder, "--ignore-file", named).code == 1


@pytest.mark.parametrize(
    "text", ["", "[", HEAD + "    - {rule: x}\n", HEAD + "    - {reason: x, ruel: y}\n"]
)
def test_an_ignore_file_that_is_not_valid_is_an_error(
    shell: Shell, folder: Path, text: str
) -> None:
    path = folder.parent / "ignore.yaml"
    path.write_text(text)
    said = shell("scan", folder, "--ignore-file", path)
    assert (said.code, said.out) == (2, "")
    assert f"{path}:" in said.err


def test_only_what_is_new_counts_against_a_baseline(shell: Shell, folder: Path) -> None:
    baseline = folder.parent / "last.json"
    shell("scan", folder, "--format", "json", "--output", baseline)
    assert shell("scan", folder, "--baseline", baseline).code == 0
    (folder / "other.pkl").write_bytes(UNLISTED)
    assert shell("scan", folder, "--baseline", baseline).code == 1


def test_a_report_made_with_a_baseline_serves_as_the_next(shell: Shell, folder: Path) -> None:
    first, second = folder.parent / "1.json", folder.parent / "2.json"
    shell("scan", folder, "--format", "json", "-o", first)
    shell("scan", folder, "--format", "json", "-o", second, "--baseline", first)
    assert shell("scan", folder, "--baseline", second).code == 0


def test_a_malicious_file_is_in_a_baseline_with_its_very_bytes(shell: Shell, folder: Path) -> None:
    (folder / "evil.pkl").write_bytes(EVIL)
    baseline = folder.parent / "last.json"
    shell("scan", folder, "--format", "json", "--output", baseline)
    assert shell("scan", folder, "--baseline", baseline).code == 0
    (folder / "evil.pkl").write_bytes(EVIL.replace(b"echo", b"rm -"))
    assert shell("scan", folder, "--baseline", baseline).code == 1


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\xff", b'{"schema": "x"}', b"[" * 100_000, b"null",
                json.dumps({"schema": "secureload.report/1", "files": [{}]}).encode()]
)  # fmt: skip
def test_a_baseline_that_is_no_report_is_an_error(
    shell: Shell, folder: Path, content: bytes
) -> None:
    baseline = folder.parent / "last.json"
    baseline.write_bytes(content)
    said = shell("scan", folder, "--baseline", baseline)
    assert (said.code, said.out) == (2, "")
    assert "hint:" in said.err
