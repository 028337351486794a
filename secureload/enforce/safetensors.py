"""`safetensors.safe_open`: a file outside the trusted cache is judged before it is opened.

The format runs nothing; this keeps out what the policy refuses for other reasons, such as a
local file where only signed repositories are allowed.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from secureload.enforce import state
from secureload.enforce.divert import rebind
from secureload.enforce.imports import FINDER


def install() -> None:
    """Gate the opener as soon as safetensors is loaded."""
    FINDER.add("safetensors", _hook)


def _hook(module: ModuleType) -> None:
    rust = module._safetensors_rust
    for name in ("safe_open", "_safe_open_handle"):
        original = getattr(rust, name, None)
        if original is not None and not hasattr(original, "_secureload_inner"):
            gated = _gated(original, name)
            setattr(rust, name, gated)
            setattr(module, name, gated)
            rebind(original, gated)


def _gated(original: Any, name: str) -> Any:
    class Opener:
        """The opener that judges before it opens; what it gives is the original's."""

        _secureload_inner = original

        def __new__(cls, filename: Any, *args: Any, **options: Any) -> Any:
            if not state.doing.inside:
                from secureload.enforce import judge

                judge.file(filename)
            return original(filename, *args, **options)

    Opener.__name__ = Opener.__qualname__ = name
    return Opener
