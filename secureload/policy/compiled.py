"""Shipped policies in compiled form, as Python keeps its modules: no YAML parser to start.

Most scans ask for a shipped policy and need a few settings of it. Reading one takes the
libraries for YAML and for its validation, which cost more than a small scan; so what was read
is kept in this package's `__pycache__`, beside the compiled modules and trusted as they are.
It counts only for the very bytes of the policies and of the modules that read them.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from secureload.flow import PolicyId, Source

if TYPE_CHECKING:
    import datetime as dt

    from secureload.policy.topics import Topics
    from secureload.policy.waivers import Waiver
    from secureload.settings import Settings

SHIPPED = ("default", "strict", "research")
"""Names that stand for policies inside the package."""

_HERE = Path(__file__).parent
_FILE = _HERE / "__pycache__" / "shipped.json"
_READERS = ("topics.py", "document.py", "compiled.py", "../documents.py")


class CompiledPolicy:
    """A shipped policy as `judge_report` and `scan_options` need it; it has neither rules nor
    waivers."""

    waivers: tuple[Waiver, ...] = ()
    today: dt.date | None = None

    def __init__(self, name: str, digest: str, topics: Any) -> None:
        self.id = PolicyId(name=name, digest=digest)
        self.base = cast("Topics", topics)
        self.mode = self.base.mode

    def topics(self, source: Source) -> Topics:
        """The settings for one source, which for a shipped policy are those for all."""
        return self.base


def shipped_folder() -> Path:
    """Where the shipped policies lie: in the installed package, or beside it in a checkout."""
    package = _HERE.parent
    installed = package / "policies"
    return installed if installed.is_dir() else package.parent / "policies"


def compiled(name: str, settings: Settings) -> CompiledPolicy | None:
    """The shipped policy of this name, if it was compiled from what lies there now.

    None also where trust roots or waivers of the user's own belong to it.
    """
    # Without the folders there are none; with them, they are part of the policy's digest.
    own = (settings.home / "trust", settings.home / "waivers")
    if name not in SHIPPED or any(os.path.lexists(folder) for folder in own):
        return None
    kept = _kept()
    one = getattr(kept, name, None)
    return None if one is None else CompiledPolicy(name, one.digest, one.topics)


def compile_shipped() -> None:
    """Read the shipped policies and keep them, where the package may be written to."""
    import msgspec

    from secureload.policy.document import shipped

    if sys.dont_write_bytecode or _kept() is not None:
        return
    kept: dict[str, Any] = {"sources": _sources()}
    for name in SHIPPED:
        policy = shipped(name)
        kept[name] = {"digest": policy.id.digest, "topics": _plain(policy.base, msgspec.Struct)}
    temporary = _FILE.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError, TypeError):  # what JSON cannot say is read as YAML
        _FILE.parent.mkdir(exist_ok=True)
        temporary.write_text(json.dumps(kept), "utf-8")
        temporary.replace(_FILE)


def _kept() -> SimpleNamespace | None:
    """What was compiled, if it was from what lies there now."""
    try:
        kept: SimpleNamespace = json.loads(_FILE.read_bytes(), object_hook=_namespace)
        return kept if kept.sources == _sources() else None
    except (OSError, ValueError, AttributeError):
        return None


def _sources() -> str:
    """The policies and the modules that read them, whole: a digest takes longer to import."""
    folder = shipped_folder()
    policies = [folder / f"{name}.yaml" for name in SHIPPED]
    paths = (*policies, *(_HERE / reader for reader in _READERS))
    return "\0".join(path.read_bytes().decode("latin-1") for path in paths)


def _namespace(pairs: dict[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(
        **{key: tuple(value) if isinstance(value, list) else value for key, value in pairs.items()}
    )


def _plain(value: Any, struct: type) -> Any:
    if isinstance(value, struct):
        names: tuple[str, ...] = value.__struct_fields__  # type: ignore[attr-defined]
        return {name: _plain(getattr(value, name), struct) for name in names}
    if isinstance(value, tuple):
        return [_plain(one, struct) for one in value]
    return value
