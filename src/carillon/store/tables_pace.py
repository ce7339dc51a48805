"""The tables of pace: days of slots, what sends led to, mail that only warms up (02-pace)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, Table, Text

from carillon.store.tables_base import Id, Moment, metadata

send_slots = Table(
    "send_slots",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("account_id", BigInteger, nullable=False),
    Column("send_at", Moment, nullable=False, doc="UTC"),
    Column("local_date", Text, nullable=False, doc="ISO date, in the account's zone"),
    Column("activity_period", Text, nullable=False, doc="words.Activity"),
    Column("status", Text, nullable=False, server_default="pending", doc="words.SlotStatus"),
    Column("sent_at", Moment),
    Column("schedule_id", BigInteger, doc="the email that has the slot, if one has"),
    Column("retry_count", Integer, nullable=False, server_default="0"),
    Column("last_error", Text),
)
Index("send_slots_by_account", send_slots.c.account_id, send_slots.c.send_at, unique=True)
Index("send_slots_by_date", send_slots.c.local_date, send_slots.c.account_id)
_TAKEN = send_slots.c.schedule_id.is_not(None)
Index(
    "send_slots_by_email",
    send_slots.c.schedule_id,
    sqlite_where=_TAKEN,
    postgresql_where=_TAKEN,
)
_PENDING = send_slots.c.status == "pending"
Index(
    "send_slots_pending",
    send_slots.c.account_id,
    send_slots.c.send_at,
    sqlite_where=_PENDING,
    postgresql_where=_PENDING,
)

slot_days = Table(
    "slot_days",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("local_date", Text, primary_key=True, doc="ISO date, in the account's zone"),
    Column("slots", Integer, nullable=False, doc="how many were made; 0: a day off"),
    Column("made_at", Moment, nullable=False),
    info={"holds": "the days whose slots have been made: each is made once"},
)

send_outcomes = Table(
    "send_outcomes",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("schedule_id", BigInteger, doc="none: history from another system"),
    Column("contact_id", BigInteger, nullable=False),
    Column("account_id", BigInteger),
    Column("campaign_instance_id", BigInteger),
    Column("outreach_campaign_id", BigInteger),
    Column("sequence_id", BigInteger),
    Column("industry", Text, doc="of the contact when it was sent, lower case"),
    Column("sent_at", Moment, nullable=False),
    Column("timezone", Text, nullable=False, doc="the contact's: weekday and hour are by its clock"),
    Column("weekday", Integer, nullable=False, doc="0: Monday"),
    Column("hour", Integer, nullable=False),
    Column("chosen", Text, doc="words.TimeChoice: how the time was chosen; none: by nobody"),
    Column("replied_at", Moment, doc="the first reply"),
    Column("hours_to_reply", Float),
    Column("opened_at", Moment),
    Column("clicked_at", Moment),
    info={"holds": "every send and its first answer: what the choice of send times learns from"},
)
_OURS = send_outcomes.c.schedule_id.is_not(None)
Index(
    "send_outcomes_by_email",
    send_outcomes.c.schedule_id,
    unique=True,
    sqlite_where=_OURS,
    postgresql_where=_OURS,
)
Index("send_outcomes_by_time", send_outcomes.c.sent_at)

send_time_counts = Table(
    "send_time_counts",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False, doc="days since 1970-01-01, UTC"),
    Column("industry", Text, primary_key=True, doc="empty: not known"),
    Column("weekday", Integer, primary_key=True, autoincrement=False),
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("sent", Integer, nullable=False),
    Column("replied", Integer, nullable=False),
    Column("opened", Integer, nullable=False),
    Column("clicked", Integer, nullable=False),
    Column("counted_at", Moment, nullable=False),
    info={"holds": "send_outcomes added up: what a choice of times reads; made anew by store.outcomes.learn"},
)

warmup_messages = Table(
    "warmup_messages",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("purpose", Text, nullable=False, doc="pool.MailPurpose"),
    Column("account_id", BigInteger, nullable=False, doc="the account that sends it"),
    Column("to_account_id", BigInteger, doc="of the pool; none for other addresses"),
    Column("to_address", Text, nullable=False),
    Column("parent_id", BigInteger, doc="the message it answers"),
    Column("template", Text, doc="topic, seed and turn of the conversation"),
    Column("subject", Text, nullable=False),
    Column("body", Text, doc="of warm-up mail, as it is sent"),
    Column("message_id", Text, nullable=False, unique=True),
    Column("status", Text, nullable=False, doc="pool.MailStatus"),
    Column("send_at", Moment, nullable=False, doc="of warm-up mail: the slot of its account that it takes"),
    Column("claim_token", Text),
    Column("intent_at", Moment, doc="from here on it may have been sent"),
    Column("sent_at", Moment),
    Column("received_at", Moment),
    Column("folder", Text, doc="where it was found"),
    Column("rescued_at", Moment, doc="when it was moved out of the spam folder"),
    Column("answer", Integer, nullable=False, server_default="0", doc="pool.Answer"),
    Column("last_error", Text),
    Column("created_at", Moment, nullable=False),
    info={"holds": "warm-up and test mail; never in email_schedules"},
)
Index("warmup_messages_by_account", warmup_messages.c.account_id, warmup_messages.c.send_at)
_WAITING = warmup_messages.c.status.in_(("scheduled", "processing"))
Index(
    "warmup_messages_waiting",
    warmup_messages.c.send_at,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)

warmup_days = Table(
    "warmup_days",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("local_date", Text, primary_key=True, doc="ISO date of the day that was judged"),
    Column("warmup_day", Integer, nullable=False, doc="as it stood on that date"),
    Column("verdict", Text, nullable=False, doc="pace.warmup.Verdict"),
    Column("why", Text, nullable=False),
    Column("judged_at", Moment, nullable=False),
    info={"holds": "what each day meant for the ramp: none is judged twice"},
)
