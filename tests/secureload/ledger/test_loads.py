"""A load is a row of its own and one of the audit log, whichever way the ledger is asked."""

from __future__ import annotations

from pathlib import Path

from secureload.ledger import audit, loads, plain
from secureload.ledger.database import Database


def test_loads_by_either_way_make_one_chain(tmp_path: Path) -> None:
    ledger = Database(tmp_path / "secureload.db", tmp_path / "ledger.lock")
    ledger.create()
    for number in range(6):
        told = (f"{number}" * 64, "transformers", "AutoModel", "cpu", f"t{number}")
        if number % 2:
            with ledger.write() as session:
                loads.record(plain.of_session(session), *told)
        else:
            with plain.transaction(ledger.path, write=True) as rows:
                loads.record(rows, *told, client=f"client-{number}")
    with ledger.read() as session:
        assert list(audit.verify(session)) == []
        assert audit.checkpoint(session).count == 6
    with plain.transaction(ledger.path) as rows:
        found = rows("SELECT admission_id, device, client FROM loads ORDER BY loaded_at")
        logged = rows("SELECT subject, event, detail FROM audit ORDER BY sequence")
    assert [row.client for row in found] == [
        None if number % 2 else f"client-{number}" for number in range(6)
    ]
    assert [row.subject for row in logged] == [row.admission_id for row in found]
    assert {row.event for row in logged} == {"loaded"}
    assert all(('"client"' in row.detail) is (number % 2 == 0) for number, row in enumerate(logged))


def test_a_load_that_is_not_committed_leaves_no_link(tmp_path: Path) -> None:
    ledger = Database(tmp_path / "secureload.db", tmp_path / "ledger.lock")
    ledger.create()
    told = ("a" * 64, "transformers", "AutoModel", "cpu", "t")
    try:
        with plain.transaction(ledger.path, write=True) as rows:
            loads.record(rows, *told)
            raise RuntimeError
    except RuntimeError:
        pass
    with ledger.write() as session:
        loads.record(plain.of_session(session), *told)
    with ledger.read() as session:
        assert list(audit.verify(session)) == []
        assert audit.checkpoint(session).count == 1


def test_the_device_that_a_load_came_to_is_written_afterwards(tmp_path: Path) -> None:
    ledger = Database(tmp_path / "secureload.db", tmp_path / "ledger.lock")
    ledger.create()
    with plain.transaction(ledger.path, write=True) as rows:
        other = loads.record(rows, "b" * 64, "transformers", "AutoModel", "cpu", "t0")
        first = loads.record(rows, "a" * 64, "transformers", "AutoModel", None, "t1")
        loads.placed(rows, first, "cuda:0", "t2")
        loads.placed(rows, "no such load", "cuda:1", "t3")
    with ledger.read() as session:
        assert list(audit.verify(session)) == []
    with plain.transaction(ledger.path) as rows:
        found = {row.id: row.device for row in rows("SELECT id, device FROM loads")}
        logged = rows("SELECT subject, event, detail FROM audit ORDER BY sequence")
    assert found == {other: "cpu", first: "cuda:0"}
    assert [(row.event, row.subject[0]) for row in logged] == [
        ("loaded", "b"),
        ("loaded", "a"),
        ("placed", "a"),
    ]
    assert "cuda:0" in logged[-1].detail
