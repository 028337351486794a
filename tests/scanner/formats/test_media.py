"""Pictures and sounds are inert; what is appended to them is not."""

from __future__ import annotations

from tests.builders.zips import plain
from tests.scanner.told import MALICIOUS, SHELL, assert_clean, tell

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def test_media_are_clean() -> None:
    assert_clean(PNG, "media", "logo.png")
    assert_clean(b"RIFF\x24\0\0\0WAVEfmt " + bytes(30), "media", "a.wav")


def test_an_archive_behind_a_picture_is_read() -> None:
    assert tell(PNG + plain({"x": SHELL}), "logo.png").verdict is MALICIOUS
