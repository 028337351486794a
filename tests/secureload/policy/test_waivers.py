"""A waiver excuses these findings in these bytes, for a while, if others agreed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from scanner import scan
from secureload import policy
from secureload.errors import PolicyError
from secureload.flow import Decision
from secureload.policy import Policy, judge_report
from secureload.policy.waivers import load
from secureload.settings import Settings
from tests.builders import models, waivers

DAY = dt.timedelta(days=1)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "vocab.txt").write_bytes(waivers.ODD)
    return folder


def loaded(path: Path, **settings: Any) -> Policy:
    home = path.parent / "home"
    return policy.load(
        path, Settings(home=home, endpoint="", policy="default", offline=True), **settings
    )


def judged(tmp_path: Path, files: Path, *, today: dt.date = waivers.TODAY, **settings: Any) -> Any:
    path = waivers.policy(tmp_path / "ours.yaml", files=["waivers/*.yaml"], **settings)
    return judge_report(scan([files], digest=True), loaded(path, today=today), today=today)


def test_a_waived_finding_warns_and_says_who_answers(tmp_path: Path, files: Path) -> None:
    waivers.write(tmp_path / "waivers/w.yaml", files)
    said = judged(tmp_path, files)
    assert said.decision is Decision.ALLOW
    (waived,) = said.waived
    assert (waived.waiver, waived.path, waived.rule) == ("w", "vocab.txt", "unrecognised-content")
    (warning,) = said.warnings
    assert "waived by team@example.org until" in warning.message


def test_without_a_waiver_there_is_none(tmp_path: Path, files: Path) -> None:
    said = judged(tmp_path, files)
    assert said.decision is Decision.DENY
    assert said.waived == ()


@pytest.mark.parametrize(
    ("change", "settings", "why"),
    [
        ({"expires": waivers.TODAY - DAY}, {}, "expired on"),
        ({"issued": waivers.TODAY + DAY}, {}, "is not issued before"),
        ({"expires": waivers.TODAY + 100 * DAY}, {}, "lasts 101 days, where the policy allows 90"),
        ({"expires": waivers.TODAY + 9 * DAY}, {"maxDays": 5}, "the policy allows 5"),
        ({"approvedBy": []}, {}, "needs 1 approvers besides its owner and has 0"),
        ({}, {"approvers": 3}, "needs 3 approvers besides its owner and has 2"),
        ({}, {"forbidRules": ["unrecognised-content"]}, "may not excuse"),
    ],
)
def test_a_waiver_that_does_not_count_is_a_reason(
    tmp_path: Path, files: Path, change: dict[str, Any], settings: dict[str, Any], why: str
) -> None:
    waivers.write(tmp_path / "waivers/w.yaml", files, **change)
    said = judged(tmp_path, files, **settings)
    assert said.decision is Decision.DENY
    assert {reason.rule for reason in said.reasons} == {"unrecognised-content", "waiver"}
    (reason,) = [reason for reason in said.reasons if reason.rule == "waiver"]
    assert why in reason.message
    assert reason.subject == "vocab.txt"


@pytest.mark.parametrize(
    "change",
    [
        {"files": ["sha256:" + "0" * 64]},
        {"fingerprints": ["0" * 32]},
        {"rules": ["unlisted-global"]},
        {"repos": ["org/*"]},
    ],
)
def test_a_waiver_of_something_else_says_nothing(
    tmp_path: Path, files: Path, change: dict[str, Any]
) -> None:
    waivers.write(tmp_path / "waivers/w.yaml", files, **change)
    said = judged(tmp_path, files)
    assert said.decision is Decision.DENY
    assert {reason.rule for reason in said.reasons} == {"unrecognised-content"}


def test_the_last_day_counts_and_the_next_does_not(tmp_path: Path, files: Path) -> None:
    waivers.write(tmp_path / "waivers/w.yaml", files, expires=waivers.TODAY)
    assert judged(tmp_path, files).decision is Decision.ALLOW
    assert judged(tmp_path, files, today=waivers.TODAY + DAY).decision is Decision.DENY


def test_what_is_malicious_is_waived_only_where_the_policy_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "evil"
    folder.mkdir()
    (folder / "model.bin").write_bytes(models.hostile_zip("true"))
    waivers.write(tmp_path / "waivers/w.yaml", folder)
    said = judged(tmp_path, folder)
    assert said.decision is Decision.DENY
    assert any("may not excuse a `malicious` finding" in one.message for one in said.reasons)
    assert judged(tmp_path, folder, forbidRules=["error"]).decision is Decision.ALLOW


def test_files_in_the_home_count_too(tmp_path: Path, files: Path) -> None:
    waivers.write(tmp_path / "home/waivers/w.yaml", files)
    path = waivers.policy(tmp_path / "ours.yaml")
    opened = loaded(path)
    assert [one.name for one in opened.waivers] == ["w"]
    said = judge_report(scan([files], digest=True), opened, today=waivers.TODAY)
    assert said.decision is Decision.ALLOW


def test_a_waiver_changes_the_digest_while_it_is_current(tmp_path: Path, files: Path) -> None:
    path = waivers.policy(tmp_path / "ours.yaml", files=["waivers/*.yaml"])
    before = loaded(path).id
    waivers.write(tmp_path / "waivers/w.yaml", files)
    during = loaded(path).id
    after = loaded(path, today=waivers.TODAY + 30 * DAY).id
    assert during != before
    assert after == before
    waivers.write(tmp_path / "waivers/w.yaml", files, statement="reviewed again")
    assert loaded(path).id not in (before, during)


def test_the_digest_does_not_depend_on_where_the_waiver_lies(tmp_path: Path, files: Path) -> None:
    for folder in ("a", "b"):
        waivers.write(tmp_path / folder / "w.yaml", files)
    path = waivers.policy(tmp_path / "ours.yaml", files=["a/w.yaml"])
    one = loaded(path).id
    path = waivers.policy(tmp_path / "ours.yaml", files=["b/w.yaml"])
    assert loaded(path).id == one


def test_a_shown_policy_is_the_same_policy(tmp_path: Path, files: Path) -> None:
    waivers.write(tmp_path / "waivers/w.yaml", files)
    opened = loaded(waivers.policy(tmp_path / "ours.yaml", files=["waivers/*.yaml"], maxDays=None))
    (tmp_path / "shown.yaml").write_text(yaml.safe_dump(opened.document()))
    assert loaded(tmp_path / "shown.yaml").id == opened.id


def test_two_waivers_need_two_names(tmp_path: Path, files: Path) -> None:
    for folder, owner in (("a", "one@example.org"), ("b", "two@example.org")):
        waivers.write(tmp_path / folder / "w.yaml", files, owner=owner)
    path = waivers.policy(tmp_path / "ours.yaml", files=["a/w.yaml", "b/w.yaml"])
    with pytest.raises(PolicyError, match="another waiver `w`"):
        loaded(path)


def test_a_missing_file_is_an_error_and_an_empty_glob_is_none(tmp_path: Path) -> None:
    assert loaded(waivers.policy(tmp_path / "a.yaml", files=["none/*.yaml"])).waivers == ()
    with pytest.raises(PolicyError, match=r"missing\.yaml"):
        loaded(waivers.policy(tmp_path / "b.yaml", files=["missing.yaml"]))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"files": []}, "files"),
        ({"files": ["abc"]}, "files"),
        ({"fingerprints": []}, "fingerprints"),
        ({"fingerprints": ["*"]}, "fingerprints"),
        ({"rules": []}, "rules"),
        ({"owner": ""}, "owner"),
        ({"statement": ""}, "statement"),
        ({"expires": "soon"}, "expires"),
        ({"approvers": ["x"]}, "approvers"),
    ],
)
def test_what_is_no_waiver_is_an_error_with_its_line(
    tmp_path: Path, files: Path, change: dict[str, Any], named: str
) -> None:
    path = waivers.write(tmp_path / "w.yaml", files, **change)
    with pytest.raises(PolicyError, match=rf"w\.yaml:\d+: .*{named}"):
        load(path)


def test_a_rule_may_only_tighten(tmp_path: Path) -> None:
    path = waivers.policy(
        tmp_path / "ours.yaml",
        spec={
            "rules": [
                {
                    "name": "prod",
                    "waivers": {"approvers": 2, "maxDays": 7, "forbidRules": ["polyglot"]},
                }
            ]
        },
    )
    from secureload.flow import Source

    topics = loaded(path).topics(Source(kind="hub", location="org/model"))
    assert (topics.waivers.approvers, topics.waivers.max_days) == (2, 7)
    assert topics.waivers.forbid_rules == ("malicious", "error", "polyglot")
