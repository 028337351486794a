"""Scripts and entities in HTML, SVG and XML are code; plain markup is not."""

from __future__ import annotations

import pytest

from tests.scanner.told import assert_clean, rules, tell


@pytest.mark.parametrize(
    "text",
    [
        "<html><script>fetch('//example.invalid')</script>",
        "<svg xmlns='http://www.w3.org/2000/svg'><SCRIPT >x</SCRIPT></svg>",
        "<svg\nonload=alert(1)>",
        "<img src='x'onerror='alert(1)'>",
        "<a href='javascript:alert(1)'>x</a>",
        "<?php system('id'); ?>",
        "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>",
        "<?xml version='1.0'?><?xml-stylesheet href='http://example.invalid/x.xsl'?><x/>",
    ],
)
@pytest.mark.parametrize("name", ["index.html", "a.svg", "model.pmml", "README"])
def test_code_is_told(text: str, name: str) -> None:
    assert "embedded-code" in rules(tell(text.encode(), name))


@pytest.mark.parametrize(
    "text",
    [
        "<h1>Model</h1>\n<p align='center'>one on = two, only = three</p>\n",
        "<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0'/></svg>",
        "<?xml version='1.0'?><PMML version='4.4'><Header/></PMML>",
        "<!-- a comment --> and text\n",
        "<s> is how a sequence begins\n",
    ],
)
def test_plain_markup_is_clean(text: str) -> None:
    assert_clean(text.encode(), "markup", "README.md")
