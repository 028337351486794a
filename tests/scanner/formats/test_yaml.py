"""YAML: Python tags and keys that name code are told, ordinary settings are clean."""

from __future__ import annotations

import pytest

from tests.scanner.told import MALICIOUS, assert_clean, rules, tell


@pytest.mark.parametrize("tag", ["object/apply:os.system ['true']", "name:os.system",
                                 "object:a.B {}", "module:os", "object/new:a.B []"])  # fmt: skip
def test_python_tags_are_told(tag: str) -> None:
    assert "embedded-code" in rules(tell(f"a:\n  - b: !!python/{tag}\n".encode(), "x.yaml"))


def test_a_tag_in_full_is_told() -> None:
    text = b"a: !<tag:yaml.org,2002:python/object/apply:os.system> ['true']\n"
    assert tell(text, "x.yaml").verdict is MALICIOUS


def test_hydra_targets_are_told() -> None:
    text = b"model:\n  optim:\n    _target_: os.system\n    command: 'true'\n"
    assert rules(tell(text, "model_config.yaml")) == {"config-names-code"}


def test_settings_and_front_matter_are_clean() -> None:
    assert_clean(
        b"---\nlicense: mit\ntags:\n- bert\n---\n# Model\nText: with colon: twice\n", "yaml"
    )
    assert_clean(b"a: 1\nb: [x, y]\n", "yaml")
