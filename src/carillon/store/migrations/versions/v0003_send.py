"""Accounts, templates, rates, and what the dispatcher notes of each email.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Moment = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
Json = sa.Text().with_variant(postgresql.JSONB(), "postgresql")

LIMITS = ("daily_limit", "max_per_hour", "max_per_minute", "max_per_second", "max_per_domain_per_minute")


def _texts(*names: str, nullable: bool = True) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=nullable) for name in names]


def upgrade() -> None:
    _outbox()
    op.create_table(
        "accounts",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        *_texts("address", nullable=False),
        *_texts("display_name", "reply_to"),
        *_texts("transport", nullable=False),
        sa.Column("settings", Json, nullable=False),
        *_texts("secret"),
        *_texts("kind", nullable=False),
        sa.Column("group_name", sa.Text, nullable=False, server_default="default"),
        *_texts("timezone"),
        *(sa.Column(name, sa.Integer) for name in LIMITS),
        sa.Column("send_delay_seconds", sa.Integer, nullable=False, server_default="0"),
        sa.Column("status", sa.Text, nullable=False, server_default="active"),
        *_texts("last_error"),
        sa.Column("created_at", Moment),
        sa.Column("updated_at", Moment),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "rate_state",
        sa.Column("account_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("domain", sa.Text, primary_key=True),
        sa.Column("earliest", sa.BigInteger, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("sent", sa.Integer, nullable=False),
    )
    op.create_table(
        "templates",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        *_texts("name", nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        *_texts("subject", "html", "text", "sms", "from_name", "preheader"),
        sa.Column("attachments", Json),
        sa.Column("created_at", Moment, nullable=False),
        *_texts("created_by", nullable=False),
    )
    op.create_index("templates_by_name", "templates", ["name", "version"], unique=True)
    state = op.create_table(
        "workspace_state",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("paused_at", Moment),
        *_texts("paused_by"),
        sa.Column("epoch", sa.Integer, nullable=False),
        *_texts("home"),
    )
    op.bulk_insert(state, [{"id": 1, "epoch": 0}])


def _outbox() -> None:
    moments = ("lease_until", "intent_at")
    texts = ("claim_token", *moments, "domain", "message_id", "provider_id", "render_hash", "last_error")
    for name in texts:
        op.add_column("outbox", sa.Column(name, Moment if name in moments else sa.Text))
    waiting = sa.text("status IN ('scheduled', 'processing', 'in_doubt')")
    op.create_index(
        "outbox_waiting",
        "outbox",
        ["account_id", "send_at"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
