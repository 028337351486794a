"""MessagePack: Flax's weights are clean, what Flax never writes is told."""

from __future__ import annotations

from pathlib import Path

import msgpack
import pytest

from tests.scanner.told import CLEAN, ERROR, SUSPICIOUS, tell

FIXTURES = Path(__file__).parents[2] / "fixtures"
ARRAY = msgpack.packb([[2], "float32", b"\0" * 8])


def made(value: object) -> bytes:
    return bytes(msgpack.packb({"params": {"kernel": value}}))


@pytest.mark.parametrize(
    "path", sorted(FIXTURES.rglob("*.msgpack")), ids=lambda p: "/".join(p.parts[-3:])
)
def test_real_files_are_clean(path: Path) -> None:
    assert tell(path.read_bytes(), path.name).verdict is CLEAN


def test_an_array_is_clean() -> None:
    assert tell(made(msgpack.ExtType(1, ARRAY))).verdict is CLEAN


def test_what_flax_never_writes_is_not_clean() -> None:
    assert tell(made(msgpack.ExtType(42, b"x"))).verdict is SUSPICIOUS
    lying = msgpack.packb([[-2], "float32", b""])
    objects = msgpack.packb([[1], "object", b"x" * 8])
    for data in (
        made(msgpack.ExtType(1, lying)),
        made(msgpack.ExtType(1, objects)),
        made(1)[:-1],
        made(1) + b"\xc0",
        b"\x81\xa1a\xdd\xff\xff\xff\xff",
        b"\x81\xa1a" * 3000,
    ):
        assert tell(data).verdict is ERROR
