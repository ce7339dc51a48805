"""The tables, for SQLite and PostgreSQL alike (06-data).

What belongs here: tables, columns, indexes. What does not: statements about them. A change here needs
a migration beside it; a test compares the two roads. `email_schedules` is a view over `plan` and
`outbox`, made by the migrations.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

metadata = MetaData()

Id = BigInteger().with_variant(Integer, "sqlite")
Moment = Text().with_variant(TIMESTAMP(timezone=True), "postgresql")
Json = Text().with_variant(JSONB(), "postgresql")

contacts = Table(
    "contacts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("email", Text),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("phone_number", Text),
    Column("zip_code", Text),
    Column("state", Text),
    Column("birth_date", Text, doc="ISO date; text as imported where it is no date"),
    Column("effective_date", Text, doc="ISO date; text as imported where it is no date"),
    Column("company", Text),
    Column("industry", Text),
    Column("title", Text),
    Column("timezone", Text),
    Column("external_id", Text),
    Column("sms_consent_at", Moment),
    Column("attributes", Json),
    Column("tags", Json),
    Column("status", Text, nullable=False, server_default="active"),
    Column("created_at", Moment),
    Column("updated_at", Moment),
    Column("seed", BigInteger, doc="set at creation, never changed; every choice by chance uses it"),
)
Index(
    "contacts_by_external_id",
    contacts.c.external_id,
    unique=True,
    sqlite_where=contacts.c.external_id.is_not(None),
    postgresql_where=contacts.c.external_id.is_not(None),
)
Index(
    "contacts_by_email",
    func.lower(contacts.c.email),
    unique=True,
    sqlite_where=contacts.c.external_id.is_(None),
    postgresql_where=contacts.c.external_id.is_(None),
)
Index(
    "contacts_by_shared_email",
    func.lower(contacts.c.email),
    sqlite_where=contacts.c.external_id.is_not(None),
    postgresql_where=contacts.c.external_id.is_not(None),
)

contact_issues = Table(
    "contact_issues",
    metadata,
    Column("contact_id", BigInteger, primary_key=True, autoincrement=False),
    Column("code", Text, primary_key=True),
    Column("detail", Text),
    Column("run_id", Text, doc="the planner run or import that found it"),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("address", Text, nullable=False, doc="lower case"),
    Column("scope", Text, nullable=False, server_default="all"),
    Column("reason", Text),
    Column("created_at", Moment),
)
Index("suppressions_by_address", suppressions.c.address, suppressions.c.scope, unique=True)

plan = Table(
    "plan",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("send", Integer, nullable=False, doc="days since 1970-01-01"),
    Column("ideal", Integer, nullable=False, doc="days since 1970-01-01"),
    Column("state", Integer, nullable=False, doc="see carillon/packing.py"),
    Column("run", Integer, nullable=False, doc="scheduler_checkpoints.id"),
    info={"holds": "pending planner rows; the id is carillon.keys.pack"},
)
Index("plan_by_day", plan.c.send)

plan_kinds = Table(
    "plan_kinds",
    metadata,
    Column("kind", Integer, primary_key=True, autoincrement=False, doc="-1 - tier for follow-ups"),
    Column("email_type", Text, nullable=False),
    Column("campaign_instance_id", BigInteger),
    Column("email_template", Text),
    Column("sms_template", Text),
    Column("send_time", Text),
)

skip_reasons = Table(
    "skip_reasons",
    metadata,
    Column("code", Integer, primary_key=True, autoincrement=False, doc="words.SkipReason"),
    Column("word", Text, nullable=False, unique=True),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("followup", Integer, nullable=False, server_default="0"),
    Column("email_type", Text, nullable=False),
    Column("event", Integer, doc="days since 1970-01-01"),
    Column("send", Integer, nullable=False, doc="days since 1970-01-01"),
    Column("ideal", Integer),
    Column("send_time", Text),
    Column("status", Text, nullable=False),
    Column("skip_reason", Text),
    Column("priority", Integer),
    Column("run", Integer),
    Column("campaign_instance_id", BigInteger),
    Column("email_template", Text),
    Column("sms_template", Text),
    Column("metadata", Json),
    Column("send_at", Moment),
    Column("account_id", BigInteger),
    Column("enrollment_id", BigInteger),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("actual_send_datetime", Moment),
    Column("channel", Text, nullable=False, server_default="email"),
    Column("parent_id", BigInteger),
    Column("created_at", Moment),
    Column("updated_at", Moment),
    info={"holds": "emails that have left the planner's hands, and those of sequences"},
)
Index("outbox_by_contact", outbox.c.contact_id)
Index("outbox_by_day", outbox.c.send)

plan_days = Table(
    "plan_days",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("kind", Integer, primary_key=True, autoincrement=False),
    Column("reason", Integer, primary_key=True, autoincrement=False, doc="words.SkipReason; 0: planned"),
    Column("n", BigInteger, nullable=False),
    info={"holds": "how many rows of plan by day, kind and reason"},
)

plan_smoothing = Table(
    "plan_smoothing",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
    info={"holds": "effective-date rows of plan by ideal day, as far as they count for smoothing"},
)

plan_blocks = Table(
    "plan_blocks",
    metadata,
    Column("block", Integer, primary_key=True, autoincrement=False),
    Column("prints", LargeBinary, nullable=False),
    info={"holds": "per 65,536 contact ids: fingerprints and wake days, see plan/prints.py"},
)

planner_state = Table(
    "planner_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("rules", Text, doc="fingerprint of the configuration the plan was made with"),
    Column("today", Integer),
    Column("eligible", BigInteger),
    Column("contacts_checksum", Text),
    Column("schedules_checksum", Text),
)

changes = Table(
    "changes",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=True),
    Column("contact_id", BigInteger, nullable=False, doc="0: everybody"),
    info={"holds": "contacts whose data or history changed since the last plan"},
)
Index("changes_by_contact", changes.c.contact_id)

scheduler_checkpoints = Table(
    "scheduler_checkpoints",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("run_timestamp", Moment, nullable=False),
    Column("scheduler_run_id", Text, nullable=False, unique=True),
    Column("contacts_checksum", Text),
    Column("schedules_before_checksum", Text),
    Column("schedules_after_checksum", Text),
    Column("contacts_processed", BigInteger),
    Column("emails_scheduled", BigInteger),
    Column("emails_skipped", BigInteger),
    Column("status", Text, nullable=False),
    Column("error_message", Text),
    Column("completed_at", Moment),
    Column("today", Text, doc="the day that was planned for"),
    Column("summary", Json),
)
