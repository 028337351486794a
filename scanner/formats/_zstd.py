"""Zstandard frames: where they end, and what they give, a bounded amount at a time.

The library would unpack a frame whole; a block of four bytes may stand for 128 KiB, so what
is asked of it is bounded by output. Where the frames end is told by their block headers.

Source: RFC 8878.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.reader import UnpackError

_MAGIC = b"\x28\xb5\x2f\xfd"
_STEP = 1 << 18
_BLOCKS = 20_000_000


def frames_end(data: memoryview) -> tuple[int, bool]:
    """Where the frames in a row end, and whether the last one is whole.

    Raises:
        UnpackError: `limit-reached`, when there are more blocks than any file has.
    """
    at, blocks = 0, 0
    while True:
        head = bytes(data[at : at + 18])
        if head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50:
            after = at + 8 + int.from_bytes(head[4:8], "little")
        elif head[:4] == _MAGIC and len(head) > 5:
            after = at + _header(head)
            while after < len(data):
                block = int.from_bytes(data[after : after + 3], "little")
                after += 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
                blocks += 1
                if block & 1:
                    break
                if blocks > _BLOCKS:
                    raise UnpackError("limit-reached", "more blocks than any file has")
            else:
                return len(data), False
            after += 4 if head[4] & 4 else 0
        else:
            return at, True
        if after > len(data):
            return len(data), False
        at = after


def _header(head: bytes) -> int:
    """How long a frame's header is."""
    flags = head[4]
    single = flags >> 5 & 1
    size = (single, 2, 4, 8)[flags >> 6]
    return 5 + (not single) + (0, 1, 2, 4)[flags & 3] + size


def unzstd(data: memoryview) -> Iterator[bytes]:
    """Unpack frames in a row; windows of more than 128 MiB are refused.

    Raises:
        UnpackError: when one is damaged.
    """
    import zstandard

    given = 0
    try:
        for piece in _read(data, _STEP):
            given += len(piece)
            yield piece
        return
    except (zstandard.ZstdError, MemoryError) as error:
        wrong = UnpackError("damaged", f"compressed data is damaged ({error})")
    # What came before the damage has been used by the time a loader notices it.
    skip = given
    try:
        for piece in _read(data, 256):
            if len(piece) > skip:
                yield piece[skip:]
            skip = max(0, skip - len(piece))
    except (zstandard.ZstdError, MemoryError):
        raise wrong from None


def _read(data: memoryview, step: int) -> Iterator[bytes]:
    import zstandard

    unpack = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    with unpack.stream_reader(data, read_across_frames=True) as reader:
        while piece := reader.read(step):
            yield piece
