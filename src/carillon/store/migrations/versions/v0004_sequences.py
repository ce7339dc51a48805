"""Sequences: outreach campaigns, steps, enrollments and the log of what was done.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Moment = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
Json = sa.Text().with_variant(postgresql.JSONB(), "postgresql")


ENDED = "('sent', 'delivered', 'bounced', 'failed', 'cancelled', 'in_doubt')"


def _number() -> sa.Column[int]:
    return sa.Column("id", Id, primary_key=True, autoincrement=True)


def _texts(*names: str, nullable: bool = True) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=nullable) for name in names]


def _moments(*names: str, nullable: bool = True) -> list[sa.Column[str]]:
    return [sa.Column(name, Moment, nullable=nullable) for name in names]


def _index(name: str, table: str, columns: list[str], where: str | None = None, unique: bool = False) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    _outbox()
    op.create_table(
        "outreach_campaigns",
        _number(),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        *_texts("description"),
        sa.Column("status", sa.Text, nullable=False, server_default="active"),
        *_texts("sender_name", "default_subject"),
        sa.Column("settings", Json, nullable=False),
        *_moments("created_at", nullable=False),
        *_moments("updated_at"),
    )
    op.create_table(
        "sequences",
        _number(),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("outreach_campaign_id", sa.BigInteger),
        sa.Column("status", sa.Text, nullable=False, server_default="draft"),
        *_moments("scheduled_start_at"),
        sa.Column("settings", Json, nullable=False),
        *_texts("source"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        *_moments("created_at", nullable=False),
        *_moments("updated_at"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sequence_steps",
        _number(),
        sa.Column("sequence_id", sa.BigInteger, nullable=False),
        *_texts("step_key", nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        *_texts("type", nullable=False),
        sa.Column("settings", Json, nullable=False),
        *_texts("next", "otherwise"),
    )
    _index("sequence_steps_by_key", "sequence_steps", ["sequence_id", "step_key"], unique=True)
    _enrollments()


def _outbox() -> None:
    op.add_column("outbox", sa.Column("step_key", sa.Text))
    op.add_column("outbox", sa.Column("noticed_at", Moment))
    mine = "enrollment_id IS NOT NULL"
    unnoticed = f"{mine} AND noticed_at IS NULL AND status IN {ENDED}"
    _index("outbox_unnoticed", "outbox", ["enrollment_id"], unnoticed)
    _index("outbox_by_enrollment", "outbox", ["enrollment_id"], mine)


def _enrollments() -> None:
    table = "sequence_enrollments"
    op.create_table(
        table,
        _number(),
        sa.Column("sequence_id", sa.BigInteger, nullable=False),
        sa.Column("contact_id", sa.BigInteger, nullable=False),
        *_texts("status", nullable=False),
        *_texts("current_step"),
        *_moments("scheduled_start_at", "next_action_at", "stepped_at"),
        sa.Column("visits", sa.Integer, nullable=False, server_default="0"),
        sa.Column("account_id", sa.BigInteger),
        *_texts("exit_reason"),
        *_moments("enrolled_at", nullable=False),
        *_moments("ended_at"),
        sqlite_autoincrement=True,
    )
    is_open = "status IN ('scheduled', 'active', 'paused')"
    _index("sequence_enrollments_open", table, ["sequence_id", "contact_id"], is_open, unique=True)
    _index("sequence_enrollments_due", table, ["next_action_at"], "status IN ('scheduled', 'active')")
    _index("sequence_enrollments_by_contact", table, ["contact_id"])
    op.create_table(
        "sequence_step_executions",
        _number(),
        sa.Column("enrollment_id", sa.BigInteger, nullable=False),
        *_texts("step_key", nullable=False),
        sa.Column("visit", sa.Integer, nullable=False),
        *_texts("outcome", nullable=False),
        *_texts("detail"),
        *_moments("executed_at", nullable=False),
    )
    _index(
        "sequence_step_executions_once", "sequence_step_executions", ["enrollment_id", "visit"], unique=True
    )
