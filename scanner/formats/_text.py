"""What counts as text: UTF-8 without control characters. Shared by readers of text formats."""

from __future__ import annotations

from scanner.patterns import pattern
from scanner.reader import Blob

_WORD = pattern(rb"(?:\xef\xbb\xbf)?\s*+")
_CONTROL = pattern(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def is_text(blob: Blob, *, most: int = 1 << 16) -> bool:
    """Whether the first `most` bytes are UTF-8 text."""
    head = blob.head(most)
    if not head or _CONTROL.search(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character may be cut in two where the window ends.
        return len(head) == most and error.start >= most - 3
    return True


def is_legacy_text(head: bytes) -> bool:
    """Whether it may be text in an 8-bit code: mostly ASCII, and without control characters."""
    if not head or _CONTROL.search(head):
        return False
    return sum(byte > 0x7F for byte in head) * 4 < len(head)


def first_word(blob: Blob) -> bytes:
    """The head without byte order mark and leading white space, up to 64 bytes."""
    found = _WORD.match(blob.data)
    return bytes(blob.data[found.end() : found.end() + 64]) if found else b""
