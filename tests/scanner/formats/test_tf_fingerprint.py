"""A SavedModel's fingerprint is five numbers; what has more is none."""

from __future__ import annotations

from tests.builders.wire import chunk, number
from tests.scanner.told import SUSPICIOUS, assert_clean, tell

NUMBERS = b"".join(number(tag, 1 << 60 | tag) for tag in (1, 2, 3, 4, 5))


def test_a_fingerprint_is_clean() -> None:
    whole = NUMBERS + chunk(6, number(1, 4)) + chunk(7, "25531737209289006051")
    assert_clean(whole, "tf-fingerprint", "fingerprint.pb")


def test_other_fields_make_it_unknown() -> None:
    assert tell(NUMBERS + chunk(7, "a/b"), "fingerprint.pb").verdict is SUSPICIOUS
    assert tell(NUMBERS + chunk(9, "1"), "fingerprint.pb").verdict is SUSPICIOUS
