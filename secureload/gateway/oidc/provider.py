"""An issuer of tokens as the configuration names it, and the roles that its claims give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from secureload.errors import UsageError
from secureload.gateway.principals import Principal, Role
from secureload.gateway.problems import Unauthorised

RoleName = Literal["reader", "requester", "reviewer", "admin", "auditor"]
Text = Annotated[str, msgspec.Meta(min_length=1)]

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Grant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Roles for tokens all of whose claims match.

    A claim's pattern is a glob (`ml-*`); of a list, one item has to match. `a/b` is claim `b`
    inside claim `a`. Without claims there is no match: that would be everyone.
    """

    roles: Annotated[tuple[RoleName, ...], msgspec.Meta(min_length=1)]
    claims: Annotated[dict[Text, Text], msgspec.Meta(min_length=1)]

    def matches(self, claims: Mapping[str, Any]) -> bool:
        """Whether a token with these claims gets the roles."""
        return all(
            any(fnmatchcase(value, pattern) for value in _values(claims, name))
            for name, pattern in self.claims.items()
        )


class Provider(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """One issuer. With `client_id` people sign in through it; without, workloads show tokens."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    """What its accounts' names begin with: `corp:alice@example.org`."""
    issuer: Text
    """Exactly as tokens and the discovery document have it."""
    audience: str = ""
    """Whom a workload's token must be for."""
    client_id: str = ""
    client_secret_file: str = ""
    """A file with the client's secret; none for a public client."""
    scopes: tuple[Text, ...] = ("openid", "email", "profile")
    name_claim: Text = "sub"
    session_hours: Annotated[float, msgspec.Meta(gt=0, le=24)] = 8.0
    """How long a person's sign-in is good; what groups lose is gone after it."""
    grants: tuple[Grant, ...] = ()

    @property
    def for_people(self) -> bool:
        """True where a browser signs in through it."""
        return bool(self.client_id)

    @property
    def expected_audience(self) -> str:
        """What `aud` has to hold."""
        return self.client_id or self.audience

    def check(self) -> None:
        """See that the settings make sense together.

        Raises:
            UsageError: they do not.
        """
        parts = urlsplit(self.issuer)
        plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not (parts.scheme == "https" or plain) or not parts.hostname or parts.query:
            raise UsageError(f"oidc `{self.name}`: the issuer must be an https address")
        if bool(self.client_id) == bool(self.audience):
            raise UsageError(
                f"oidc `{self.name}`: give `clientId` for people, or `audience` for workloads"
            )
        if not self.grants:
            raise UsageError(f"oidc `{self.name}`: without `grants` nobody has a role")

    def secret(self) -> str:
        """The client's secret, read anew so that it can be changed in place.

        Raises:
            UsageError: the file cannot be read.
        """
        if not self.client_secret_file:
            return ""
        try:
            return Path(self.client_secret_file).read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            raise UsageError(f"oidc `{self.name}`: the client's secret cannot be read") from error

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """Who a good token stands for, with the roles of every grant that matches.

        Raises:
            Unauthorised: the token has no name to record.
        """
        name = claims.get(self.name_claim)
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= 200:
            raise Unauthorised(f"the token has no usable claim `{self.name_claim}`")
        if self.name_claim == "email" and claims.get("email_verified") is not True:
            # Anyone may write any address into a profile; the issuer has to stand by it.
            raise Unauthorised("the issuer has not verified this address")
        roles = {role for grant in self.grants if grant.matches(claims) for role in grant.roles}
        return Principal(name=f"{self.name}:{name}", roles=frozenset(map(Role, roles)), known=True)


def checked(providers: Iterable[Provider]) -> tuple[Provider, ...]:
    """Providers that make sense, each alone and together.

    Raises:
        UsageError: one does not, or two have one name, or one issuer and one audience.
    """
    found = tuple(providers)
    for provider in found:
        provider.check()
    for what in ("name", "issuer"):
        values = [getattr(one, what) for one in found]
        if len(set(values)) < len(values):
            raise UsageError(f"oidc: two providers have one {what}")
    if sum(provider.for_people for provider in found) > 1:
        raise UsageError("oidc: people sign in through one provider only")
    return found


def _values(claims: Mapping[str, Any], name: str) -> list[str]:
    """A claim's values as text; `a/b` goes into a claim that holds others."""
    if name in claims:
        value = claims[name]
        items = value if isinstance(value, list) else [value]
        return [_text(item) for item in items if isinstance(item, str | int | bool)]
    head, _, rest = name.rpartition("/")
    inner = claims.get(head)
    return _values(inner, rest) if head and isinstance(inner, dict) else []


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
