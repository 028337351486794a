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


def test_an_icon_is_media_when_its_pictures_lie_in_it() -> None:
    entry = (
        bytes([8, 8, 0, 0, 1, 0, 32, 0]) + (40).to_bytes(4, "little") + (22).to_bytes(4, "little")
    )
    icon = b"\0\0\1\0\1\0" + entry + bytes(40)
    assert_clean(icon, "media", "favicon.ico")
    assert tell(icon[:-1], "favicon.ico").format == "unknown"
