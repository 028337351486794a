"""The sandbox tier in which the files behind a verdict were read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; verdicts from before were taken outside any sandbox."""
    with op.batch_alter_table("verdicts", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("confinement", sa.Text(), nullable=False, server_default="none")
        )
