"""`secureload waiver`: from a refusal to a draft, to an approval, to an admission."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.builders import waivers
from tests.secureload.cli.shell import Shell
from tests.secureload.evidence import samples
from tests.servers.repos import PublishedRepo


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return samples.folder(tmp_path / "model", waivers.suspicious())


def approve(path: Path, *people: str) -> None:
    document = yaml.safe_load(path.read_text())
    document["spec"]["approvedBy"] = list(people)
    path.write_text(yaml.safe_dump(document))


def test_a_refused_model_is_waived_admitted_and_counted(
    shell: Shell, model: Path, tmp_path: Path
) -> None:
    assert shell("admit", model).code == 1
    draft = tmp_path / "secureload-home/waivers/vocab.yaml"
    draft.parent.mkdir(parents=True)
    owner = ("--owner", "team@example.org", "--statement", "reviewed", "--name", "vocab")
    said = shell("waiver", "new", model, *owner, "--output", draft)
    assert said.code == 0, said.err
    assert shell("admit", model).code == 1
    listed = shell("waiver", "list", "--format", "json").json["waivers"]
    assert [(one["name"], one["uses"]) for one in listed] == [("vocab", 0)]
    assert "approvers" in listed[0]["problem"]

    approve(draft, "second@example.org")

    assert shell("waiver", "check", draft).code == 0
    said = shell("admit", model)
    assert said.code == 0, said.err
    assert "waived by team@example.org until" in said.out
    (used,) = shell("waiver", "list", "--format", "json").json["waivers"]
    assert (used["uses"], used["problem"]) == (1, "")
    assert "used 1 times" in shell("waiver", "list").out


def test_a_scan_counts_waivers_and_says_so(shell: Shell, model: Path, tmp_path: Path) -> None:
    assert shell("scan", model).code == 1
    waivers.write(tmp_path / "waivers/vocab.yaml", model)
    ours = waivers.policy(tmp_path / "ours.yaml", files=["waivers/*.yaml"])
    said = shell("scan", model, "--policy", ours, "--format", "json")
    assert said.code == 0
    assert "1 finding waived" in said.err
    (finding,) = [one for file in said.json["files"] for one in file["findings"]]
    assert (finding["severity"], finding["evidence"]["severity"]) == ("info", "medium")
    assert "waiver vocab" in finding["evidence"]["suppressed"]
    assert shell("scan", model).code == 1


@pytest.mark.usefixtures("hub")
def test_a_draft_can_be_made_of_a_recorded_refusal(
    shell: Shell, model: Path, repo: PublishedRepo
) -> None:
    who = ("--owner", "team@example.org", "--statement", "reviewed", "--name", "vocab")
    commit = repo.commit(waivers.suspicious())
    assert shell("admit", "org/model").code == 1
    by_path = shell("waiver", "new", model, *who)
    for name in ("org/model", f"org/model@{commit}"):
        recorded = shell("waiver", "new", name, *who)
        assert recorded.code == 0, recorded.err
        spec = yaml.safe_load(recorded.out)["spec"]
        assert spec.pop("repos") == ["org/model"]
        assert spec == yaml.safe_load(by_path.out)["spec"]
    assert shell("waiver", "new", "org/model@v9", *who).code == 2


def test_what_cannot_be_waived_is_said(shell: Shell, tmp_path: Path) -> None:
    who = ("--owner", "a", "--statement", "b")
    (tmp_path / "config.json").write_text("{}")
    assert shell("waiver", "new", tmp_path / "config.json", *who).code == 2
    said = shell("waiver", "new", "org/never", *who)
    assert said.code == 2
    assert "nothing was decided here" in said.err
    (tmp_path / "bad.yaml").write_text("kind: Waiver\n")
    assert shell("waiver", "check", tmp_path / "bad.yaml").code == 2


def test_a_waiver_that_does_not_count_fails_the_check(
    shell: Shell, model: Path, tmp_path: Path
) -> None:
    path = waivers.write(tmp_path / "w.yaml", model, approvedBy=[])
    said = shell("waiver", "check", path)
    assert said.code == 1
    assert "needs 1 approvers" in said.out
    assert shell("waiver", "check", path, "--policy", "strict").code == 1
