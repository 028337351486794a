"""Pictures and sounds are inert; what is appended to them is not."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from tests.builders.zips import plain
from tests.scanner.told import CLEAN, MALICIOUS, SHELL, assert_clean, rules, tell

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def test_media_are_clean() -> None:
    assert_clean(PNG, "media", "logo.png")
    assert_clean(b"RIFF\x24\0\0\0WAVEfmt " + bytes(30), "media", "a.wav")


def arrow_stream(kind: int = 1) -> bytes:
    """The first message of a stream: length, root, table of fields, the table itself."""
    fields = struct.pack("<6H", 12, 12, 4, 6, 8, 0)
    message = struct.pack("<I", 16) + fields + struct.pack("<iHBxI", 12, 4, kind, 0)
    return b"\xff" * 4 + struct.pack("<I", 32) + message.ljust(32, b"\0") + b"\xff" * 4 + bytes(4)


def test_an_arrow_stream_is_media_when_it_begins_with_its_schema() -> None:
    assert_clean(arrow_stream(), "media", "data-00000-of-00001.arrow")
    assert tell(arrow_stream(kind=3), "a.arrow").format == "unknown"
    for size in range(40):
        assert tell(arrow_stream()[:size], "a.arrow").format != "media"
    pickled = arrow_stream() + b"ARROW:extension:name arrow.py_extension_type"
    assert "hidden-pickle" in rules(tell(pickled, "a.arrow"))


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


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + bytes(4)


WHOLE = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + chunk(b"IEND")


def test_bytes_behind_a_picture_are_told() -> None:
    assert_clean(WHOLE, "media", "logo.png")
    assert_clean(WHOLE + bytes(9), "media", "logo.png")
    assert "appended-data" in rules(tell(WHOLE + b"#!/bin/sh\nid\n", "logo.png"))
    sound = b"RIFF\x24\0\0\0WAVEfmt " + bytes(28)
    assert "appended-data" in rules(tell(sound + b"anything", "a.wav"))


@pytest.mark.parametrize("action", [b"/S/JavaScript/JS(x)", b"/S /Launch /F (x)", b"/EmbeddedFile"])
def test_actions_of_a_document_are_code(action: bytes) -> None:
    assert "embedded-code" in rules(tell(b"%PDF-1.4\n1 0 obj<<" + action + b">>", "a.pdf"))
    assert_clean(b"%PDF-1.4\n1 0 obj<</OpenAction 3 0 R>>", "media", "a.pdf")


def test_a_column_type_that_is_a_pickle_is_told() -> None:
    table = b"PAR1ARROW:extension:name\0arrow.py_extension_type\0PAR1"
    assert "hidden-pickle" in rules(tell(table, "a.parquet"))
    assert_clean(b"PAR1ARROW:schema\0PAR1", "media", "a.parquet")


def test_only_what_has_the_size_that_it_says_is_a_film() -> None:
    assert_clean(b"\0\0\0\x18ftypmp42" + bytes(12), "media", "a.mp4")
    assert tell(b":;:\nftypx\0: >fired\n", "a.mp4").verdict is not CLEAN


def test_objects_of_net_are_no_font() -> None:
    assert_clean(b"\0\1\0\0\0\x0c\0\x80\0\3\0\x40GPOS" + bytes(30), "media", "a.ttf")
    assert tell(b"\0\1\0\0\0\xff\xff\xff\xff\1\0\0\0" + bytes(30), "a.ttf").verdict is not CLEAN
