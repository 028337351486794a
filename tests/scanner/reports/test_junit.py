"""The JUnit report is XML that a parser takes, with one case a file."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from scanner.reports import render
from tests.scanner.reports.sample import CONTEXT, REPORT


def test_is_xml_with_one_case_a_file() -> None:
    suite = ET.fromstring(render(REPORT, "junit", CONTEXT).encode())
    assert suite.attrib["tests"] == "4"
    assert (suite.attrib["failures"], suite.attrib["errors"]) == ("2", "1")
    cases = suite.findall("testcase")
    assert len(cases) == 4
    assert [case.find("failure") is not None for case in cases] == [False, False, True, True]
    assert cases[1].find("error") is not None
