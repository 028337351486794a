from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureload.documents import Metadata, line_of, load_document, parse_document
from secureload.errors import PolicyError


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    repos: list[str] = []
    min_age: int = 0
    colour: Literal["red", "green"] = "red"


class Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: list[Inner]
    byName: dict[str, Inner] = {}  # noqa: N815  as written in the file


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    api_version: str
    kind: Literal["Sample"]
    metadata: Metadata
    spec: Spec


HEAD = "apiVersion: secureload/v1\nkind: Sample\nmetadata: {name: x}\n"


def read(text: str) -> Sample:
    return parse_document(text, Sample, name="a.yaml")


def test_a_good_document_is_read() -> None:
    sample = read(f"{HEAD}spec:\n  rules:\n  - repos: [a/*]\n    minAge: 3\n")

    assert sample.metadata.name == "x"
    assert sample.spec.rules[0].repos == ["a/*"]
    assert sample.spec.rules[0].min_age == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEAD}spec:\n  rules:\n  - repso: [a]\n", "a.yaml:6: unknown key `spec.rules[0].repso`"),
        (f"{HEAD}spec:\n  rules:\n  - repso: [a]\n", "did you mean `repos`?"),
        (f"{HEAD}spec:\n  rules: []\nextra: 1\n", "a.yaml:6: unknown key `extra`"),
        (f"{HEAD}spec: {{}}\n", "a.yaml:4: `spec.rules` is missing"),
        (f"{HEAD}spec:\n  rules:\n  - minAge: soon\n", "a.yaml:6: `spec.rules[0].minAge`"),
        (
            f"{HEAD}spec:\n  rules:\n  - {{}}\n  - colour: blue\n",
            "a.yaml:7: `spec.rules[1].colour`",
        ),
        (f"{HEAD}spec:\n  rules: []\n  rules: []\n", "a.yaml:6: `rules` is already set in line 5"),
        (f"{HEAD}spec: &s\n  rules: []\nmore: *s\n", "a.yaml:"),
        (f"{HEAD}spec:\n  rules: [}}\n", "a.yaml:5:"),
        (f"{HEAD}spec:\n  rules: []\n  byName:\n    b: {{zz: 1}}\n", "unknown key"),
        ("kind: Sample\n", "a.yaml:1: `apiVersion` is missing"),
        ("apiVersion: secureload/v2\nkind: Sample\n", "a.yaml:1: `apiVersion` is `secureload/v2`"),
        ("apiVersion: secureload/v1\nkind: Other\n", "a.yaml:2: `kind` is `Other`"),
        ("- a\n", "a.yaml:1:"),
        ("", "a.yaml:1:"),
        (HEAD + "spec: !!python/object/apply:os.system [true]\n", "a.yaml:4"),
        (HEAD + "spec: !!python/name:os.system x\n", "a.yaml:4"),
        ("[" * 5000, "nested too deeply"),
        (f"{HEAD}---\n{HEAD}", "a.yaml:4:"),
        ("? [a]\n: 1\n", "a.yaml:1: a key must be plain text"),
        ("\x00", "a.yaml:1:"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(PolicyError) as refused:
        read(text)

    assert message in refused.value.message


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_an_unreadable_file_is_a_policy_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "p.yaml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(PolicyError, match=r"p\.yaml"):
        load_document(path, Sample)


def test_a_line_is_found_again_or_the_nearest_above(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"{HEAD}spec:\n  rules:\n  - repos: [a/*]\n  - minAge: 3\n")

    assert line_of(path, "spec", "rules", 1, "minAge") == 7
    assert line_of(path, "spec", "rules", 0, "minAge") == 6
    assert line_of(path, "spec", "gone") == 4
    assert line_of(path, "gone") == 1


@pytest.mark.parametrize("content", [b"", b"\xff", b"- [", b"a: &x [*x]\n", b"[" * 5_000])
def test_the_line_in_what_is_no_document_any_more_is_the_first(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(content)

    assert line_of(path, "spec", "rules") == 1
    assert line_of(tmp_path / "gone.yaml", "spec", "rules") == 1


def test_text_of_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"a: b\r\nc: \xff\n")

    with pytest.raises(PolicyError, match=r"p\.yaml:2: not UTF-8"):
        load_document(path, Sample)


@given(st.text())
def test_any_text_is_a_document_or_a_policy_error(text: str) -> None:
    with pytest.raises(PolicyError):
        read(text)
