"""Options that several verbs share, said in the same words everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

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
