"""Users and their sessions, repeated requests, programs that are told, and indexes to look contacts up by.

Revision ID: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Moment = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
Json = sa.Text().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("totp_secret", sa.Text),
        sa.Column("totp_last", sa.BigInteger),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("locked_until", Moment),
        sa.Column("preferences", Json),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("last_login_at", Moment),
        sa.Column("disabled_at", Moment),
        sqlite_autoincrement=True,
    )
    op.create_index("users_by_name", "users", [sa.text("lower(name)")], unique=True)
    op.create_table(
        "sessions",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("user_id", sa.BigInteger),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("seen_at", Moment, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.Column("user_agent", sa.Text),
        sa.Column("preferences", Json),
    )
    op.create_index("sessions_by_user", "sessions", ["user_id"])
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("answer", sa.Text),
        sa.Column("created_at", Moment, nullable=False),
    )
    op.create_index("idempotency_keys_by_age", "idempotency_keys", ["created_at"])
    op.create_table(
        "webhook_subscriptions",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("event_types", Json, nullable=False),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("subscription_id", sa.BigInteger, nullable=False),
        sa.Column("event_id", sa.BigInteger, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="waiting"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("due_at", Moment, nullable=False),
        sa.Column("answer_status", sa.Integer),
        sa.Column("last_error", sa.Text),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("ended_at", Moment),
    )
    where = sa.text("status = 'waiting'")
    op.create_index(
        "webhook_deliveries_due", "webhook_deliveries", ["due_at"], sqlite_where=where, postgresql_where=where
    )
    op.create_index(
        "webhook_deliveries_once", "webhook_deliveries", ["subscription_id", "event_id"], unique=True
    )
    _searches()


def _searches() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.create_index(
            "contacts_by_last_name",
            "contacts",
            [sa.text("lower(last_name)")],
            sqlite_where=sa.text("last_name IS NOT NULL"),
        )
    else:
        for name, column in (("last_name", "last_name"), ("email_text", "email")):
            key = sa.text(f'lower({column}) COLLATE "C"')
            op.create_index(f"contacts_by_{name}", "contacts", [key, "id"])
    op.create_index("contacts_by_state", "contacts", ["state", "id"])
    where = sa.text("status != 'active'")
    op.create_index(
        "contacts_by_status", "contacts", ["status", "id"], sqlite_where=where, postgresql_where=where
    )
