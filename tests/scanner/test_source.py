from __future__ import annotations

import pytest

from scanner.source import explain_source

SOURCE = b"""\
import os as system
from torch import nn
from .layers import scale

table = dict(a=1)


class Model(nn.Module):
    def run(self):
        system.system("id")
        return scale()


def helper():
    return eval("1")


system.remove("x")
"""


def test_each_thing_is_told_at_its_line() -> None:
    assert [str(line) for line in explain_source(SOURCE)] == [
        "  line 1: imports os",
        "  line 2: imports nn from torch",
        "  line 3: imports scale from .layers",
        "  line 5: calls dict while imported",
        "  line 8: defines the class Model",
        "  line 10: may call os.system  DANGEROUS",
        "  line 14: defines the function helper",
        "  line 15: may call eval  DANGEROUS",
        "  line 18: calls os.remove while imported  DANGEROUS",
    ]


@pytest.mark.parametrize("data", [b"def (", b"\0", b"(" * 10_000, b"x = '\xff'"], ids=len)
def test_what_does_not_parse_is_said_and_dangerous(data: bytes) -> None:
    (line,) = explain_source(data)
    assert line.dangerous
    assert "does not parse" in line.does


def test_harmless_source_has_nothing_dangerous() -> None:
    lines = explain_source(b"import math\n\n\ndef area(r):\n    return math.pi * r * r\n")
    assert not any(line.dangerous for line in lines)


def test_what_is_nested_deeply_is_told_all_the_same() -> None:
    lines = [str(line) for line in explain_source(b"f" + b"()" * 500 + b"\n")]
    assert "  line 1: calls f while imported" in lines
    assert "  line 1: calls what a long expression gives while imported" in lines
    assert explain_source(b"f" + b"()" * 100_000)


def test_a_call_in_a_default_or_a_decorator_does_not_wait() -> None:
    lines = explain_source(b"@mark()\ndef f(x=make()):\n    def g(y=eval('1')): exec('2')\n")
    assert [str(line) for line in lines] == [
        "  line 1: calls mark while imported",
        "  line 2: calls make while imported",
        "  line 2: defines the function f",
        "  line 3: may call eval  DANGEROUS",
        "  line 3: may call exec  DANGEROUS",
    ]
