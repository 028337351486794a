"""A configuration leads out of the folder."""

from __future__ import annotations

import pytest

from scanner.rules.config_leaves_folder import RULE
from tests.scanner.rules.configs import value


@pytest.mark.parametrize(
    ("key", "where"),
    [
        ("transformers_weights", "adapter_model.bin"),
        ("audio_tokenizer_name_or_path", "org/other"),
        ("base_model_name_or_path", "org/base"),
        ("vocab_file", "../vocab.txt"),
        ("tokenizer_file", "/etc/passwd"),
        ("mm_vision_tower", "https://example.org/x"),
        ("checkpoint", "C:\\x"),
        ("model_path", "a/../../b"),
        ("font_path", "~/x"),
    ],
)
def test_fires(key: str, where: str) -> None:
    (finding,) = RULE.apply(value(key, where))
    assert finding.evidence["value"] == where


@pytest.mark.parametrize(
    ("key", "where"),
    [
        ("_name_or_path", "/home/somebody/model"),
        ("_name_or_path", "org/model"),
        ("vocab_file", "vocab.txt"),
        ("mm_vision_tower", "openai/clip"),
        ("checkpoint", 7),
        ("transformers_weights", None),
        ("class_name", "/x"),
    ],
)
def test_stays_quiet(key: str, where: str | int | None) -> None:
    assert list(RULE.apply(value(key, where))) == []
