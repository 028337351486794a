"""Every rule is found, has a page and a stable name."""

from __future__ import annotations

import re

import pytest

from scanner.rules import Rule, rule, rules


def test_ids_are_kebab_case_and_sorted() -> None:
    ids = [known.id for known in rules()]
    assert ids == sorted(set(ids))
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", known) for known in ids)
    assert "runs-shell" in ids


@pytest.mark.parametrize("known", rules(), ids=lambda known: known.id)
def test_every_page_says_why_when_when_not_and_what_to_do(known: Rule) -> None:
    for heading in ("Why it matters", "Fires on", "Stays quiet on", "Remedy"):
        assert f"\n{heading}\n" in known.page


def test_a_rule_is_found_by_its_id() -> None:
    found = rule("runs-shell")
    assert found is not None
    assert found.id == "runs-shell"
    assert rule("no-such-rule") is None
