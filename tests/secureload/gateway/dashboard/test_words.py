"""What is shown of untrusted text cannot hide, reorder or run on."""

from __future__ import annotations

import pytest

from secureload.gateway.dashboard import words


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain text, ünïcode, 漢字", "plain text, ünïcode, 漢字"),
        ("two\nlines", "two\nlines"),
        ("\x1b[2J", "\\x1b[2J"),
        ("gnp.\u202egpj", "gnp.\\u202egpj"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\ud800", "\\ud800"),
        (7, 7),
        (None, ""),
    ],
)
def test_hidden_characters_are_seen(given: object, shown: object) -> None:
    assert words.plain(given) == shown


def test_long_texts_are_cut_and_say_so() -> None:
    assert words.plain("a" * 5_000).endswith("… (3000 more characters)")


def test_moments_sizes_and_digests_are_short() -> None:
    assert words.when("2026-11-27T07:15:59.000001+00:00") == "2026-11-27 07:15 UTC"
    assert words.when("nonsense") == "nonsense"
    sizes = [words.size(n) for n in (0, 999, 1_500, 2 * 10**9)]
    assert sizes == ["0 B", "999 B", "1.5 kB", "2.0 GB"]
    assert words.short(f"sha256:{'a' * 64}") == f"sha256:{'a' * 12}"


@pytest.mark.parametrize(
    ("repository", "kind", "called"),
    [
        ("datasets/org/rows", "hub", "dataset"),
        ("spaces/org/demo", "hub", "Space"),
        ("org/model", "hub", ""),
        ("org/datasets", "hub", ""),
        ("datasets/org/rows", "local", ""),
        ("", "hub", ""),
    ],
)
def test_what_is_no_model_is_called_what_it_is(repository: str, kind: str, called: str) -> None:
    assert words.repo_type(repository, kind) == called
