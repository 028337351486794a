from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureload.signatures import packets
from tests.servers import keys


@pytest.mark.parametrize("algorithm", ["ed25519", "rsa2048"])
def test_fingerprints_are_those_that_gpg_computes(algorithm: str) -> None:
    key = keys.openpgp("measured", algorithm=algorithm, subkey=True)

    found = packets.primary_keys(packets.dearmor(key.public.encode()))

    assert found == {key.fingerprint: "measured <measured@example.org>"}


def test_several_armored_blocks_are_read_as_one() -> None:
    alice, bob = keys.openpgp("alice"), keys.openpgp("bob")

    found = packets.primary_keys(packets.dearmor((alice.public + "text\n" + bob.public).encode()))

    assert set(found) == {alice.fingerprint, bob.fingerprint}


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_armor_and_binary_are_the_same_keys(ending: str) -> None:
    armored = keys.openpgp("alice").public.replace("\n", ending).encode()
    binary = packets.dearmor(armored)

    assert packets.dearmor(binary) == binary
    assert packets.primary_keys(binary)


def test_a_secret_key_is_refused() -> None:
    key = keys.openpgp("alice")
    secret = keys._gpg("--armor", "--export-secret-keys", key.fingerprint)

    with pytest.raises(ValueError, match="secret"):
        packets.primary_keys(packets.dearmor(secret))


@given(st.binary())
def test_any_bytes_are_keys_or_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        packets.primary_keys(packets.dearmor(data))


@given(st.data())
def test_a_cut_key_is_never_a_traceback(data: st.DataObject) -> None:
    whole = packets.dearmor(keys.openpgp("alice").public.encode())
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]

    with contextlib.suppress(ValueError):
        assert set(packets.primary_keys(part)) == {keys.openpgp("alice").fingerprint}
