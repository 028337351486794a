"""TFRecord files are records from end to end."""

from __future__ import annotations

from tests.scanner.told import ERROR, assert_clean, tell

# A record that TensorFlow wrote: an example with one feature.
RECORD = bytes.fromhex("0e00000000000000c5e5693f0a0c0a0a0a016112051a030a010139e87850")


def test_records_are_clean() -> None:
    assert_clean(RECORD * 3, "tfrecord", "data.tfrecord")


def test_a_record_cut_off_is_an_error() -> None:
    assert tell(RECORD * 2 + RECORD[:-1]).verdict is ERROR
