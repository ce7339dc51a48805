"""Days of slots, warm-up, and what the choice of send times learns from.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Moment = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
Json = sa.Text().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column(
        "accounts", sa.Column("warmup_enabled", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.add_column("accounts", sa.Column("warmup_day", sa.Integer, nullable=False, server_default="1"))
    op.add_column("accounts", sa.Column("warmup", Json))
    op.add_column("accounts", sa.Column("pacing", Json))
    op.add_column("accounts", sa.Column("holidays", sa.Text))
    op.add_column("accounts", sa.Column("smart_scheduling", Json))
    op.add_column("accounts", sa.Column("resumed_at", Moment))
    where = sa.text("event_type = 'complained'")
    op.create_index(
        "contact_events_complaints",
        "contact_events",
        ["created_at"],
        sqlite_where=where,
        postgresql_where=where,
    )
    op.create_table(
        "send_slots",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("send_at", Moment, nullable=False),
        sa.Column("local_date", sa.Text, nullable=False),
        sa.Column("activity_period", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="pending"),
        sa.Column("sent_at", Moment),
        sa.Column("schedule_id", sa.BigInteger),
        sa.Column("retry_count", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_error", sa.Text),
    )
    op.create_index("send_slots_by_account", "send_slots", ["account_id", "send_at"], unique=True)
    op.create_index("send_slots_by_date", "send_slots", ["local_date", "account_id"])
    where = sa.text("schedule_id IS NOT NULL")
    op.create_index(
        "send_slots_by_email", "send_slots", ["schedule_id"], sqlite_where=where, postgresql_where=where
    )
    where = sa.text("status = 'pending' AND schedule_id IS NULL")
    op.create_index(
        "send_slots_free", "send_slots", ["account_id", "send_at"], sqlite_where=where, postgresql_where=where
    )
    op.create_table(
        "slot_days",
        sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("local_date", sa.Text, primary_key=True),
        sa.Column("slots", sa.Integer, nullable=False),
        sa.Column("made_at", Moment, nullable=False),
    )
    op.create_table(
        "send_outcomes",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("schedule_id", sa.BigInteger),
        sa.Column("contact_id", sa.BigInteger, nullable=False),
        sa.Column("account_id", sa.BigInteger),
        sa.Column("campaign_instance_id", sa.BigInteger),
        sa.Column("outreach_campaign_id", sa.BigInteger),
        sa.Column("sequence_id", sa.BigInteger),
        sa.Column("industry", sa.Text),
        sa.Column("sent_at", Moment, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("weekday", sa.Integer, nullable=False),
        sa.Column("hour", sa.Integer, nullable=False),
        sa.Column("chosen", sa.Text),
        sa.Column("replied_at", Moment),
        sa.Column("hours_to_reply", sa.Float),
        sa.Column("opened_at", Moment),
        sa.Column("clicked_at", Moment),
    )
    where = sa.text("schedule_id IS NOT NULL")
    op.create_index(
        "send_outcomes_by_email",
        "send_outcomes",
        ["schedule_id"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )
    op.create_index("send_outcomes_by_time", "send_outcomes", ["sent_at"])
    op.add_column("outbox", sa.Column("time_choice", sa.Text))
    op.create_table(
        "send_time_counts",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("industry", sa.Text, primary_key=True),
        sa.Column("weekday", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sent", sa.Integer, nullable=False),
        sa.Column("replied", sa.Integer, nullable=False),
        sa.Column("opened", sa.Integer, nullable=False),
        sa.Column("clicked", sa.Integer, nullable=False),
        sa.Column("counted_at", Moment, nullable=False),
    )
    op.create_table(
        "warmup_messages",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("to_account_id", sa.BigInteger),
        sa.Column("to_address", sa.Text, nullable=False),
        sa.Column("parent_id", sa.BigInteger),
        sa.Column("template", sa.Text),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text),
        sa.Column("message_id", sa.Text, nullable=False, unique=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("send_at", Moment, nullable=False),
        sa.Column("claim_token", sa.Text),
        sa.Column("intent_at", Moment),
        sa.Column("sent_at", Moment),
        sa.Column("received_at", Moment),
        sa.Column("folder", sa.Text),
        sa.Column("rescued_at", Moment),
        sa.Column("answer", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_error", sa.Text),
        sa.Column("created_at", Moment, nullable=False),
    )
    op.create_index("warmup_messages_by_account", "warmup_messages", ["account_id", "send_at"])
    where = sa.text("status IN ('scheduled', 'processing')")
    op.create_index(
        "warmup_messages_waiting", "warmup_messages", ["send_at"], sqlite_where=where, postgresql_where=where
    )
    op.create_table(
        "warmup_days",
        sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("local_date", sa.Text, primary_key=True),
        sa.Column("warmup_day", sa.Integer, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("judged_at", Moment, nullable=False),
    )
