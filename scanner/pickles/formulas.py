"""Formulas of statsmodels: with which state a model's data is harmless.

`ModelData.__setstate__` makes the design matrix anew when it was made by a formula: patsy or
formulaic evaluates the formula's terms as Python over the columns of a table. So a formula that
would be evaluated holds names, numbers, operators and a few functions of numpy and patsy alone,
and the table is one of pandas, whose columns are no functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scanner.patterns import pattern
from scanner.pickles.danger import EVALUATED
from scanner.pickles.predicates import is_made_by
from scanner.pickles.shapes import attributes
from scanner.pickles.values import DictValue, Value

if TYPE_CHECKING:
    from scanner.pickles.allowlist import Allowlist

_ASKED: Final = ("restore_model_spec", "restore_design_info")
"""Attributes by which newer and older releases ask for it."""
_TABLE: Final = ("pandas.core.frame.DataFrame", "pandas.DataFrame")
_LONGEST: Final = 500
_WHOLE: Final = pattern(
    r"(?:\s|[~+*:/|,()<>-]"
    r"|(?:C|I|center|scale|standardize|np\.(?:log|log2|log10|log1p|exp|expm1|sqrt|abs|square))\s*\("
    r"|(?!np\b)[A-Za-z_]\w*(?!\s*\()(?![\w.])|\d+(?:\.\d+)?(?![\w.]))+"
)
_MORE: Final = pattern(r"__|\)\s*\(|\b(?:lambda|yield|await|import|for)\b")
_POWER: Final = pattern(r"\*\*")
_SMALL_POWER: Final = pattern(r"\*\*\s*\d(?![\d.])(?!\s*\*\*)")
_POWERS: Final = 3
"""Powers in one formula: each is of one digit, so that no number or matrix gets large."""


def state(given: Value, allow: Allowlist) -> str | None:
    """Attributes by name; what is evaluated of them is a plain formula over a table of pandas."""
    said = attributes(given, allow)
    if said is not None or not isinstance(given, DictValue):
        return said or "its state is not a dict of attributes"
    if not any(key in _ASKED for key in given[::2]):
        return None
    keys = [key for key in given[::2] if isinstance(key, str)]
    if len(keys) != len(set(keys)):
        return "its state sets an attribute twice"
    if not is_plain_formula(given.get("formula")):
        return f"its formula, {EVALUATED}, holds more than names and arithmetic"
    tables = ("frame",) if "frame" in keys else ("orig_endog", "orig_exog")
    if not all(is_made_by(given.get(key), *_TABLE) for key in tables):
        return "what its formula is evaluated over is no table of pandas"
    return None


def is_plain_formula(formula: Value) -> bool:
    """Whether a formula is text of names, numbers, operators and known functions."""
    if not isinstance(formula, str) or len(formula) > _LONGEST or _MORE.search(formula):
        return False
    powers = len(_POWER.findall(formula))
    return (
        _WHOLE.fullmatch(formula) is not None
        and powers <= _POWERS
        and powers == len(_SMALL_POWER.findall(formula))
    )
