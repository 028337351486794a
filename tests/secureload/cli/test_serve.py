"""`secureload serve` starts only where it is clear who may ask, and says why it does not."""

from __future__ import annotations

import socket

import pytest

from tests.secureload.cli.shell import Shell


def test_an_open_address_needs_a_token_or_a_word(shell: Shell) -> None:
    refused = shell("serve", "--host", "0.0.0.0", "--port", "0")
    assert refused.code == 2
    assert "token create" in refused.err


def test_a_port_that_is_taken_is_said(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = shell("serve", "--port", str(taken.getsockname()[1]))
    assert refused.code == 2
    assert "cannot listen" in refused.err


def test_a_policy_that_is_not_valid_stops_the_start(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = shell("serve", "--port", "0", "--policy", "absent")
    assert refused.code == 2
    assert "no policy `absent`" in refused.err


@pytest.mark.parametrize("upstream", ["ftp://hub.example", "hub.example", "https://", "http://a b"])
def test_what_is_no_address_of_a_hub_stops_the_start(shell: Shell, upstream: str) -> None:
    refused = shell("serve", "--port", "0", "--upstream", upstream)
    assert refused.code == 2
    assert "no address of a hub" in refused.err
