"""The tables of sequences: what they are made of, and each contact's way through them (03-sequences)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from carillon.store.tables_base import Id, Json, Moment, metadata

outreach_campaigns = Table(
    "outreach_campaigns",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("description", Text),
    Column("status", Text, nullable=False, server_default="active", doc="words.OutreachStatus"),
    Column("sender_name", Text),
    Column("default_subject", Text),
    Column("settings", Json, nullable=False, doc="defaults of its sequences: timing and templates"),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment),
)

sequences = Table(
    "sequences",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("outreach_campaign_id", BigInteger),
    Column("status", Text, nullable=False, server_default="draft", doc="words.SequenceStatus"),
    Column("scheduled_start_at", Moment),
    Column("settings", Json, nullable=False, doc="stop rules, drip, accounts: sequences.SequenceSettings"),
    Column("source", Text, doc="as it was written, to be exported unchanged"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment),
    sqlite_autoincrement=True,
)

sequence_steps = Table(
    "sequence_steps",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("sequence_id", BigInteger, nullable=False),
    Column("step_key", Text, nullable=False),
    Column("position", Integer, nullable=False, doc="as in the file; the first is where everybody begins"),
    Column("type", Text, nullable=False, doc="words.StepType"),
    Column("settings", Json, nullable=False),
    Column("next", Text, doc="the step after it; none: the sequence is completed"),
    Column("otherwise", Text, doc="of a condition"),
)
Index("sequence_steps_by_key", sequence_steps.c.sequence_id, sequence_steps.c.step_key, unique=True)

sequence_enrollments = Table(
    "sequence_enrollments",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("sequence_id", BigInteger, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("status", Text, nullable=False, doc="words.EnrollmentStatus"),
    Column("current_step", Text),
    Column("scheduled_start_at", Moment),
    Column("next_action_at", Moment, doc="UTC; none: it waits for an email"),
    Column("away_until", Moment, doc="an out-of-office reply says so: no step before"),
    Column("stepped_at", Moment, doc="when the step before the current one happened"),
    Column("visits", Integer, nullable=False, server_default="0", doc="steps begun so far"),
    Column("account_id", BigInteger, doc="it stays with the account that wrote first"),
    Column("exit_reason", Text, doc="words.ExitReason"),
    Column("enrolled_at", Moment, nullable=False),
    Column("ended_at", Moment),
    sqlite_autoincrement=True,
)
_OPEN = sequence_enrollments.c.status.in_(("scheduled", "active", "paused"))
Index(
    "sequence_enrollments_open",
    sequence_enrollments.c.sequence_id,
    sequence_enrollments.c.contact_id,
    unique=True,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)
_DUE = sequence_enrollments.c.status.in_(("scheduled", "active"))
Index(
    "sequence_enrollments_due",
    sequence_enrollments.c.sequence_id,
    sequence_enrollments.c.next_action_at,
    sequence_enrollments.c.id,
    sqlite_where=_DUE,
    postgresql_where=_DUE,
)
Index("sequence_enrollments_by_contact", sequence_enrollments.c.contact_id)
_ENDED = sequence_enrollments.c.ended_at.is_not(None)
Index(
    "sequence_enrollments_ended",
    sequence_enrollments.c.sequence_id,
    sequence_enrollments.c.ended_at,
    sqlite_where=_ENDED,
    postgresql_where=_ENDED,
)

sequence_step_executions = Table(
    "sequence_step_executions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("enrollment_id", BigInteger, nullable=False),
    Column("step_key", Text, nullable=False),
    Column("visit", Integer, nullable=False, doc="which step of the enrollment it was, from 1"),
    Column("outcome", Text, nullable=False),
    Column("detail", Text),
    Column("executed_at", Moment, nullable=False),
)
Index(
    "sequence_step_executions_once",
    sequence_step_executions.c.enrollment_id,
    sequence_step_executions.c.visit,
    unique=True,
)

sequence_calls = Table(
    "sequence_calls",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("enrollment_id", BigInteger, nullable=False),
    Column("visit", Integer, nullable=False),
    Column("url", Text, nullable=False),
    Column("body", Json, nullable=False),
    Column("status", Text, nullable=False, server_default="waiting", doc="waiting, done or failed"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Moment, nullable=False, doc="when it is tried, or tried again"),
    Column("last_error", Text),
    Column("created_at", Moment, nullable=False),
    Column("ended_at", Moment),
    info={"holds": "what webhook steps post, until somebody took it"},
)
Index("sequence_calls_once", sequence_calls.c.enrollment_id, sequence_calls.c.visit, unique=True)
_WAITING = sequence_calls.c.status == "waiting"
Index("sequence_calls_due", sequence_calls.c.due_at, sqlite_where=_WAITING, postgresql_where=_WAITING)
