"""`secureload scan`: what is given appears once, and the exit code tells the answer."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from tests.secureload.cli.shell import EVIL, FIXTURES, ROOT, Shell, spawn

CLEAN = FIXTURES / "distilbert-token" / "pt-zip"
UNLISTED = b"\x80\x02cmymodule\nMyClass\n."
CUT = (CLEAN / "pytorch_model.bin").read_bytes()[:-200]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder of one malicious, one suspicious and one clean file."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "evil.pkl").write_bytes(EVIL)
    (folder / "odd.pkl").write_bytes(UNLISTED)
    (folder / "fine.json").write_text("{}")
    return folder


def test_a_clean_folder_is_allowed(shell: Shell) -> None:
    said = shell("scan", CLEAN, "--format", "json")
    assert said.code == 0
    assert said.json["verdict"] == "allow"
    assert said.json["summary"]["clean"] == len(list(CLEAN.iterdir()))


def test_the_report_is_of_the_published_schema(shell: Shell, mixed: Path) -> None:
    said = shell("scan", mixed, "--format", "json")
    schema = json.loads((ROOT / "scanner/reports/report.schema.json").read_text())
    jsonschema.validate(said.json, schema)
    assert said.code == 1
    assert said.json["verdict"] == "deny"
    assert {file["path"]: file["verdict"] for file in said.json["files"]} == {
        "evil.pkl": "malicious",
        "fine.json": "clean",
        "odd.pkl": "suspicious",
    }


@pytest.mark.parametrize(
    ("content", "code"), [(EVIL, 1), (UNLISTED, 1), (CUT, 2), (b"\x80\x04}.", 0)], ids=range(4)
)
def test_the_exit_code_tells_the_answer(
    shell: Shell, tmp_path: Path, content: bytes, code: int
) -> None:
    (tmp_path / ("file.json" if content == b"{}" else "file.bin")).write_bytes(content)
    said = shell("scan", tmp_path, "--format", "json")
    assert said.code == code
    assert said.json["verdict"] == {0: "allow", 1: "deny", 2: "error"}[code]


def test_research_only_observes_what_is_not_malicious(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "odd.pkl").write_bytes(UNLISTED)
    assert shell("scan", tmp_path, "--policy", "research").code == 0
    (tmp_path / "evil.pkl").write_bytes(EVIL)
    assert shell("scan", tmp_path, "--policy", "research").code == 1


def test_a_policy_may_admit_a_global_by_name(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "odd.pkl").write_bytes(UNLISTED)
    ours = tmp_path / "ours.yaml"
    ours.write_text(
        "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: ours}\n"
        "spec: {pickles: {mode: allowlist, allow: [mymodule.MyClass]}}\n"
    )
    assert shell("scan", tmp_path / "odd.pkl").code == 1
    said = shell("scan", tmp_path / "odd.pkl", "--policy", ours, "--format", "json")
    assert said.code == 0
    assert said.json["policy"]["name"] == "ours"


def test_standard_input_is_a_file_named_dash() -> None:
    said = spawn("scan", "-", "--format", "json", stdin=EVIL)
    assert said.code == 1
    (file,) = said.json["files"]
    assert (file["path"], file["verdict"]) == ("-", "malicious")


def test_standard_input_goes_beside_paths() -> None:
    said = spawn("scan", CLEAN, "-", "--format", "json", stdin=b"{}")
    assert said.code == 0
    assert [file["path"] for file in said.json["files"]] == [
        "-", *sorted(path.name for path in CLEAN.iterdir())
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit", "markdown"])
def test_two_runs_are_equal_byte_for_byte(shell: Shell, mixed: Path, form: str) -> None:
    one = shell("scan", mixed, "--format", form, "--jobs", "1")
    two = shell("scan", mixed, "--format", form, "--jobs", "2")
    assert one == two
    assert "evil.pkl" in one.out


def test_the_output_file_is_written_whole_or_not_at_all(shell: Shell, mixed: Path) -> None:
    out = mixed.parent / "report.json"
    said = shell("scan", mixed, "--format", "json", "--output", out)
    assert (said.code, said.out) == (1, "")
    assert json.loads(out.read_text())["verdict"] == "deny"
    assert oct(out.stat().st_mode & 0o777) == oct(0o666 & ~_umask())
    said = shell("scan", mixed, "--output", mixed.parent / "missing" / "report.json")
    assert said.code == 2
    assert "cannot write" in said.err
    assert sorted(path.name for path in mixed.parent.iterdir()) == ["mixed", "report.json"]


def test_globs_choose_files(shell: Shell, mixed: Path) -> None:
    said = shell("scan", mixed, "--include", "*.json", "--format", "json")
    assert [file["path"] for file in said.json["files"]] == ["fine.json"]
    said = shell("scan", mixed, "--exclude", "evil*", "--exclude", "odd*", "--format", "json")
    assert (said.code, [file["path"] for file in said.json["files"]]) == (0, ["fine.json"])


def test_nothing_scanned_is_no_decision(shell: Shell, tmp_path: Path) -> None:
    said = shell("scan", tmp_path)
    assert said.code == 2
    assert "no file to scan" in said.err


def test_a_threshold_leaves_out_what_is_below(shell: Shell, mixed: Path) -> None:
    said = shell("scan", mixed, "--severity-threshold", "critical", "--format", "json")
    found = [finding for file in said.json["files"] for finding in file["findings"]]
    assert {finding["severity"] for finding in found} == {"critical"}
    assert said.code == 1


def test_an_unreadable_file_is_an_error(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "model.bin").symlink_to("/no/such/target")
    said = shell("scan", tmp_path / "model.bin", "--format", "json")
    assert said.code == 2
    assert said.json["files"][0]["verdict"] == "error"


def test_names_cannot_act_on_a_terminal(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "\x1b]0;owned\x07.pkl").write_bytes(EVIL)
    for form in ("text", "markdown"):
        assert "\x1b" not in shell("scan", tmp_path, "--format", form).out


def test_names_that_are_no_text_are_reported_all_the_same(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.pkl")).write_bytes(EVIL)
    for form in ("text", "json", "sarif", "junit", "markdown"):
        said = spawn("scan", tmp_path, "--format", form, LC_ALL="C", PYTHONIOENCODING="ascii")
        assert said.code == 1, said.err


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
