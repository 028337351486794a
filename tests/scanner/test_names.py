"""Names that stay where they are put are quiet; those that could land elsewhere are not."""

from __future__ import annotations

import pytest

from scanner.names import hides, name_problem


@pytest.mark.parametrize(
    "name",
    [
        "data.pkl",
        "archive/data/0",
        "..a/b..",
        "a/...",
        "modèle.bin",
        "with space",
        "a/",
        "console",
        "icon/x",
        "a.con",
        "COM10",
        "nullable.json",
        "com/x",
        "lpt",
        "prn_1",
        "a/aux-1",
        "dense/kernel:0.npy",
        "2026-01-01T12:30:00.log",
        "aux.npy",
        "host:8080",
        "a.b:0",
    ],
)
def test_stays_quiet(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "empty"),
        ("a\0.pkl", "NUL"),
        ("a\nb", "control"),
        ("a\x7fb", "control"),
        ("/etc/passwd", "absolute"),
        ("\\\\host\\share", "absolute"),
        ("C:evil", "absolute"),
        ("../up", "climbs"),
        ("a/../../up", "climbs"),
        ("a\\..\\up", "climbs"),
        ("a\\b", "backslash"),
        ("CON", "device, CON"),
        ("a/nul.tar.gz", "device, NUL"),
        ("com1/x", "device, COM1"),
        ("Lpt\u00b2.bin", "device, LPT\u00b2"),
        ("aux .json", "device, AUX"),
        ("conin$", "device"),
        ("model.bin:code.exe", "colon"),
        ("a/b:$DATA", "colon"),
        ("a/b:evil.exe", "colon"),
    ],
    ids=repr,
)
def test_says_what_is_wrong(name: str, said: str) -> None:
    assert said in (name_problem(name) or "")


@pytest.mark.parametrize(
    "name",
    ["x\u202etxt.exe", "a\u200b.txt", "\ufeffa", "a\u00ad.txt", "x.txt ", " a/b", "a /b"],
)
def test_names_that_do_not_show_are_told(name: str) -> None:
    assert hides(name)
    assert "does not show" in (name_problem(name) or "")


@pytest.mark.parametrize(
    "name", ["./a", "a/./b", "模型.bin", "mod\u00e8le.bin", "a b.txt", ".hidden", "نموذج.bin"]
)
def test_names_of_any_script_show(name: str) -> None:
    assert not hides(name)
    assert name_problem(name) is None
