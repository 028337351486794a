"""The memory of a process that stays: settled once, when it has all it needs and begins to serve.

A command that ends soon may leave cycles lying, and the command line does. A service may not:
what piled up until the next look would be its size.
"""

from __future__ import annotations

import gc

_LOOKS = (700, 10, 10)
"""CPython's own thresholds: a look for cycles at so many new objects, and every tenth deeper."""


def settle() -> None:
    """Set aside what is here for good, and look for cycles among the rest as often as usual.

    What is set aside is not looked through again, so that a look costs what requests
    left behind and not what the libraries hold. A full look comes when what lives long has
    grown by a quarter: of little, where the libraries are not counted.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_LOOKS)
