"""Which claims give which roles, and which settings make no sense."""

from __future__ import annotations

from typing import Any

import pytest

from secureload.errors import UsageError
from secureload.gateway.oidc.provider import Grant, Provider, checked
from secureload.gateway.principals import Role
from secureload.gateway.problems import Unauthorised

GRANTS = (
    Grant(roles=("reader",), claims={"groups": "ml-*"}),
    Grant(roles=("reviewer", "auditor"), claims={"groups": "security", "acr": "mfa"}),
    Grant(roles=("requester",), claims={"kubernetes.io/namespace": "training"}),
)


def provider(**changed: Any) -> Provider:
    usual = {"name": "corp", "issuer": "https://login.example.org", "client_id": "secureload"}
    return Provider(**{**usual, "grants": GRANTS, **changed})


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"groups": ["staff", "ml-users"]}, {Role.READER}),
        ({"groups": "ml-users"}, {Role.READER}),
        ({"groups": ["security"], "acr": "mfa"}, {Role.REVIEWER, Role.AUDITOR}),
        ({"groups": ["security"]}, set()),
        ({"groups": ["security", "ml-x"], "acr": "pwd"}, {Role.READER}),
        ({"kubernetes.io": {"namespace": "training"}}, {Role.REQUESTER}),
        ({"kubernetes.io": {"namespace": "other"}}, set()),
        ({"kubernetes.io": "training"}, set()),
        ({"groups": {"ml-x": 1}}, set()),
        ({"groups": [["ml-x"], None]}, set()),
        ({}, set()),
    ],
)
def test_claims_give_roles(claims: dict[str, Any], roles: set[Role]) -> None:
    principal = provider().principal({"sub": "u", **claims})
    assert principal.roles == roles
    assert (principal.name, principal.known) == ("corp:u", True)


@pytest.mark.parametrize("name", [None, 7, "", "a\nb", "x" * 201, ["a"]])
def test_a_token_without_a_name_is_nobodys(name: object) -> None:
    with pytest.raises(Unauthorised):
        provider().principal({"sub": name})


@pytest.mark.parametrize("verified", [None, False, "true", 1])
def test_an_address_that_the_issuer_does_not_stand_by_is_no_name(verified: object) -> None:
    by_email = provider(name_claim="email")
    claims = {"sub": "u", "email": "boss@example.org", "email_verified": verified}
    with pytest.raises(Unauthorised):
        by_email.principal(claims)
    assert by_email.principal({**claims, "email_verified": True}).name == "corp:boss@example.org"


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "http://login.example.org"},
        {"issuer": "login.example.org"},
        {"issuer": "https://login.example.org/?x=1"},
        {"audience": "both"},
        {"client_id": ""},
        {"grants": ()},
    ],
)
def test_settings_that_make_no_sense_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        checked([provider(**changed)])


def test_two_of_a_kind_are_refused() -> None:
    workload = provider(name="ci", issuer="https://ci.example.org", client_id="", audience="us")
    assert len(checked([provider(), workload])) == 2
    for second in (
        provider(name="other"),
        provider(issuer="https://two.example.org"),
        provider(name="two", issuer="https://two.example.org"),
    ):
        with pytest.raises(UsageError):
            checked([provider(), second])
