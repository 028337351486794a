"""Templates in files of their own are passed to the rule that judges templates."""

from __future__ import annotations

from tests.scanner.told import MALICIOUS, assert_clean, tell


def test_a_chat_template_is_clean() -> None:
    source = b"{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
    assert_clean(source, "text", "chat_template.jinja")


def test_a_hostile_template_is_malicious() -> None:
    assert tell(b"{{ ().__class__.__base__ }}", "chat_template.jinja").verdict is MALICIOUS
