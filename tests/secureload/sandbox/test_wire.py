"""Messages: whole, bounded, of the type that was asked for, or the other side is lost."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from scanner import FileResult, Finding, Severity, Status, Where
from scanner.findings import Confidence
from secureload.sandbox.wire import Channel, LostError, decoded, encoded

RESULT = FileResult(
    path="odd\udc80name",
    format="pickle",
    size=3,
    sha256="0" * 64,
    status=Status.FAILED,
    findings=(
        Finding(
            rule="some-rule",
            severity=Severity.HIGH,
            confidence=Confidence.LOW,
            message="lone \ud800 surrogate, \U0001f600 and \x1b[31m",
            where=Where(member="a!b", offset=1, opcode="REDUCE"),
            evidence={"count": 2, "global": "a.b", "names": ("x", "y"), "flag": True, "no": None},
        ),
    ),
)


@pytest.fixture
def ends() -> Iterator[tuple[Channel, int]]:
    incoming, outgoing = os.pipe()
    channel = Channel(incoming, incoming, most=1000)
    yield channel, outgoing
    channel.close()


def test_a_result_comes_through_as_it_was() -> None:
    assert decoded(encoded(RESULT), FileResult) == RESULT


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04N.",
        b"{}",
        b"[]",
        b"null",
        b'{"path": 1}',
        encoded(RESULT).replace(b'"size":3', b'"size":"3"'),
        encoded(RESULT).replace(b'"failed"', b'"clean"'),
        encoded(RESULT).replace(b'"severity":3', b'"severity":9'),
        encoded(RESULT).replace(b'"size":3', b'"size":' + b"9" * 5000),
        encoded(RESULT).replace(b'"flag":true', b'"flag":{"a":1}'),
        b"[" * 100_000,
    ],
)
def test_anything_else_is_a_loss(data: bytes) -> None:
    with pytest.raises(LostError):
        decoded(data, FileResult)


def test_a_message_that_never_ends_is_a_loss(ends: tuple[Channel, int]) -> None:
    channel, outgoing = ends
    os.write(outgoing, b"\0\0\0\x10half")
    with pytest.raises(LostError, match="in time"):
        channel.receive(int, within=0.05)
    os.close(outgoing)


def test_a_message_too_long_is_not_read(ends: tuple[Channel, int]) -> None:
    channel, outgoing = ends
    os.write(outgoing, (1001).to_bytes(4, "big"))
    with pytest.raises(LostError, match="1001 bytes"):
        channel.receive(int, within=5)
    os.close(outgoing)


def test_the_end_is_a_loss(ends: tuple[Channel, int]) -> None:
    channel, outgoing = ends
    os.close(outgoing)
    with pytest.raises(LostError, match="gone"):
        channel.receive(int, within=5)
