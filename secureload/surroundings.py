"""What a gate works with: its policy, its cache, and how it reaches the world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from secureload import sources
from secureload.cache import TrustedCache
from secureload.settings import Settings

if TYPE_CHECKING:
    from secureload import signatures
    from secureload.policy import Policy

Progress = Callable[[str, int, int], None]
"""Called with a label, what is done and what there is to do, both in bytes or files."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Cheap to make, safe to share.

    `token` is what `huggingface_hub` takes (a string, True, False or None), `cache_dir` the
    Hugging Face cache to look in, `offline` forbids the network. `clock` gives the time (UTC) by
    which keys and waivers expire, commits age and evidence is dated.
    """

    policy: Policy
    settings: Settings
    token: str | bool | None = None
    cache_dir: Path | None = None
    offline: bool = False
    progress: Progress | None = None
    clock: Callable[[], datetime] = _utc_now
    cache: TrustedCache = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cache", TrustedCache.of(self.settings, clock=self.clock))

    @property
    def keys_expire_by(self) -> Callable[[], datetime] | None:
        """The clock for gpg and ssh-keygen; None where it is the machine's, which they know."""
        return None if self.clock is _utc_now else self.clock

    @property
    def trust(self) -> signatures.TrustRoots:
        """The trust roots of the policy, read anew.

        Raises:
            PolicyError: one of them is not valid.
        """
        from secureload import signatures

        return signatures.TrustRoots.load(self.policy.trust_roots)

    @property
    def connections(self) -> sources.Context:
        """How a source is asked."""
        return sources.Context(
            settings=self.settings,
            token=self.token,
            offline=self.offline,
            cache_dir=self.cache_dir,
            progress=self.progress,
            known_digest=self.cache.known_digest,
            remember_digest=self.cache.remember_digest,
        )
