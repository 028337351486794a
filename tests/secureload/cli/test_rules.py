"""`secureload rules`: every rule is listed and has a page."""

from __future__ import annotations

from scanner.rules import rules
from tests.secureload.cli.shell import Shell


def test_every_rule_is_listed_and_has_a_page(shell: Shell) -> None:
    listed = shell("rules", "list", "--format", "json").json
    assert listed["schema"] == "secureload.rules/1"
    assert [rule["id"] for rule in listed["rules"]] == [rule.id for rule in rules()]
    text = shell("rules", "list").out
    for rule in listed["rules"]:
        assert rule["id"] in text
        page = shell("rules", "show", rule["id"])
        assert page.code == 0
        assert rule["summary"] in page.out
        assert "Remedy" in page.out


def test_a_page_as_json(shell: Shell) -> None:
    said = shell("rules", "show", "runs-shell", "--format", "json").json
    assert (said["id"], said["severity"]) == ("runs-shell", "critical")
    assert "os.system" in said["page"]
