"""A configuration leads out of the folder."""

from __future__ import annotations

import pytest

from scanner.facts import ConfigFact
from scanner.findings import Severity, Where
from scanner.rules.config_leaves_folder import RULE
from tests.scanner.rules.configs import value


@pytest.mark.parametrize(
    ("key", "where"),
    [
        ("transformers_weights", "adapter_model.bin"),
        ("audio_tokenizer_name_or_path", "org/other"),
        ("base_model_name_or_path", "/home/somebody/base"),
        ("base_model_name_or_path", "../base"),
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
    ("path", "count"),
    [("$..defaults", 1), ("$.include[3]", 1), ("$..searchpath", 1), ("$.output[0]", 0)],
)
def test_a_path_that_climbs_counts_under_keys_that_open_it(path: str, count: int) -> None:
    fact = ConfigFact(
        where=Where(), document="c.yaml", path=path, key="climbing-path", value="../../x"
    )
    assert len(list(RULE.apply(fact))) == count


@pytest.mark.parametrize("base", ["org/base", "gpt2", "org/base-1.5B_v2"])
def test_an_adapters_base_on_the_hub_is_for_information(base: str) -> None:
    (finding,) = RULE.apply(value("base_model_name_or_path", base))
    assert finding.severity is Severity.INFO


@pytest.mark.parametrize("base", ["org/../base", "a/b/c", "./base", "~/base", "https://x/y"])
def test_any_other_base_leaves_the_folder(base: str) -> None:
    (finding,) = RULE.apply(value("base_model_name_or_path", base))
    assert finding.severity is Severity.MEDIUM


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
