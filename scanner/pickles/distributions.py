"""Distributions of scipy's: with which state setting one is harmless.

`rv_generic.__setstate__` updates `__dict__`, then calls `self._attach_methods()`, which runs
the text in `_parse_arg_template` as Python. So a state holds no attribute but those that scipy
writes, and that text is the one that scipy makes from the names of a distribution's parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scanner.patterns import pattern
from scanner.pickles.values import DictValue, Global, Value

if TYPE_CHECKING:
    from scanner.pickles.allowlist import Allowlist

_ATTRIBUTES: Final = frozenset(
    """__doc__ _ctor_param _parse_arg_template _random_state _rvs_size_warned
    _rvs_uses_size_attribute _stats_has_moments _support a b badvalue extradoc inc moment_tol
    moment_type name numargs shapes vecentropy xtol""".split()  # noqa: SIM905
)
_TEXT: Final = pattern(
    r"\ndef _parse_args\(self, (?P<names>(?:[A-Za-z_]\w{0,40}, ){0,12}) "
    r"(?P<given>loc=0(?:, scale=1)?)\):"
    r"\n    return \((?P=names)\), (?P<taken>loc, (?:scale|1))\n"
    r"\ndef _parse_args_rvs\(self, (?P=names) (?P=given), size=None\):"
    r"\n    return self\._argcheck_rvs\((?P=names) (?P=taken), size=size\)\n"
    r"\ndef _parse_args_stats\(self, (?P=names) (?P=given), moments='mv'\):"
    r"\n    return \((?P=names)\), (?P=taken), moments\n"
)
"""The three functions that scipy writes: they return their own arguments."""


def state(given: Value, allow: Allowlist) -> str | None:
    """A dict of a distribution's known attributes, with the text that scipy writes."""
    if not isinstance(given, DictValue):
        return "its state is not a dict of attributes"
    texts = 0
    for key, value in zip(given[::2], given[1::2], strict=False):
        if not isinstance(key, str) or key not in _ATTRIBUTES:
            return "its state sets what is no attribute of a distribution"
        if key == "_parse_arg_template":
            texts += 1
            if not isinstance(value, str) or _TEXT.fullmatch(value) is None:
                return "the text that makes its methods, which it runs, is not scipy's"
        elif isinstance(value, Global):
            return f"its attribute {key} is a global"
    return None if texts == 1 else "the text that makes its methods is not there"
