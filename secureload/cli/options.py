"""Options that several verbs share, said in the same words everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from secureload.settings import Settings

if TYPE_CHECKING:
    from secureload.policy import Policy
    from secureload.policy.compiled import CompiledPolicy

_F = TypeVar("_F", bound=Callable[..., Any])


def policy_option(function: _F) -> _F:
    """`--policy NAME|FILE`."""
    return click.option(
        "--policy",
        "policy_name",
        metavar="NAME|FILE",
        help="default, strict, research, or a policy file. [$SECURELOAD_POLICY, else default]",
    )(function)


def format_option(*names: str) -> Callable[[_F], _F]:
    """`--format` with these choices, the first the default."""
    return click.option(
        "--format",
        "format_",
        type=click.Choice(names),
        default=names[0],
        show_default=True,
        help="How to print the answer.",
    )


def trust_root_option(function: _F) -> _F:
    """`--trust-root FILE`, repeatable."""
    return click.option(
        "--trust-root",
        "trust_roots",
        multiple=True,
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A trust root besides those of the policy (repeatable).",
    )(function)


def quiet_option(function: _F) -> _F:
    """`--quiet`."""
    return click.option("--quiet", "-q", is_flag=True, help="No progress, no closing words.")(
        function
    )


def load_policy(name: str | None, trust_roots: tuple[Path, ...] = ()) -> Policy:
    """Load the policy asked for, trusting these roots as well.

    Raises:
        PolicyError: it is missing or not valid.
    """
    from secureload.policy import load, with_trust_roots

    policy = load(name, Settings.from_environment())
    return with_trust_roots(policy, trust_roots) if trust_roots else policy


def load_policy_for_files(name: str | None) -> Policy | CompiledPolicy:
    """Load the policy asked for as far as judging files needs it: compiled, if it is shipped.

    Raises:
        PolicyError: it is missing or not valid.
    """
    from secureload.policy.compiled import SHIPPED, compile_shipped, compiled

    settings = Settings.from_environment()
    asked = name if name is not None else settings.policy
    known = compiled(asked, settings)
    if known is not None:
        return known
    policy = load_policy(name)
    if asked in SHIPPED:
        compile_shipped()
    return policy
