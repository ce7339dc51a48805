"""The tables of what comes back: events, clicks, received messages, mailboxes read (05-listen)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from carillon.store.tables_base import NOW, Id, Json, Moment, metadata

contact_events = Table(
    "contact_events",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("contact_id", BigInteger, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("event_data", Json),
    Column("created_at", Moment, nullable=False, server_default=NOW, doc="when it happened"),
    Column("source", Text, doc="where we have it from: imap, link, sendgrid ..."),
    Column("dedupe_key", Text, doc="the same for every delivery of the same event"),
    Column("email_schedule_id", BigInteger),
    Column("raw_id", BigInteger, doc="raw_messages.id"),
    Column("received_at", Moment, doc="when we heard of it"),
    Column("read_at", Moment, doc="when a person had read the reply"),
)
Index("contact_events_by_contact", contact_events.c.contact_id)
_WRITTEN = contact_events.c.event_type.in_(("replied", "opted_out"))
Index(
    "contact_events_replies",
    contact_events.c.created_at,
    sqlite_where=_WRITTEN,
    postgresql_where=_WRITTEN,
)
_KEYED = contact_events.c.dedupe_key.is_not(None)
Index(
    "contact_events_once",
    contact_events.c.source,
    contact_events.c.dedupe_key,
    unique=True,
    sqlite_where=_KEYED,
    postgresql_where=_KEYED,
)
_COMPLAINT = contact_events.c.event_type == "complained"
Index(
    "contact_events_complaints",
    contact_events.c.created_at,
    sqlite_where=_COMPLAINT,
    postgresql_where=_COMPLAINT,
)

tracking_clicks = Table(
    "tracking_clicks",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("contact_id", BigInteger, nullable=False),
    Column("email_schedule_id", BigInteger),
    Column("url", Text),
    Column("clicked_at", Moment, nullable=False, server_default=NOW),
    Column("ip_address", Text),
    Column("user_agent", Text),
)
Index("tracking_clicks_by_contact", tracking_clicks.c.contact_id)

raw_messages = Table(
    "raw_messages",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("content", LargeBinary, nullable=False),
    info={"holds": "what was received, as it came; kept 90 days"},
)

inbox_folders = Table(
    "inbox_folders",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("folder", Text, primary_key=True),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("last_uid", BigInteger, nullable=False),
    Column("read_at", Moment, doc="up to when everything that had arrived was read"),
    Column("last_error", Text),
    Column("retry_at", Moment, doc="the login was refused: not tried again before"),
    info={"holds": "how far each account's folders were read"},
)
