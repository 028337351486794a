"""How one service is set up; made once at its start."""

from __future__ import annotations

from dataclasses import dataclass, field

from secureload.gateway.limits import Limits
from secureload.gateway.oidc.provider import Provider
from secureload.gateway.principals import Role
from secureload.settings import Settings

OPEN = frozenset({Role.READER, Role.REQUESTER})
"""What whoever asks may do on a loopback address while there are no tokens."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings of a service. Times are in seconds, sizes in bytes.

    `settings.endpoint` is the hub behind it, `settings.home` where the trusted cache lies.
    """

    settings: Settings
    policy: str
    upstream_token: str = field(default="", repr=False)
    """Fetches for everyone; who may read what is checked with each client's own token."""
    anonymous: frozenset[Role] = OPEN
    public_url: str = ""
    """What clients call the service, where a proxy hides it; empty: what each request says."""

    wait: float = 8.0
    """How long a request waits for an admission: the Hub's clients give up after 10."""
    workers: int = 2
    """Worker processes at once."""
    queue: int = 1_000
    """Jobs that may wait; further ones are turned away."""
    job_seconds: float = 6 * 3_600.0
    """When a worker is taken to hang."""
    refresh: float = 60.0
    """How long the hub's answer to where a branch leads, and who may read, is good for."""
    refusal: float = 600.0
    """How long a refusal stands before a request has it judged anew."""
    upload_bytes: int = 2 << 30
    """Largest upload to scan, all files together."""
    shutdown: float = 20.0
    """How long requests in progress may take once the service is told to end."""
    limits: Limits = field(default_factory=Limits)
    """What one client may take."""
    oidc: tuple[Provider, ...] = ()
    """Issuers whose tokens let people and workloads in."""
