"""What was handed out: a row for each load, and one of the audit log."""

from __future__ import annotations

import uuid

from secureload.ledger import chain
from secureload.ledger.plain import Rows


def record(
    rows: Rows,
    admission_id: str,
    library: str,
    class_name: str,
    device: str | None,
    at: str,
    *,
    client: str | None = None,
) -> str:
    """Write that an admitted folder was handed to a library, or fetched by a client.

    Returns the row's id, for `placed`.
    """
    load_id = uuid.uuid4().hex
    rows(
        "INSERT INTO loads (id, admission_id, library, class_name, device, client, loaded_at)"
        " VALUES (:id, :admission_id, :library, :class_name, :device, :client, :at)",
        id=load_id,
        admission_id=admission_id,
        library=library,
        class_name=class_name,
        device=device,
        client=client,
        at=at,
    )
    detail = {"library": library, "class": class_name, "device": device}
    if client is not None:
        detail["client"] = client
    chain.append(rows, at, "loaded", admission_id, detail)
    return load_id


def placed(rows: Rows, load_id: str, device: str, at: str) -> None:
    """Write to which device a recorded load came, where that was not known when it began."""
    rows("UPDATE loads SET device = :device WHERE id = :id", id=load_id, device=device)
    for row in rows("SELECT admission_id, class_name FROM loads WHERE id = :id", id=load_id):
        detail = {"class": row.class_name, "device": device}
        chain.append(rows, at, "placed", row.admission_id, detail)
