"""The tables, for SQLite and PostgreSQL alike (06-data).

What belongs here: tables, columns, indexes. What does not: statements about them. A change here needs
a migration beside it; a test compares the two roads. `email_schedules` is a view over `plan` and
`outbox`, made by the migrations. Sequences, what comes back, pace, jobs and the web have files of their own.
One table after the other; the planner's and the dispatcher's are long because they are many.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    false,
    func,
    text,
)

from carillon.store import tables_jobs, tables_listening, tables_pace, tables_sequences, tables_web
from carillon.store.tables_base import NOW, Id, Json, Moment, metadata

__all__ = ["metadata", "tables_jobs", "tables_listening", "tables_pace", "tables_sequences", "tables_web"]

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
# After what a search goes along stands what narrows it: who is passed over is not looked up.
_NARROWS = (contacts.c.id, contacts.c.state, contacts.c.status)
Index(
    "contacts_by_last_name",
    func.lower(contacts.c.last_name),
    *_NARROWS,
    func.lower(contacts.c.first_name),
    sqlite_where=contacts.c.last_name.is_not(None),
).ddl_if(dialect="sqlite")
# By characters: PostgreSQL's own order passes over dots and dashes, so that no beginning is a range.
_LAST, _FIRST, _EMAIL = (
    func.lower(contacts.c[name]).collate("C") for name in ("last_name", "first_name", "email")
)
Index("contacts_by_last_name", _LAST, *_NARROWS, _FIRST).ddl_if(dialect="postgresql")
Index("contacts_by_email_text", _EMAIL, *_NARROWS).ddl_if(dialect="postgresql")
Index("contacts_by_state", contacts.c.state, contacts.c.id)
_NOT_ACTIVE = contacts.c.status != "active"
Index(
    "contacts_by_status",
    contacts.c.status,
    contacts.c.id,
    sqlite_where=_NOT_ACTIVE,
    postgresql_where=_NOT_ACTIVE,
)

contact_tags = Table(
    "contact_tags",
    metadata,
    Column("tag", Text, primary_key=True),
    Column("contact_id", BigInteger, primary_key=True, autoincrement=False),
    info={"holds": "contacts.tags by tag, kept by triggers; those of more than 200 characters are left out"},
    sqlite_with_rowid=False,
)

contact_issues = Table(
    "contact_issues",
    metadata,
    Column("contact_id", BigInteger, primary_key=True, autoincrement=False),
    Column("code", Text, primary_key=True),
    Column("detail", Text),
    Column("run_id", Text, doc="the planner run or import that found it"),
)
Index("contact_issues_by_code", contact_issues.c.code, contact_issues.c.contact_id)

forgotten = Table(
    "forgotten",
    metadata,
    Column("contact_id", BigInteger, primary_key=True, autoincrement=False),
    Column("address_hash", Text, nullable=False, doc="keyed: see tokens.LinkKeys.hashes"),
    Column("status", Text, nullable=False, doc="of the contact before"),
    Column("scopes", Json, nullable=False, doc="in which its address is suppressed"),
    Column("forgotten_at", Moment, nullable=False),
    info={"holds": "contacts whose data were erased; a later import revives their ids"},
)
Index("forgotten_by_address", forgotten.c.address_hash)

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
    Column("claim_token", Text, doc="of the dispatcher that holds it; never used twice"),
    Column("lease_until", Moment, doc="the database's clock: then the claim is over"),
    Column("intent_at", Moment, doc="the database's clock: from here on the message may have been sent"),
    Column("domain", Text, doc="of the recipient, lower case; set at release"),
    Column("message_id", Text),
    Column("provider_id", Text),
    Column("render_hash", Text, doc="SHA-256 of what was sent"),
    Column("last_error", Text),
    Column("step_key", Text, doc="of a sequence's email: the step it belongs to"),
    Column("noticed_at", Moment, doc="when its sequence took notice of how it ended"),
    Column("time_choice", Text, doc="words.TimeChoice: how it came by its hour; none: nobody chose it"),
    info={"holds": "emails that have left the planner's hands, and those of sequences"},
)
Index("outbox_by_contact", outbox.c.contact_id)
# Mail is counted by day and type without a look at the rows; those of which this is not the truth are odd.
Index(
    "outbox_by_day",
    outbox.c.send,
    outbox.c.email_type,
    outbox.c.followup,
    outbox.c.campaign_instance_id,
    outbox.c.kind,
)
_ODD = text(
    "status in ('failed', 'cancelled') or channel <> 'email'"
    " or (enrollment_id is null) = (email_type = 'sequence')"
)
Index("outbox_odd", outbox.c.send, sqlite_where=_ODD, postgresql_where=_ODD)
_UNNOTICED = (
    outbox.c.enrollment_id.is_not(None)
    & outbox.c.noticed_at.is_(None)
    & outbox.c.status.in_(("sent", "delivered", "bounced", "failed", "cancelled", "in_doubt", "skipped"))
)
Index("outbox_unnoticed", outbox.c.enrollment_id, sqlite_where=_UNNOTICED, postgresql_where=_UNNOTICED)
_OF_SEQUENCES = outbox.c.enrollment_id.is_not(None)
Index(
    "outbox_by_enrollment",
    outbox.c.enrollment_id,
    sqlite_where=_OF_SEQUENCES,
    postgresql_where=_OF_SEQUENCES,
)
Index(
    "outbox_waiting",
    outbox.c.account_id,
    outbox.c.send_at,
    # Many emails may be due at one moment: with their ids in it, a claim reads no more than it takes.
    outbox.c.id,
    sqlite_where=outbox.c.status.in_(("scheduled", "processing", "in_doubt")),
    postgresql_where=outbox.c.status.in_(("scheduled", "processing", "in_doubt")),
)

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
    info={"holds": "fingerprints and wake days: blocks, and notes below 0; see plan/prints.py"},
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

campaign_types = Table(
    "campaign_types",
    metadata,
    Column("name", Text, primary_key=True),
    Column("respect_exclusion_windows", Boolean, nullable=False),
    Column("enable_followups", Boolean, nullable=False),
    Column("days_before_event", Integer, nullable=False),
    Column("target_all_contacts", Boolean, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", Moment),
    Column("updated_at", Moment),
)

campaign_instances = Table(
    "campaign_instances",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("campaign_type", Text, nullable=False),
    Column("instance_name", Text, nullable=False, unique=True),
    Column("email_template", Text),
    Column("sms_template", Text),
    Column("status", Text, nullable=False, server_default="active", doc="words.InstanceStatus"),
    Column("active_start_date", Text, doc="ISO date"),
    Column("active_end_date", Text, doc="ISO date"),
    Column("metadata", Json, doc="may override the type's fields and the follow-ups' templates"),
    Column("created_at", Moment, server_default=NOW),
    Column("updated_at", Moment),
    # An id is part of plan row ids and never comes back.
    sqlite_autoincrement=True,
)

contact_campaigns = Table(
    "contact_campaigns",
    metadata,
    Column("contact_id", BigInteger, primary_key=True, autoincrement=False),
    Column("campaign_instance_id", BigInteger, primary_key=True, autoincrement=False),
    Column("trigger_date", Text, primary_key=True, doc="ISO date"),
    Column("status", Text, nullable=False, server_default="pending", doc="words.TargetStatus"),
    Column("metadata", Json),
    Column("created_at", Moment, server_default=NOW),
)
Index("contact_campaigns_by_instance", contact_campaigns.c.campaign_instance_id)

campaign_change_log = Table(
    "campaign_change_log",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("campaign_type", Text, doc="for changes of a type"),
    Column("campaign_instance_id", BigInteger, doc="for changes of an instance"),
    Column("field_changed", Text, nullable=False),
    Column("old_value", Text),
    Column("new_value", Text),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("requires_rescheduling", Boolean, nullable=False),
)

plan_campaigns = Table(
    "plan_campaigns",
    metadata,
    Column("campaign_instance_id", BigInteger, primary_key=True, autoincrement=False),
    Column("print", Text, nullable=False, doc="fingerprint of all the last run read of the instance"),
    Column("targets_all", Boolean, nullable=False),
    info={"holds": "the campaign instances that the stored plan was made with"},
)

plan_followups = Table(
    "plan_followups",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("metadata", Json, nullable=False),
    info={"holds": "the metadata of follow-ups in plan"},
)

followup_processing_log = Table(
    "followup_processing_log",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("scheduler_run_id", Text, nullable=False),
    Column("initial_email_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("followup_type", Text, nullable=False),
    Column("behavior_analysis", Json, nullable=False),
    Column("processed_at", Moment, nullable=False),
)

config_versions = Table(
    "config_versions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("type", Text, nullable=False),
    Column("data", Json, nullable=False),
    Column("valid_from", Moment, nullable=False),
    Column("valid_to", Moment, doc="none: in force"),
    Column("created_by", Text, nullable=False),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("when", Moment, nullable=False),
    Column("before", Json),
    Column("after", Json),
    info={"holds": "what people and programs did; append-only"},
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("address", Text, nullable=False),
    Column("display_name", Text),
    Column("reply_to", Text),
    Column("transport", Text, nullable=False),
    Column("settings", Json, nullable=False, doc="of the transport; never a secret"),
    Column("secret", Text, doc="encrypted, see carillon/vault.py"),
    Column("inbox", Json, doc="where its mail arrives; none: it is not read"),
    Column("inbox_secret", Text, doc="encrypted; none: the same"),
    Column("kind", Text, nullable=False, doc="words.AccountKind"),
    Column("group_name", Text, nullable=False, server_default="default"),
    Column("timezone", Text, doc="IANA name; none: the workspace's"),
    Column("daily_limit", Integer),
    Column("max_per_hour", Integer),
    Column("max_per_minute", Integer),
    Column("max_per_second", Integer),
    Column("max_per_domain_per_minute", Integer),
    Column("send_delay_seconds", Integer, nullable=False, server_default="0"),
    Column("warmup_enabled", Boolean, nullable=False, server_default=false()),
    Column("warmup_day", Integer, nullable=False, server_default="1", doc="of the ramp, the first is 1"),
    Column("warmup", Json, doc="the account's own figures of the ramp; none: the workspace's"),
    Column("pacing", Json, doc="its own hours, days and weights; none: the workspace's"),
    Column("holidays", Text, doc="country, or country and region, as library holidays writes them"),
    Column("smart_scheduling", Json, doc="its own settings; none: the workspace's"),
    Column("status", Text, nullable=False, server_default="active", doc="words.AccountStatus"),
    Column("last_error", Text),
    Column("resumed_at", Moment, doc="when it was last let go on; brakes count from there"),
    Column("created_at", Moment),
    Column("updated_at", Moment),
    sqlite_autoincrement=True,
)

rate_state = Table(
    "rate_state",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("domain", Text, primary_key=True, doc="empty: the account as a whole"),
    Column("earliest", BigInteger, nullable=False, doc="GCRA: microseconds since 1970, database's clock"),
    Column("day", Integer, nullable=False, doc="days since 1970-01-01, in the account's zone"),
    Column("sent", Integer, nullable=False, doc="claimed on that day"),
    info={"holds": "how far the limits of accounts are used up"},
)

templates = Table(
    "templates",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("active", Boolean, nullable=False, doc="of each name's versions one at most"),
    Column("subject", Text),
    Column("html", Text),
    Column("text", Text),
    Column("sms", Text),
    Column("from_name", Text),
    Column("preheader", Text),
    Column("attachments", Json),
    Column("created_at", Moment, nullable=False),
    Column("created_by", Text, nullable=False),
)
Index("templates_by_name", templates.c.name, templates.c.version, unique=True)

workspace_state = Table(
    "workspace_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("paused_at", Moment),
    Column("paused_by", Text),
    Column("epoch", Integer, nullable=False, doc="how often the workspace was restored"),
    Column("home", Text, doc="the folder and machine that may send; none: whoever is first"),
)
