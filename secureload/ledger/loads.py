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
) -> None:
    """Write that an admitted folder was handed to a library, or fetched by a client."""
    rows(
        "INSERT INTO loads (id, admission_id, library, class_name, device, client, loaded_at)"
        " VALUES (:id, :admission_id, :library, :class_name, :device, :client, :at)",
        id=uuid.uuid4().hex,
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
