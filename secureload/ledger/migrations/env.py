"""Where Alembic gets its connection: from the ledger that is being opened."""

from __future__ import annotations

from alembic import context

from secureload.ledger.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
