"""Which interpreters would not see the environment."""

from __future__ import annotations

import pytest

from secureload.enforce.children import deaf_options


@pytest.mark.parametrize(
    ("arguments", "deaf"),
    [
        (["-c", "pass"], []),
        (["-u", "script.py", "-I"], []),
        (["-m", "pip", "-I"], []),
        (["-I", "-c", "pass"], ["-I"]),
        (["-Bs", "-Ec", "pass"], ["-Ec"]),
        (["-sS", "x.py"], ["-sS"]),
        (["-X", "utf8", "x.py"], []),
        (["-X", "utf8", "-I", "x.py"], ["-I"]),
        (["-W", "ignore", "-E"], ["-E"]),
        (["--check-hash-based-pycs", "always", "-S", "x.py"], ["-S"]),
        (["-"], []),
        (["-i", "-mx", "-I"], []),
        (["-iI", "x.py"], ["-iI"]),
        (["-Ximporttime", "-I", "x.py"], ["-I"]),
        (["-bX", "utf8", "-E", "x.py"], ["-E"]),
        (["-cI"], []),
        (["script.py"], []),
        ([], []),
        (["-Xutf8", "-I"], ["-I"]),
        (["-bbcpass", "-I"], []),
    ],
)
def test_options_that_leave_out_the_environment(arguments: list[str], deaf: list[str]) -> None:
    assert deaf_options(arguments) == deaf
