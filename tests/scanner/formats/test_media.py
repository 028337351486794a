"""Pictures and sounds are inert; what is appended to them is not."""

from __future__ import annotations

import io

import pytest
from PIL import Image

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


@pytest.mark.parametrize("kind", ["PPM", "JPEG2000"])
def test_further_pictures_are_clean(kind: str) -> None:
    held = io.BytesIO()
    Image.new("RGB", (5, 4), (1, 200, 3)).save(held, kind)
    assert_clean(held.getvalue(), "media", "picture")


def test_a_bitmap_and_a_scene_have_the_length_they_say() -> None:
    assert_clean(b"P5 2 2 255\n\0\1\2\xff", "media", "a.pgm")
    assert tell(b"P5 2 2 255\n\0\1\2\xff\xff", "a.pgm").format == "unknown"
    assert_clean(b"glTF\2\0\0\0\x14\0\0\0" + bytes(8), "media", "a.glb")
    assert tell(b"glTF\2\0\0\0\x15\0\0\0" + bytes(8), "a.glb").format == "unknown"
