"""The policy that a command line asks for, by name or as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secureload.policy import Policy
    from secureload.policy.compiled import CompiledPolicy


def load_policy(name: str | None, trust_roots: tuple[Path, ...] = ()) -> Policy:
    """Load the policy asked for, trusting these roots as well.

    Raises:
        PolicyError: it is missing or not valid.
    """
    from secureload.policy import load, with_trust_roots
    from secureload.settings import Settings

    policy = load(name, Settings.from_environment())
    return with_trust_roots(policy, trust_roots) if trust_roots else policy


def load_policy_for_files(name: str | None) -> Policy | CompiledPolicy:
    """Load the policy asked for as far as judging files needs it: compiled, if it is shipped.

    Raises:
        PolicyError: it is missing or not valid.
    """
    from secureload.policy.compiled import SHIPPED, compile_shipped, compiled
    from secureload.settings import Settings

    settings = Settings.from_environment()
    asked = name if name is not None else settings.policy
    known = compiled(asked, settings)
    if known is not None:
        return known
    policy = load_policy(name)
    if asked in SHIPPED:
        compile_shipped()
    return policy
