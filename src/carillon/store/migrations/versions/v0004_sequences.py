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


ENDED = "('sent', 'delivered', 'bounced', 'failed', 'cancelled', 'in_doubt', 'skipped')"
LOWEST = "(select coalesce(min(id), 0) from outbox)"
"""As it stands in what adds history through the view: its ids go down from 0."""
LOWEST_OF_HISTORY = "(select coalesce(min(id), 0) from outbox where id > -2305843009213693952)"
"""The same without the emails of sequences, whose ids begin at -2^62."""


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
    _history()


def _history() -> None:
    """History added through the view keeps ids of its own beside those of sequence emails."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        name = "email_schedules_add_history"
        was = connection.scalar(sa.text("select sql from sqlite_master where name = :name"), {"name": name})
        op.execute(f"drop trigger {name}")
    else:
        definition = "select replace(pg_get_functiondef('carillon_schedule_edit()'::regprocedure), '%', '%%')"
        was = connection.exec_driver_sql(definition.replace("%", "%%")).scalar_one()
    assert LOWEST in was
    connection.exec_driver_sql(was.replace(LOWEST, LOWEST_OF_HISTORY))


def _enrollments() -> None:
    table = "sequence_enrollments"
    op.create_table(
        table,
        _number(),
        sa.Column("sequence_id", sa.BigInteger, nullable=False),
        sa.Column("contact_id", sa.BigInteger, nullable=False),
        *_texts("status", nullable=False),
        *_texts("current_step"),
        *_moments("scheduled_start_at", "next_action_at", "away_until", "stepped_at"),
        sa.Column("visits", sa.Integer, nullable=False, server_default="0"),
        sa.Column("account_id", sa.BigInteger),
        *_texts("exit_reason"),
        *_moments("enrolled_at", nullable=False),
        *_moments("ended_at"),
        sqlite_autoincrement=True,
    )
    is_open = "status IN ('scheduled', 'active', 'paused')"
    _index("sequence_enrollments_open", table, ["sequence_id", "contact_id"], is_open, unique=True)
    due = ["sequence_id", "next_action_at", "id"]
    _index("sequence_enrollments_due", table, due, "status IN ('scheduled', 'active')")
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
    _calls()


def _calls() -> None:
    table = "sequence_calls"
    op.create_table(
        table,
        _number(),
        sa.Column("enrollment_id", sa.BigInteger, nullable=False),
        sa.Column("visit", sa.Integer, nullable=False),
        *_texts("url", nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="waiting"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        *_moments("due_at", nullable=False),
        *_texts("last_error"),
        *_moments("created_at", nullable=False),
        *_moments("ended_at"),
    )
    _index("sequence_calls_once", table, ["enrollment_id", "visit"], unique=True)
    _index("sequence_calls_due", table, ["due_at"], "status = 'waiting'")
