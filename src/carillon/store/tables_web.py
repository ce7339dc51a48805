"""The tables of who comes in by the web, and of who is told there (07-faces, sections 2 and 3)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, func, true

from carillon.store.tables_base import Id, Json, Moment, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("prefix", Text, nullable=False, unique=True, doc="the part of the key that is no secret"),
    Column("hash", Text, nullable=False, doc="SHA-256 of the secret part, in hex"),
    Column("scopes", Text, nullable=False, doc="words with blanks between them"),
    Column("created_at", Moment, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
)

users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text, nullable=False, doc="argon2"),
    Column("role", Text, nullable=False, doc="words.Role"),
    Column("totp_secret", Text, doc="encrypted, see carillon/vault.py; none: no second factor"),
    Column("totp_last", BigInteger, doc="the last time step that was used: none counts twice"),
    Column(
        "failures",
        Integer,
        nullable=False,
        server_default="0",
        doc="wrong passwords since the last right one",
    ),
    Column("locked_until", Moment),
    Column("preferences", Json, doc="theme, refresh, notifications, last campaign"),
    Column("created_at", Moment, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("last_login_at", Moment),
    Column("disabled_at", Moment),
    sqlite_autoincrement=True,
)
Index("users_by_name", func.lower(users.c.name), unique=True)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", Text, primary_key=True, doc="SHA-256 of what the cookie holds, in hex"),
    Column("user_id", BigInteger, doc="none: let in by the one-time token, without a user"),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("user_agent", Text),
    Column("preferences", Json, doc="as those of a user, for who has none"),
)
Index("sessions_by_user", sessions.c.user_id)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("caller", Text, primary_key=True, doc="who called: a key or a user"),
    Column("key", Text, primary_key=True),
    Column("request", Text, nullable=False, doc="SHA-256 of method, path and body"),
    Column("status", Integer, doc="of the answer; none: still at work"),
    Column("answer", Text),
    Column("created_at", Moment, nullable=False),
    info={"holds": "answers to POST requests, kept a day, so that one that is repeated is done once"},
)
Index("idempotency_keys_by_age", idempotency_keys.c.created_at)

webhook_subscriptions = Table(
    "webhook_subscriptions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("url", Text, nullable=False),
    Column("event_types", Json, nullable=False, doc="a list; empty: all"),
    Column("secret", Text, nullable=False, doc="encrypted, see carillon/vault.py; signs what is posted"),
    Column("active", Boolean, nullable=False, server_default=true()),
    Column("created_at", Moment, nullable=False),
    Column("created_by", Text, nullable=False),
    sqlite_autoincrement=True,
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("subscription_id", BigInteger, nullable=False),
    Column("event_id", BigInteger, nullable=False, doc="contact_events.id"),
    Column("event_type", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="waiting", doc="waiting, done or failed"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Moment, nullable=False, doc="when it is tried, or tried again"),
    Column("answer_status", Integer, doc="of the last try, as HTTP says it"),
    Column("last_error", Text),
    Column("created_at", Moment, nullable=False),
    Column("ended_at", Moment),
)
Index(
    "webhook_deliveries_once",
    webhook_deliveries.c.subscription_id,
    webhook_deliveries.c.event_id,
    unique=True,
)
_WAITING = webhook_deliveries.c.status == "waiting"
Index("webhook_deliveries_due", webhook_deliveries.c.due_at, sqlite_where=_WAITING, postgresql_where=_WAITING)
