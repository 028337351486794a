"""A model's data evaluate their formula while loading: a plain one only, over a table."""

from __future__ import annotations

from typing import Any

import pytest

from scanner import FileVerdict, scan_bytes
from scanner.pickles.formulas import is_plain_formula
from tests.builders.gadgets import Build, New, call, pickled

DATA = "statsmodels.base.data:PandasData"


@pytest.mark.parametrize(
    "formula",
    ["y ~ a + b", "y ~ C(w > 1) + np.log(w) + I(a**2)", "y ~ a:b + (a + b)**2 - 1", "y~center(a)",
     "log_price ~ 0 + area*rooms", "y ~ 1.5*a"],
)  # fmt: skip
def test_plain_formulas(formula: str) -> None:
    assert is_plain_formula(formula)


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ __import__('os').system('true')", "y ~ f(a)", "y ~ eval (a)", "y ~ a.b", "y ~ a . b",
        "y ~ np.load(a)", "y ~ np", "y ~ 'x'", "y ~ {a}", "y ~ [a]", "y ~ a(1)", "y ~ (a)(b)",
        "y ~ I(9**99)", "y ~ I(9**9**9)", "y ~ a**2 + b**2 + c**2 + d**2", "y ~ C (os.system)",
        "y ~ Q(a)", "y ~ a" + " + a" * 200, "y ~ lambda: a", None, 7, b"y ~ a",
    ],
    ids=lambda formula: str(formula)[:40],
)  # fmt: skip
def test_formulas_that_may_do_more(formula: Any) -> None:
    assert not is_plain_formula(formula)


def verdict(state: dict[str, Any]) -> FileVerdict:
    return scan_bytes(pickled(Build(New(DATA), state)), name="model.pkl").verdict


@pytest.mark.parametrize("key", ["restore_model_spec", "restore_design_info"])
def test_only_what_is_evaluated_is_looked_at(key: str) -> None:
    acts = "y ~ __import__('os').system('true')"

    assert verdict({"formula": acts, "endog": 1}) is FileVerdict.CLEAN
    assert verdict({"formula": acts, key: True, "frame": None}) is FileVerdict.MALICIOUS
    assert verdict({"formula": "y ~ a", key: True, "frame": {"a": 1}}) is FileVerdict.SUSPICIOUS
    assert verdict({"formula": "y ~ a", key: True}) is FileVerdict.SUSPICIOUS
    assert verdict({key: True, "frame": None}) is FileVerdict.MALICIOUS


def test_a_result_may_bring_its_description_and_no_other_special_attribute() -> None:
    def of(state: dict[str, Any]) -> FileVerdict:
        wrapper = New("statsmodels.regression.linear_model:RegressionResultsWrapper")
        return scan_bytes(pickled(Build(wrapper, state)), name="model.pkl").verdict

    assert of({"__doc__": "Results.", "_results": None}) is FileVerdict.CLEAN
    assert of({"__doc__": None}) is FileVerdict.CLEAN
    assert of({"__doc__": call("collections:OrderedDict")}) is FileVerdict.SUSPICIOUS
    assert of({"__setstate__": "Results."}) is FileVerdict.SUSPICIOUS
