"""Replies that were read; ended enrollments by sequence.

Revision ID: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

Moment = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    op.add_column("contact_events", sa.Column("read_at", Moment))
    where = sa.text("event_type IN ('replied', 'opted_out')")
    op.create_index(
        "contact_events_replies",
        "contact_events",
        ["created_at"],
        sqlite_where=where,
        postgresql_where=where,
    )
    where = sa.text("ended_at IS NOT NULL")
    op.create_index(
        "sequence_enrollments_ended",
        "sequence_enrollments",
        ["sequence_id", "ended_at"],
        sqlite_where=where,
        postgresql_where=where,
    )
