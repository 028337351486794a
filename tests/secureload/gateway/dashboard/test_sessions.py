"""Sessions: the key is whole, shared where it must be, and the cookie is as strict as can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from secureload.cache.layout import Layout
from secureload.errors import UsageError
from secureload.gateway.dashboard.sessions import VARIABLE, Session, Sessions
from secureload.gateway.principals import LedgerTokens
from secureload.ledger.database import Database


def sessions(home: Path, *, secure: bool = False) -> Sessions:
    layout = Layout(home)
    layout.create()
    ledger = Database(layout.database, layout.locks / "ledger.lock")
    return Sessions(home, ledger, LedgerTokens(ledger, frozenset()), secure=secure)


def scope(header: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"headers": [(b"cookie", header[1].partition(b";")[0])]}


def test_what_one_front_end_gave_another_of_the_same_home_reads(tmp_path: Path) -> None:
    first, second = sessions(tmp_path), sessions(tmp_path)
    given = Session(nonce="n", token="t")
    assert second.read(scope(first.header(given))) == given
    assert second.proof(given) == first.proof(given)
    assert (tmp_path / "session.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob(".session*")] == []


def test_front_ends_of_other_homes_share_a_key_by_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Session(nonce="n", token="t")
    one, other = sessions(tmp_path / "one"), sessions(tmp_path / "other")
    assert other.read(scope(one.header(given))).fresh
    monkeypatch.setenv(VARIABLE, "ab" * 32)
    one, other = sessions(tmp_path / "one"), sessions(tmp_path / "other")
    assert other.read(scope(one.header(given))) == given
    for bad in ("ab" * 31, "no hex"):
        monkeypatch.setenv(VARIABLE, bad)
        with pytest.raises(UsageError):
            sessions(tmp_path / "one")


def test_a_key_that_was_cut_is_noticed(tmp_path: Path) -> None:
    sessions(tmp_path)
    (tmp_path / "session.key").write_bytes(b"short")
    with pytest.raises(UsageError):
        sessions(tmp_path)


def test_behind_tls_the_cookie_is_for_this_host_alone(tmp_path: Path) -> None:
    plain = sessions(tmp_path).header(Session(nonce="n"))[1].decode()
    strict = sessions(tmp_path, secure=True).header(Session(nonce="n"))[1].decode()
    assert strict.startswith("__Host-")
    assert "Path=/; " in strict
    assert strict.endswith("SameSite=Strict; Secure")
    assert "Secure" not in plain
