"""Pickles are known by what an unpickler would do, prose is not mistaken for one."""

from __future__ import annotations

import pickle

import pytest

from tests.scanner.told import MALICIOUS, SHELL, assert_clean, rules, tell


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_is_clean(protocol: int) -> None:
    assert_clean(pickle.dumps({"a": [1, 2.5, "x", None]}, protocol), "pickle")


@pytest.mark.parametrize("name", ["a.pkl", "README.md", "config.json", "x.safetensors", "noname"])
def test_a_text_pickle_is_found_under_any_name(name: str) -> None:
    result = tell(SHELL, name)
    assert result.format == "pickle"
    assert result.verdict is MALICIOUS


def test_a_payload_before_a_broken_end_is_found() -> None:
    assert tell(SHELL[:-1]).verdict is MALICIOUS
    assert tell(SHELL[:-1] + b"\xff\xff").verdict is MALICIOUS


def test_a_payload_behind_a_harmless_pickle_is_found() -> None:
    assert tell(pickle.dumps([1]) + SHELL).verdict is MALICIOUS


@pytest.mark.parametrize(
    "prose",
    [
        b"Please read this first.\nIt is prose.\n",
        b"NVIDIA licence\n",
        b"cat\ndog\nbird\n",
        b"I am a line\nand another\n",
        b"PyTorch model\n",
        b"(c) somebody\n",
        b"]\n",
        b"0\n1\n2\n",
    ],
)
def test_prose_is_text(prose: bytes) -> None:
    assert_clean(prose, "text", "README.md")


def test_a_prefixed_zip_is_both() -> None:
    from tests.builders.zips import plain

    result = tell(SHELL + plain({"a.txt": b"x"}))
    assert result.format == "pickle+zip"
    assert {"polyglot", "runs-shell"} <= rules(result)


@pytest.mark.parametrize("idle", [b"N0", b"(1", b"]0"], ids=["none", "mark", "list"])
def test_idle_opcodes_before_the_call_hide_nothing(idle: bytes) -> None:
    """However many: what is text so far might be a pickle all the same."""
    assert "runs-shell" in rules(tell(idle * 200_000 + SHELL, "notes.txt"))


@pytest.mark.parametrize("letter", [b"N", b"(", b"]", b"}", b"2"])
def test_letters_that_read_like_opcodes_are_text(letter: bytes) -> None:
    assert tell(b"ACGT" * 10 + letter * 300_000 + b" ACGT\n", "sequence.txt").findings == ()


@pytest.mark.parametrize(
    "line",
    [b"V%s\n", b"S'%s'\n", b"I%s1\n", b"F1.%s\n", b"L%s1L\n"],
    ids=["text", "bytes", "number", "float", "long"],
)
def test_a_long_line_hides_nothing_behind_it(line: bytes) -> None:
    data = line % (b"0" * 100_000) + b"0celsewhere\nrun\n(tR."
    assert tell(data, "notes").verdict.value in ("suspicious", "error")


def test_long_prose_that_begins_like_an_opcode_is_text() -> None:
    assert_clean(b"Very long lines " * 9_000, "text", "notes")
