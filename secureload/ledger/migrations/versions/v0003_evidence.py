"""Evidence of an admission, who decided it, and each use of a waiver."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what admissions made before this do not have: no evidence, decided here."""
    op.add_column(
        "admissions", sa.Column("evidence", sa.Text(), server_default="[]", nullable=False)
    )
    op.add_column("admissions", sa.Column("verifier", sa.Text(), server_default="", nullable=False))
    op.create_table(
        "waiver_uses",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("verdict_id", sa.Text(), nullable=False),
        sa.Column("waiver", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("used_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["verdict_id"], ["verdicts.id"], name=op.f("fk_waiver_uses_verdict_id_verdicts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiver_uses")),
    )
    with op.batch_alter_table("waiver_uses", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_waiver_uses_waiver"), ["waiver"], unique=False)
