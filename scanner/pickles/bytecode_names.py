"""Whether bytecode looks a name up as a global, or only as an attribute of some object.

`model.eval()` and `eval(x)` put the same name into a code object. The instructions tell them
apart; which version of Python they are for, a pickle does not quite say, so the numbers that load
a name or import one are taken together over the versions of one layout.

Source: `Lib/opcode.py` and `Include/opcode_ids.h` of CPython 3.7 to 3.14.
"""

from __future__ import annotations

from typing import Final

METHODS: Final = frozenset({"eval", "compile"})
"""Builtins that run code, and names of ordinary methods: of a torch module, of a pattern."""

_LOADS: Final[dict[bool, dict[int, tuple[int, ...]]]] = {
    # To 3.10: LOAD_NAME, IMPORT_NAME, IMPORT_FROM, LOAD_GLOBAL.
    False: dict.fromkeys((101, 108, 109, 116), (0,)),
    # From 3.11, LOAD_GLOBAL has a bit below the index that tells how a call goes on.
    True: {
        **dict.fromkeys((101, 108, 109, 175, *range(73, 79), 89, 90, 93, 94), (0,)),
        **dict.fromkeys((91, 116), (1,)),
        92: (0, 1),  # LOAD_NAME of 3.13, LOAD_GLOBAL of 3.14
    },
}
"""Instructions that load a name or import one, and how far their argument is shifted."""
_EXTENDED: Final = frozenset({69, 71, 144})
"""EXTENDED_ARG, whose argument stands before the next instruction's."""


def loads(code: bytes, index: int, *, newer: bool) -> bool:
    """Whether an instruction may load the name at this index as a global, or import it.

    `newer` says that the code is for 3.11 or later, which its layout tells.
    """
    known = _LOADS[newer]
    high = 0
    for at in range(0, len(code) - 1, 2):
        operation, low = code[at], code[at + 1]
        # Numbers of EXTENDED_ARG are other instructions elsewhere: both readings count.
        for shift in known.get(operation, ()):
            if index in (low >> shift, (high << 8 | low) >> shift):
                return True
        high = (high << 8 | low) & 0xFFFFFF if operation in _EXTENDED else 0
    return False
