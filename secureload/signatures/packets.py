"""OpenPGP packets, as far as needed to name the keys in a file (RFC 4880).

gpg verifies; this only tells which primary keys a trust root's file holds, so that a policy
can be checked, and its keys listed, without starting gpg.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime

SIGNATURE, SECRET_KEY, PUBLIC_KEY, SECRET_SUBKEY, USER_ID = 2, 5, 6, 7, 13

_REVOCATIONS = (0x20, 0x28)
"""Classes of signatures that revoke a key or a subkey."""

_CREATED, _REASON = 2, 29
_RETIRED = (1, 3)
"""Reasons of a revocation that say nobody stole the key: superseded, no longer used."""

_BLOCK = re.compile(
    rb"^-----BEGIN (PGP [A-Z ]+)-----[ \t]*\r?\n(?P<inside>.*?)^-----END \1-----",
    re.DOTALL | re.MULTILINE,
)


def dearmor(data: bytes) -> bytes:
    """Concatenate the packets of all armored blocks; binary input passes unchanged.

    Raises:
        ValueError: there is an armored block, and its content is no base64.
    """
    if b"-----BEGIN PGP" not in data:
        return data
    packets = b""
    for block in _BLOCK.finditer(data):
        lines = [line.strip() for line in block["inside"].splitlines()]
        if b"" in lines:
            lines = lines[lines.index(b"") + 1 :]  # armor headers end with an empty line
        body = b"".join(line for line in lines if not line.startswith(b"="))
        try:
            packets += base64.b64decode(body, validate=True)
        except binascii.Error as error:
            raise ValueError("the armor is damaged") from error
    return packets


def packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the tag and body of each packet.

    Raises:
        ValueError: this is no sequence of whole packets.
    """
    at = 0
    while at < len(data):
        tag, start, size = _head(data, at)
        if start + size > len(data):
            raise ValueError("a packet is cut off")
        yield tag, data[start : start + size]
        at = start + size


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    first = data[at]
    if not first & 0x80:
        raise ValueError("not OpenPGP data")
    octets = data[at + 1 : at + 6]
    if first & 0x40:
        tag = first & 0x3F
        if octets and octets[0] < 192:
            return tag, at + 2, octets[0]
        if len(octets) > 1 and octets[0] < 224:
            return tag, at + 3, ((octets[0] - 192) << 8) + octets[1] + 192
        if len(octets) == 5 and octets[0] == 255:
            return tag, at + 6, int.from_bytes(octets[1:], "big")
        raise ValueError("a packet of partial lengths, which keys do not have")
    width = (1, 2, 4, 0)[first & 0x03]
    if not width or len(octets) < width:
        raise ValueError("a packet of unknown length")
    return (first >> 2) & 0x0F, at + 1 + width, int.from_bytes(octets[:width], "big")


def fingerprint(body: bytes) -> str:
    """The fingerprint of a version 4 public key packet, in upper-case hex.

    Raises:
        ValueError: the key is of another version.
    """
    if body[:1] != b"\x04":
        raise ValueError(f"a key of version {body[0] if body else '?'}; only 4 is supported")
    head = b"\x99" + len(body).to_bytes(2, "big")
    return hashlib.sha1(head + body, usedforsecurity=False).hexdigest().upper()


def primary_keys(data: bytes) -> dict[str, str]:
    """Map each primary key's fingerprint to its first user id.

    Raises:
        ValueError: the data holds no public key, or a secret one.
    """
    found: dict[str, str] = {}
    last = ""
    for tag, body in packets(data):
        if tag in (SECRET_KEY, SECRET_SUBKEY):
            raise ValueError("holds a secret key; export the public one")
        if tag == PUBLIC_KEY:
            last = fingerprint(body)
            found.setdefault(last, "")
        elif tag == USER_ID and last and not found[last]:
            found[last] = body.decode("utf-8", "replace")
    if not found:
        raise ValueError("holds no OpenPGP public key")
    return found


def before_retirement(data: bytes, key: str) -> tuple[tuple[datetime, ...], bytes]:
    """When a key and its subkeys were revoked, and the data without those revocations.

    Nothing here is verified: that a key is revoked is for gpg to say. A revocation that is
    no genuine one can only be refused here, or bring the date forward.

    Raises:
        ValueError: a revocation is damaged, or does not say that nobody stole the key.
    """
    since: list[datetime] = []
    kept: list[bytes] = []
    primary = ""
    for tag, body, raw in _with_raw(data):
        if tag == PUBLIC_KEY:
            primary = fingerprint(body)
        revokes = tag == SIGNATURE and len(body) > 1 and body[1] in _REVOCATIONS
        # A certificate by itself, without the key before it, may be for any key.
        if not revokes or primary not in ("", key):
            kept.append(raw)
            continue
        created, reason = _revocation(body)
        if reason not in _RETIRED:
            raise ValueError("revoked for another reason than that it was retired")
        since.append(created)
    return tuple(since), b"".join(kept)


def _with_raw(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    at = 0
    for tag, body in packets(data):
        _, start, size = _head(data, at)
        yield tag, body, data[at : start + size]
        at = start + size


def _revocation(body: bytes) -> tuple[datetime, int | None]:
    """When a revocation was made, and the code of its reason if it gives one."""
    if body[:1] != b"\x04":
        raise ValueError("a revocation of another version than 4")
    size = int.from_bytes(body[4:6], "big")
    created, reason = None, None
    for kind, value in _subpackets(body[6 : 6 + size]):
        if kind == _CREATED and len(value) == 4:
            created = datetime.fromtimestamp(int.from_bytes(value, "big"), UTC)
        elif kind == _REASON and value:
            reason = value[0]
    if created is None:
        raise ValueError("a revocation without a date")
    return created, reason


def _subpackets(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        first = data[at]
        if first < 192:
            size, start = first, at + 1
        elif first < 255:
            low = int.from_bytes(data[at + 1 : at + 2], "big")
            size, start = ((first - 192) << 8) + low + 192, at + 2
        else:
            size, start = int.from_bytes(data[at + 1 : at + 5], "big"), at + 5
        if not size or start + size > len(data):
            raise ValueError("a revocation is damaged")
        yield data[start] & 0x7F, data[start + 1 : start + size]
        at = start + size
