"""Contacts, the plan, the outbox and the planner's books.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from carillon.store.migrations.scripts import run_script

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Moment = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
Json = sa.Text().with_variant(postgresql.JSONB(), "postgresql")


def _int(name: str, kind: type[sa.Integer] = sa.Integer) -> sa.Column[int]:
    """A key that is given, never counted up."""
    return sa.Column(name, kind(), primary_key=True, autoincrement=False)


def _count() -> sa.Column[int]:
    return sa.Column("n", sa.BigInteger, nullable=False)


def upgrade() -> None:
    _contacts()
    _plan()
    _books()
    run_script("0001")


def _contacts() -> None:
    texts = ["email", "first_name", "last_name", "phone_number", "zip_code", "state", "birth_date"]
    texts += ["effective_date", "company", "industry", "title", "timezone", "external_id"]
    op.create_table(
        "contacts",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        *(sa.Column(name, sa.Text) for name in texts),
        sa.Column("sms_consent_at", Moment),
        sa.Column("attributes", Json),
        sa.Column("tags", Json),
        sa.Column("status", sa.Text, nullable=False, server_default="active"),
        sa.Column("created_at", Moment),
        sa.Column("updated_at", Moment),
        sa.Column("seed", sa.BigInteger),
    )
    own, shared = sa.text("external_id IS NOT NULL"), sa.text("external_id IS NULL")
    by_email = [sa.text("lower(email)")]
    for name, columns, unique, where in (
        ("contacts_by_external_id", ["external_id"], True, own),
        ("contacts_by_email", by_email, True, shared),
        ("contacts_by_shared_email", by_email, False, own),
    ):
        op.create_index(name, "contacts", columns, unique=unique, sqlite_where=where, postgresql_where=where)
    op.create_table(
        "contact_issues",
        _int("contact_id", sa.BigInteger),
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("detail", sa.Text),
        sa.Column("run_id", sa.Text),
    )
    op.create_table(
        "suppressions",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False, server_default="all"),
        sa.Column("reason", sa.Text),
        sa.Column("created_at", Moment),
    )
    op.create_index("suppressions_by_address", "suppressions", ["address", "scope"], unique=True)


def _plan() -> None:
    op.create_table(
        "plan",
        sa.Column("id", Id, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("send", "ideal", "state", "run")),
    )
    op.create_index("plan_by_day", "plan", ["send"])
    kinds = op.create_table(
        "plan_kinds",
        _int("kind"),
        sa.Column("email_type", sa.Text, nullable=False),
        sa.Column("campaign_instance_id", sa.BigInteger),
        *(sa.Column(name, sa.Text) for name in ("email_template", "sms_template", "send_time")),
    )
    types = ["birthday", "effective_date", "aep", "post_window"]
    op.bulk_insert(kinds, [{"kind": kind, "email_type": word} for kind, word in enumerate(types)])
    reasons = op.create_table(
        "skip_reasons", _int("code"), sa.Column("word", sa.Text, nullable=False, unique=True)
    )
    words = ["year_round_exclusion", "birthday_window", "effective_date_window", "age_exclusion"]
    words += ["campaign_inactive", "missed", "campaign_conflict", "frequency_limit"]
    op.bulk_insert(reasons, [{"code": code, "word": word} for code, word in enumerate(words, 1)])
    op.create_table(
        "outbox",
        sa.Column("id", Id, primary_key=True, autoincrement=False),
        sa.Column("contact_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("followup", sa.Integer, nullable=False, server_default="0"),
        sa.Column("email_type", sa.Text, nullable=False),
        sa.Column("event", sa.Integer),
        sa.Column("send", sa.Integer, nullable=False),
        sa.Column("ideal", sa.Integer),
        sa.Column("send_time", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("skip_reason", sa.Text),
        sa.Column("priority", sa.Integer),
        sa.Column("run", sa.Integer),
        sa.Column("campaign_instance_id", sa.BigInteger),
        sa.Column("email_template", sa.Text),
        sa.Column("sms_template", sa.Text),
        sa.Column("metadata", Json),
        sa.Column("send_at", Moment),
        sa.Column("account_id", sa.BigInteger),
        sa.Column("enrollment_id", sa.BigInteger),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("actual_send_datetime", Moment),
        sa.Column("channel", sa.Text, nullable=False, server_default="email"),
        sa.Column("parent_id", sa.BigInteger),
        sa.Column("created_at", Moment),
        sa.Column("updated_at", Moment),
    )
    op.create_index("outbox_by_contact", "outbox", ["contact_id"])
    op.create_index("outbox_by_day", "outbox", ["send"])


def _books() -> None:
    op.create_table("plan_days", _int("day"), _int("kind"), _int("reason"), _count())
    op.create_table("plan_smoothing", _int("day"), _count())
    op.create_table("plan_blocks", _int("block"), sa.Column("prints", sa.LargeBinary, nullable=False))
    op.create_table(
        "planner_state",
        _int("id"),
        sa.Column("rules", sa.Text),
        sa.Column("today", sa.Integer),
        sa.Column("eligible", sa.BigInteger),
        sa.Column("contacts_checksum", sa.Text),
        sa.Column("schedules_checksum", sa.Text),
    )
    changes = op.create_table(
        "changes",
        sa.Column("seq", Id, primary_key=True, autoincrement=True),
        sa.Column("contact_id", sa.BigInteger, nullable=False),
    )
    op.create_index("changes_by_contact", "changes", ["contact_id"])
    op.bulk_insert(changes, [{"contact_id": 0}])
    op.create_table(
        "scheduler_checkpoints",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("run_timestamp", Moment, nullable=False),
        sa.Column("scheduler_run_id", sa.Text, nullable=False, unique=True),
        *(
            sa.Column(name, sa.Text)
            for name in ("contacts_checksum", "schedules_before_checksum", "schedules_after_checksum")
        ),
        *(
            sa.Column(name, sa.BigInteger)
            for name in ("contacts_processed", "emails_scheduled", "emails_skipped")
        ),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("error_message", sa.Text),
        sa.Column("completed_at", Moment),
        sa.Column("today", sa.Text),
        sa.Column("summary", Json),
    )
