"""What the service keeps: recalls, hub revisions, jobs, tokens, reviews; who fetched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def upgrade() -> None:
    """Create the tables."""
    with op.batch_alter_table("loads", schema=None) as batch_op:
        batch_op.add_column(_text("client", null=True))
    op.create_table(
        "recalls",
        *map(_text, ("id", "subject", "reason", "recalled_by", "recalled_at")),
        _text("lifted_by", null=True),
        _text("lifted_at", null=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recalls")),
    )
    op.create_index(op.f("ix_recalls_subject"), "recalls", ["subject"])
    op.create_table(
        "hub_revisions",
        *map(_text, ("repository", "id", "commit", "artifact", "admission_id", "document")),
        _text("published_at"),
        sa.PrimaryKeyConstraint("repository", "id", name=op.f("pk_hub_revisions")),
    )
    op.create_index(op.f("ix_hub_revisions_admission_id"), "hub_revisions", ["admission_id"])
    op.create_index(op.f("ix_hub_revisions_repository"), "hub_revisions", ["repository", "commit"])
    op.create_table(
        "jobs",
        *map(_text, ("id", "kind", "repository")),
        _text("revision", null=True),
        *map(_text, ("commit", "policy", "requested_by", "state", "document", "created_at")),
        _text("started_at", null=True),
        _text("finished_at", null=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_jobs_repository"), "jobs", ["repository", "commit"])
    op.create_index(op.f("ix_jobs_state"), "jobs", ["state", "created_at"])
    op.create_table(
        "tokens",
        *map(_text, ("id", "name", "digest", "roles", "created_by", "created_at")),
        _text("expires_at", null=True),
        _text("revoked_at", null=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
    )
    op.create_table(
        "reviews",
        *map(_text, ("id", "verdict_id", "statement", "requested_by", "requested_at", "state")),
        _text("decided_by", null=True),
        _text("decided_at", null=True),
        _text("comment", null=True),
        _text("waiver", null=True),
        sa.ForeignKeyConstraint(
            ["verdict_id"], ["verdicts.id"], name=op.f("fk_reviews_verdict_id_verdicts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
    )
    op.create_index(op.f("ix_reviews_state"), "reviews", ["state", "requested_at"])
