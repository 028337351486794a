"""A distribution of scipy's runs a text of its state while it loads: only scipy's own is clean."""

from __future__ import annotations

import pytest

from scanner import FileVerdict, scan_bytes
from scanner.pickles.allowlist import default_allowlist
from scanner.pickles.distributions import state
from scanner.pickles.values import DictValue, Global
from tests.builders import pickles as p

NAMES = {"none": "", "one": "s, ", "two": "a, b, "}
ALLOW = default_allowlist()


def text(names: str = "a, b, ", given: str = "loc=0, scale=1", taken: str = "loc, scale") -> str:
    """What scipy writes for parameters of these names."""
    return (
        f"\ndef _parse_args(self, {names} {given}):\n    return ({names}), {taken}\n"
        f"\ndef _parse_args_rvs(self, {names} {given}, size=None):\n"
        f"    return self._argcheck_rvs({names} {taken}, size=size)\n"
        f"\ndef _parse_args_stats(self, {names} {given}, moments='mv'):\n"
        f"    return ({names}), {taken}, moments\n"
    )


def made(*items: tuple[str, bytes]) -> bytes:
    """A pickle of the uniform distribution with these attributes."""
    pairs = b"".join(p.text(name) + value for name, value in items)
    cls = p.glob("scipy.stats._continuous_distns", "uniform_gen")
    return p.program(cls, p.EMPTY_TUPLE, p.NEWOBJ, p.EMPTY_DICT, p.MARK, pairs, p.SETITEMS, p.BUILD)


def judged(*items: tuple[str, bytes]) -> FileVerdict:
    return scan_bytes(made(*items), name="search.pkl").verdict


@pytest.mark.parametrize("names", list(NAMES.values()), ids=list(NAMES))
def test_the_text_that_scipy_writes_is_clean(names: str) -> None:
    assert judged(("_parse_arg_template", p.text(text(names))), ("name", p.text("x"))) is (
        FileVerdict.CLEAN
    )


def test_a_discrete_one_has_no_scale() -> None:
    given = text("mu, ", "loc=0", "loc, 1")

    assert state(DictValue(["_parse_arg_template", given]), ALLOW) is None


HOSTILE = {
    "a line more": text() + "import os\n",
    "a line before": "import os\n" + text(),
    "a default that calls": text("a=print(1), "),
    "another function": text().replace("_argcheck_rvs", "_run"),
    "other defaults": text(given="loc=0, scale=eval('1')"),
    "parameters that differ": text().replace("(a, b, ), loc", "(a, ), loc", 1),
    "nothing": "",
}  # fmt: skip


@pytest.mark.parametrize("hostile", list(HOSTILE.values()), ids=list(HOSTILE))
def test_any_other_text_is_told(hostile: str) -> None:
    assert judged(("_parse_arg_template", p.text(hostile))) is FileVerdict.SUSPICIOUS


def test_the_last_text_counts_and_so_does_the_first() -> None:
    twice = [("_parse_arg_template", p.text(text())), ("_parse_arg_template", p.text("import os"))]

    assert judged(*twice) is FileVerdict.SUSPICIOUS
    assert judged(*twice[::-1]) is FileVerdict.SUSPICIOUS


@pytest.mark.parametrize("name", ["_attach_methods", "_attach_argparser_methods", "__class__"])
def test_a_method_that_the_state_replaces_is_told(name: str) -> None:
    good = ("_parse_arg_template", p.text(text()))

    assert judged(good, (name, p.text("x"))) is FileVerdict.SUSPICIOUS


def test_a_state_without_the_text_is_told() -> None:
    assert state(DictValue(["a", 1]), ALLOW) is not None
    assert state(DictValue([]), ALLOW) is not None
    assert state((1, 2), ALLOW) is not None


def test_a_global_among_the_attributes_is_told() -> None:
    given = DictValue(["_parse_arg_template", text(), "vecentropy", Global("os", "system")])

    assert state(given, ALLOW) is not None
