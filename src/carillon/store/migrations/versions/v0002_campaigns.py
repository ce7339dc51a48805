"""Campaigns, follow-ups, versions of the configuration and the audit log.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from carillon.store.migrations.scripts import run_script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Moment = sa.Text().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
Json = sa.Text().with_variant(postgresql.JSONB(), "postgresql")

TYPES = ("name", "respect_exclusion_windows", "enable_followups", "days_before_event", "target_all_contacts",
         "priority", "active")  # fmt: skip
DEFAULT_TYPES = (
    ("rate_increase", True, True, 14, False, 1, True),
    ("seasonal_promo", True, True, 7, False, 5, True),
    ("initial_blast", False, False, 0, True, 10, True),
    ("regulatory_notice", False, False, 0, False, 1, True),
    ("policy_update", True, True, 5, True, 3, True),
)


def _number(name: str = "id") -> sa.Column[int]:
    return sa.Column(name, Id, primary_key=True, autoincrement=True)


def _given(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, primary_key=True, autoincrement=False)


def _born(nullable: bool) -> sa.Column[str]:
    return sa.Column("created_at", Moment, server_default=sa.func.now(), nullable=nullable)


def _texts(*names: str, nullable: bool = True) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=nullable) for name in names]


def upgrade() -> None:
    _campaigns()
    _followups()
    _books()
    run_script("0002")


def _campaigns() -> None:
    flag = sa.Boolean
    types = op.create_table(
        "campaign_types",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("respect_exclusion_windows", flag, nullable=False),
        sa.Column("enable_followups", flag, nullable=False),
        sa.Column("days_before_event", sa.Integer, nullable=False),
        sa.Column("target_all_contacts", flag, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("active", flag, nullable=False),
        sa.Column("created_at", Moment),
        sa.Column("updated_at", Moment),
    )
    op.bulk_insert(types, [dict(zip(TYPES, row, strict=True)) for row in DEFAULT_TYPES])
    op.create_table(
        "campaign_instances",
        _number(),
        sa.Column("campaign_type", sa.Text, nullable=False),
        sa.Column("instance_name", sa.Text, nullable=False, unique=True),
        *_texts("email_template", "sms_template"),
        sa.Column("status", sa.Text, nullable=False, server_default="active"),
        *_texts("active_start_date", "active_end_date"),
        sa.Column("metadata", Json),
        _born(nullable=True),
        sa.Column("updated_at", Moment),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "contact_campaigns",
        _given("contact_id"),
        _given("campaign_instance_id"),
        sa.Column("trigger_date", sa.Text, primary_key=True),
        sa.Column("status", sa.Text, nullable=False, server_default="pending"),
        sa.Column("metadata", Json),
        _born(nullable=True),
    )
    op.create_index("contact_campaigns_by_instance", "contact_campaigns", ["campaign_instance_id"])
    op.create_table(
        "campaign_change_log",
        _number(),
        sa.Column("campaign_type", sa.Text),
        sa.Column("campaign_instance_id", sa.BigInteger),
        *_texts("field_changed", nullable=False),
        *_texts("old_value", "new_value"),
        sa.Column("changed_at", Moment, nullable=False),
        *_texts("changed_by", nullable=False),
        sa.Column("requires_rescheduling", flag, nullable=False),
    )
    op.create_table(
        "plan_campaigns",
        _given("campaign_instance_id"),
        *_texts("print", nullable=False),
        sa.Column("targets_all", flag, nullable=False),
    )


def _followups() -> None:
    op.create_table(
        "plan_followups",
        sa.Column("id", Id, primary_key=True, autoincrement=False),
        sa.Column("metadata", Json, nullable=False),
    )
    op.create_table(
        "followup_processing_log",
        _number(),
        *_texts("scheduler_run_id", nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("initial_email_id", "contact_id")),
        *_texts("followup_type", nullable=False),
        sa.Column("behavior_analysis", Json, nullable=False),
        sa.Column("processed_at", Moment, nullable=False),
    )
    op.create_table(
        "contact_events",
        _number(),
        sa.Column("contact_id", sa.BigInteger, nullable=False),
        *_texts("event_type", nullable=False),
        sa.Column("event_data", Json),
        _born(nullable=False),
    )
    op.create_index("contact_events_by_contact", "contact_events", ["contact_id"])
    op.create_table(
        "tracking_clicks",
        _number(),
        sa.Column("contact_id", sa.BigInteger, nullable=False),
        sa.Column("email_schedule_id", sa.BigInteger),
        *_texts("url"),
        sa.Column("clicked_at", Moment, server_default=sa.func.now(), nullable=False),
        *_texts("ip_address", "user_agent"),
    )
    op.create_index("tracking_clicks_by_contact", "tracking_clicks", ["contact_id"])


def _books() -> None:
    op.create_table(
        "config_versions",
        _number(),
        *_texts("type", nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.Column("valid_from", Moment, nullable=False),
        sa.Column("valid_to", Moment),
        *_texts("created_by", nullable=False),
    )
    op.create_table(
        "audit_log",
        _number(),
        *_texts("who", "what", nullable=False),
        sa.Column("when", Moment, nullable=False),
        sa.Column("before", Json),
        sa.Column("after", Json),
    )
