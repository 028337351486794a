from __future__ import annotations

import contextlib
from datetime import UTC, datetime

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


# -- revocations ---------------------------------------------------------------------------

WITHDRAWN_ON = "20200701T000000"


def withdrawn(name: str, reason: int) -> tuple[keys.OpenPGPKey, bytes]:
    key = keys.openpgp(name, old=True)
    return key, packets.dearmor(keys.withdrawn(key, reason, WITHDRAWN_ON).public.encode())


def test_a_key_that_nobody_revoked_is_as_it_was() -> None:
    key = keys.openpgp("old", old=True)
    data = packets.dearmor(key.public.encode())
    assert packets.before_retirement(data, key.fingerprint) == ((), data)


@pytest.mark.parametrize("reason", [2, 3])
def test_a_retired_key_comes_back_as_it_was_before(reason: int) -> None:
    key, data = withdrawn("old", reason)
    since, before = packets.before_retirement(data, key.fingerprint)
    assert since == (datetime(2020, 7, 1, tzinfo=UTC),)
    assert before == packets.dearmor(key.public.encode())


@pytest.mark.parametrize("reason", [0, 1])
def test_a_key_revoked_otherwise_does_not(reason: int) -> None:
    key, data = withdrawn("old", reason)
    with pytest.raises(ValueError, match="another reason"):
        packets.before_retirement(data, key.fingerprint)


def test_another_keys_revocation_is_left_alone() -> None:
    key, data = withdrawn("old", 2)
    _, others = withdrawn("other", 1)
    since, before = packets.before_retirement(data + others, key.fingerprint)
    assert len(since) == 1
    assert before.endswith(others)


def test_a_certificate_by_itself_may_be_for_any_key() -> None:
    key, data = withdrawn("old", 2)
    alone = [raw for tag, body, raw in packets._with_raw(data) if body[1:2] == b"\x20"]
    assert packets.before_retirement(alone[0], key.fingerprint)[1] == b""
    assert packets.before_retirement(alone[0], "0" * 40)[1] == b""


@pytest.mark.parametrize("at", [4, 5, 6])
def test_a_damaged_revocation_is_an_error(at: int) -> None:
    key, data = withdrawn("old", 2)
    (raw,) = (raw for tag, body, raw in packets._with_raw(data) if body[1:2] == b"\x20")
    start = raw.index(b"\x04\x20")
    broken = bytearray(raw)
    broken[start + at] ^= 0xFF
    with pytest.raises(ValueError, match="revo"):
        packets.before_retirement(bytes(broken), key.fingerprint)
