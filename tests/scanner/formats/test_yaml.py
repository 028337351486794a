"""YAML: Python tags and keys that name code are told, ordinary settings are clean."""

from __future__ import annotations

import pytest

from tests.scanner.told import CLEAN, ERROR, MALICIOUS, SUSPICIOUS, assert_clean, rules, tell


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


@pytest.mark.parametrize(
    "text",
    [
        "_target_:\n- os.system\n",
        "class_path: [os.system]\n",
        "callbacks: [[{_target_: [os.system]}]]\n",
        "name: &x os.system\nmodel: {_target_: *x}\n",
        "key: &x _target_\nmodel: {*x : os.system}\n",
    ],
)
def test_targets_in_lists_are_told(text: str) -> None:
    assert tell(text.encode(), "config.yaml").verdict is MALICIOUS


@pytest.mark.parametrize(
    "text",
    [
        "callbacks:\n- os.system\n",
        "defaults:\n- ../../../etc/x\n- _self_\n",
        "defaults:\n- _self_\n- db: ../../x\n",
        "defaults:\n- override ../../db: x\n",
        "lr: 1\ndefaults: [{db@here: [a, ../x]}]\n",
        "hydra:\n  searchpath:\n  - file:///tmp/x\n",
        "include: [a.yaml, ../../b.yaml]\n",
        "a: &x ../../../etc/x\ndefaults: [*x]\n",
    ],
)
def test_lists_that_lead_elsewhere_are_told(text: str) -> None:
    assert tell(text.encode(), "config.yaml").verdict is SUSPICIOUS


@pytest.mark.parametrize(
    "text",
    [
        "defaults:\n- model: bert\n- override /optim: adam\n- db@a.b: c/d\n- _self_\n",
        "model:\n  defaults: {root: ../data}\nsizes: [[1, 2], [3]]\n",
        "hydra:\n  searchpath: [pkg://package.conf]\n",
        "a: &x data\nb: {c: *x, d: [*x]}\ne: &y [1]\nf: *y\n",
        "tags: [os, torch.nn.Linear, ../x]\n- a\n",
        "layers: [torch.nn.Linear, torch.nn.ReLU]\nphases: [train, eval]\n",
    ],
)
def test_ordinary_lists_are_clean(text: str) -> None:
    assert tell(text.encode(), "config.yaml").verdict is CLEAN


def test_settings_and_front_matter_are_clean() -> None:
    assert_clean(
        b"---\nlicense: mit\ntags:\n- bert\n---\n# Model\nText: with colon: twice\n", "yaml"
    )
    assert_clean(b"a: 1\nb: [x, y]\n", "yaml")


@pytest.mark.parametrize(
    "text",
    [
        "--- !ruby/object:Gem::Installer\ni: x\n",
        "a: !!ruby/hash:X {}\n",
        "!!javax.script.ScriptEngineManager [!!java.net.URL ['http://example.invalid']]\n",
        "a: !php/object 'x'\n",
        "a: !!perl/hash:X {}\n",
        "a: !include ../../x.yaml\n",
        "a: !new:package.Class\n",
        "a: !env X\n",
        "{a: !ruby/object:X {}}\n",
    ],
)
def test_tags_beyond_yamls_own_are_told(text: str) -> None:
    result = tell(text.encode(), "x.yaml")

    assert result.verdict is SUSPICIOUS
    assert rules(result) == {"embedded-code"}


@pytest.mark.parametrize("tag", ["!apply:os.system", "!new:subprocess.Popen", "!name:os.system"])
def test_a_tag_for_what_starts_a_process_is_malicious(tag: str) -> None:
    assert tell(f"a: {tag} [x]\n".encode(), "hyperparams.yaml").verdict is MALICIOUS


@pytest.mark.parametrize(
    "text",
    [
        "a: !!binary aGk=\nb: !!set {x}\nc: !!str 1\nd: ! x\n",
        "width: 3\nlength: !ref <width>\ncopy: !copy <length>\n",
        "---\nlicense: mit\n---\n![Picture](https://example.invalid/x.png)\n\n# Model\n",
        "---\nlicense: mit\n---\n!pip install model\n",
        '{"vocab": {"a": 1, "!b": 2, ",!c": 3, "x: !d": 4}}',
    ],
)
def test_tags_of_plain_data_and_prose_are_clean(text: str) -> None:
    assert tell(text.encode(), "x.yaml").verdict is CLEAN


LONG = b"key: value\n" * 400_000


@pytest.mark.parametrize(
    "line",
    [b"x: !!python/object:a.b {}\n", b"x: !custom {}\n", b"trust_remote_code: true\n",
     b"%TAG !p! tag:example.org:\n"],
    ids=["python", "custom", "key", "directive"],
)  # fmt: skip
def test_what_is_too_long_to_parse_and_says_something_is_no_clean_file(line: bytes) -> None:
    assert rules(tell(LONG + line, "settings.yaml")) == {"limit-reached"}


def test_long_data_without_tags_is_clean() -> None:
    assert tell(LONG, "settings.yaml").verdict is CLEAN


def test_so_many_keys_that_not_all_are_told() -> None:
    many = b"module: x\n" * 10_001 + b"x: !!python/object/apply:os.system [x]\n"
    assert "limit-reached" in rules(tell(many, "settings.yaml"))


def test_a_long_comment_at_the_head_is_no_disguise() -> None:
    document = b"# licence\n" * 1_000 + b"auto_map:\n  AutoModel: m.M\nx: !custom y\n"
    assert "embedded-code" in rules(tell(document, "settings"))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "], ids=["lists", "mappings", "items"])
def test_a_document_that_nests_deeply_is_not_followed(opening: str) -> None:
    result = tell(b"a:\n  " + opening.encode() * 5_000, "config.yaml")
    assert (result.verdict, rules(result)) == (ERROR, {"limit-reached"})


CARD = "---\nlicense: mit\n{0}\n---\n# Rows\n\nSee https://example.org/x: it says !more.\n"


@pytest.mark.parametrize(
    "said",
    [
        "configs:\n- config_name: default\n  data_files: https://example.org/rows.csv",
        "configs:\n- data_files:\n  - split: train\n    path: zip://x::https://example.org/a.zip",
        "configs:\n- data_files:\n  - split: train\n    path:\n    - a.csv\n    - hf://datasets/o/x",
        "configs: [{data_files: {train: ['../../other/a.csv']}}]",
        '"configs":\n- "data_files": /etc/passwd',
        "x: &far https://example.org/x\nconfigs:\n- data_files: *far",
        "configs:\n- data_dir: s3://bucket/x\n  data_files: '*.csv'",
    ],
)
@pytest.mark.parametrize("before", ["", " ", "\n \u3000", "\ufeff"])
def test_a_card_whose_data_lie_elsewhere_is_told(said: str, before: str) -> None:
    result = tell((before + CARD.format(said)).encode(), "README.md")
    assert rules(result) == {"config-leaves-folder"}


@pytest.mark.parametrize(
    "said",
    [
        "configs:\n- data_files: data/train-*.parquet",
        "configs:\n- data_files:\n  - split: train\n    path: [a.csv, 'b/**', '*.csv']\n  l: x",
        "homepage: https://example.org\ndata_files: a.csv\nlicense_link: https://a.example/l",
        "configs:\n- data_files: {train: a.csv}\n- homepage: https://example.org",
    ],
)
def test_a_card_whose_data_lie_beside_it_is_quiet(said: str) -> None:
    assert rules(tell(CARD.format(said).encode(), "README.md")) == set()
