"""`secureload token` makes tokens that are shown once, and ends them."""

from __future__ import annotations

from secureload.settings import Settings
from tests.secureload.cli.shell import Shell


def test_a_token_is_made_listed_and_revoked(shell: Shell) -> None:
    made = shell("token", "create", "ci", "--role", "requester", "--days", "9", "--format", "json")
    text = made.json["token"]
    assert text.startswith("slt_")

    (listed,) = shell("token", "list", "--format", "json").json["tokens"]
    assert (listed["name"], listed["roles"]) == ("ci", ["requester"])
    assert listed["expires_at"]
    home = Settings.from_environment().home
    assert not any(text.encode() in path.read_bytes() for path in home.glob("secureload.db*"))

    assert shell("token", "revoke", listed["id"]).code == 0
    assert "revoked" in shell("token", "list").out
    assert shell("token", "revoke", listed["id"]).code == 2
    assert shell("audit", "verify").code == 0


def test_a_token_needs_a_name_and_a_role(shell: Shell) -> None:
    assert shell("token", "create", "ci").code == 2
    assert shell("token", "create", "ci", "--role", "king").code == 2
    assert shell("token", "create", "two words", "--role", "reader").code == 2
