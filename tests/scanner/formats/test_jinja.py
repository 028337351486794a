"""Templates in files of their own are passed to the rule that judges templates."""

from __future__ import annotations

from scanner.engine import Options, scan_bytes
from scanner.limits import Limits
from tests.scanner.told import CLEAN, MALICIOUS, assert_clean, rules, tell


def test_a_chat_template_is_clean() -> None:
    source = b"{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
    assert_clean(source, "text", "chat_template.jinja")


def test_a_hostile_template_is_malicious() -> None:
    assert tell(b"{{ ().__class__.__base__ }}", "chat_template.jinja").verdict is MALICIOUS


def test_one_too_long_to_parse_is_told() -> None:
    prose = b"It is long. " * 1_400
    few = Options(limits=Limits(text_bytes=10_000))
    template = prose + b"{{ x.__class__ }}"
    assert rules(scan_bytes(template, name="x.jinja", options=few)) == {"limit-reached"}
    assert scan_bytes(prose, name="x.jinja", options=few).verdict is CLEAN
