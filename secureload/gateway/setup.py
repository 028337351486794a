"""How `serve` and `worker` are set up by a file and by variables; the command line goes first.

The file is a document (`kind: Service` or `Worker`), whose keys are the command's own options,
and for a service a few topics beside them. An unknown key is an error with its line, an unknown
variable one with its name: a limit that is misspelt must not be a limit that is absent.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import GenericAlias
from typing import Any, Literal

import click
import msgspec

from secureload.documents import Metadata, load_document
from secureload.errors import UsageError
from secureload.gateway.limits import Limits
from secureload.gateway.oidc.provider import Provider, checked

_KINDS = {"serve": "Service", "worker": "Worker"}
"""The kind of document for each command."""

_ONLY_HERE = frozenset({"config", "help"})
"""Options that make no sense in the file."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a file says: `options` by the names of the command's parameters, and topics."""

    options: Mapping[str, Any]
    limits: Limits = field(default_factory=Limits)
    oidc: tuple[Provider, ...] = ()


def read(path: Path, command: click.Command) -> Setup:
    """Read a file.

    Raises:
        PolicyError: it cannot be read, or is not of this shape; with `file:line:`.
    """
    options = {long_name(one): one for one in command.params if long_name(one) not in _ONLY_HERE}
    kind = _KINDS[str(command.name)]
    topics = [("limits", Limits, Limits()), ("oidc", GenericAlias(tuple, (Provider, ...)), ())]
    spec = msgspec.defstruct(
        "Spec",
        [
            *(
                (name, _type(one) | msgspec.UnsetType, msgspec.UNSET)
                for name, one in options.items()
            ),
            *(topics if kind == "Service" else ()),
        ],
        rename="camel",
        forbid_unknown_fields=True,
        frozen=True,
        kw_only=True,
    )
    shape = msgspec.defstruct(
        "Document",
        [
            ("apiVersion", str),
            ("kind", Literal[(kind,)]),
            ("metadata", Metadata),
            ("spec", spec),
        ],
        forbid_unknown_fields=True,
        frozen=True,
        kw_only=True,
    )
    said: Any = load_document(path, shape)
    found = {str(one.name): getattr(said.spec, name) for name, one in options.items()}
    given = {name: value for name, value in found.items() if value is not msgspec.UNSET}
    if kind != "Service":
        return Setup(options=given)
    return Setup(options=given, limits=said.spec.limits, oidc=checked(said.spec.oidc))


def long_name(option: click.Parameter) -> str:
    """An option's name as in `--long-name`, with `_` for `-`."""
    return next(
        (text[2:].replace("-", "_") for text in option.opts if text.startswith("--")),
        str(option.name),
    )


def check_variables(command: click.Command, environment: Iterable[str] = os.environ) -> None:
    """Refuse variables that look like options of the command, and are none.

    Raises:
        UsageError: there is one.
    """
    verb = str(command.name)
    known = {f"SECURELOAD_{verb}_{long_name(one)}".upper() for one in command.params}
    for name in sorted(environment):
        if name.startswith(f"SECURELOAD_{verb}_".upper()) and name not in known:
            close = difflib.get_close_matches(name, sorted(known), n=1)
            raise UsageError(
                f"the variable {name} sets no option of `secureload {verb}`",
                hint=f"did you mean {close[0]}?"
                if close
                else f"`secureload {verb} --help` has them",
            )


def _type(option: click.Parameter) -> Any:
    kind = option.type
    if isinstance(kind, click.IntRange | click.types.IntParamType):
        found: Any = int
    elif isinstance(kind, click.FloatRange | click.types.FloatParamType):
        found = float
    elif isinstance(kind, click.types.BoolParamType):
        found = bool
    elif isinstance(kind, click.Choice):
        found = Literal[tuple(kind.choices)]
    else:
        found = str
    return GenericAlias(tuple, (found, ...)) if getattr(option, "multiple", False) else found
