"""Regular expressions that are compiled when they are first used.

Compiling those of all readers takes longer than most scans, and few files need many of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, AnyStr

if TYPE_CHECKING:

    def pattern(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
        """A regular expression, compiled at its first use."""
        raise NotImplementedError
else:

    class pattern:  # noqa: N801  to its callers it is a function
        """A regular expression, compiled at its first use."""

        def __init__(self, source: AnyStr, flags: int = 0) -> None:
            self._given = source, flags

        def __getattr__(self, name: str) -> Any:
            # Asked only for what is not there yet, so once for each method.
            found = getattr(re.compile(*self._given), name)
            setattr(self, name, found)
            return found
