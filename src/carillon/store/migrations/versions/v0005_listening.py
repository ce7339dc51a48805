"""What comes back: each event once, what was received, how far mailboxes were read.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Moment = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
Json = sa.Text().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    for column in (
        sa.Column("source", sa.Text),
        sa.Column("dedupe_key", sa.Text),
        sa.Column("email_schedule_id", sa.BigInteger),
        sa.Column("raw_id", sa.BigInteger),
        sa.Column("received_at", Moment),
    ):
        op.add_column("contact_events", column)
    keyed = sa.text("dedupe_key IS NOT NULL")
    op.create_index(
        "contact_events_once",
        "contact_events",
        ["source", "dedupe_key"],
        unique=True,
        sqlite_where=keyed,
        postgresql_where=keyed,
    )
    op.create_table(
        "raw_messages",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("received_at", Moment, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "inbox_folders",
        sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("folder", sa.Text, primary_key=True),
        sa.Column("uidvalidity", sa.BigInteger, nullable=False),
        sa.Column("last_uid", sa.BigInteger, nullable=False),
        sa.Column("read_at", Moment),
        sa.Column("last_error", sa.Text),
        sa.Column("retry_at", Moment),
    )
    op.add_column("accounts", sa.Column("inbox", Json))
    op.add_column("accounts", sa.Column("inbox_secret", sa.Text))
