"""What the environment says: where the cache lies, which endpoint, which policy.

Read once per call, never at import, so that tests and long-lived services may change it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from scanner.frozen import dataclass, field

_TRUE = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The environment at one moment.

    `home` is `$SECURELOAD_HOME` (default: the user's cache folder), `endpoint` is
    `$HF_ENDPOINT`, `policy` is `$SECURELOAD_POLICY`, `offline` is `$HF_HUB_OFFLINE`. Where
    several machines share a ledger and content, `database` is `$SECURELOAD_DATABASE` and
    `storage` is `$SECURELOAD_STORAGE`, a folder or bucket as fsspec names it.
    """

    home: Path
    endpoint: str
    policy: str
    offline: bool
    database: str = field(default="", repr=False)
    storage: str = ""

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the environment now."""
        env = os.environ
        home = env.get("SECURELOAD_HOME") or _cache_folder()
        return cls(
            home=Path(home).expanduser().absolute(),
            endpoint=(env.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/"),
            policy=env.get("SECURELOAD_POLICY") or "default",
            offline=any(
                env.get(name, "").lower() in _TRUE
                for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
            ),
            database=env.get("SECURELOAD_DATABASE") or "",
            storage=(env.get("SECURELOAD_STORAGE") or "").rstrip("/"),
        )


def version() -> str:
    """The installed version; a marker when run from a checkout that nobody installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("secureload")
    except PackageNotFoundError:
        return "0+not-installed"


def _cache_folder() -> str:
    """The user's cache folder for this program."""
    if sys.platform == "linux" and not os.environ.get("XDG_CACHE_HOME"):
        # What platformdirs says here, without importing it at every start.
        return os.path.expanduser("~/.cache/secureload")  # noqa: PTH111
    import platformdirs

    return platformdirs.user_cache_dir("secureload")
