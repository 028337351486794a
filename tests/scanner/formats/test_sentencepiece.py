"""SentencePiece models are inert, and known by their pieces."""

from __future__ import annotations

from pathlib import Path

from tests.builders.wire import chunk
from tests.scanner.told import assert_clean, tell

FIXTURES = Path(__file__).parents[2] / "fixtures"
PIECE = chunk(1, "ab") + b"\x15\0\0\0\0"


def test_a_real_model_is_clean() -> None:
    data = (FIXTURES / "t5-seq2seq/processor/spiece.model").read_bytes()
    assert_clean(data, "sentencepiece", "spiece.model")


def test_other_messages_are_not_taken_for_one() -> None:
    assert tell(chunk(1, PIECE)).format == "sentencepiece"
    assert tell(chunk(1, PIECE) + chunk(9, "x")).format != "sentencepiece"
    assert tell(chunk(1, PIECE)[:-2]).format != "sentencepiece"
