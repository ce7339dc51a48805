"""Who has signed in to the web, and until when that holds.

A session is 32 bytes of chance in a cookie; here is only their SHA-256, so that a copy of the database lets
nobody in. All writing happens in the caller's transaction.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from carillon.store import users
from carillon.store.json_values import object_of
from carillon.store.moments import moment_of, stamp
from carillon.store.users import User

IDLE, LONGEST = timedelta(hours=12), timedelta(days=14)
"""A session ends after so long without a click, and so long after its begin in any case."""
SEEN_AGAIN = timedelta(minutes=1)
"""A click within so much time of the last one is not written down."""
_LONGEST_AGENT = 300


@dataclass(frozen=True)
class Session:
    """One browser of one person."""

    hash: str
    user: User | None
    """None: let in by the one-time token, without a user."""
    seen: datetime
    own_preferences: Mapping[str, Any]
    """Of a session without a user."""

    @property
    def preferences(self) -> Mapping[str, Any]:
        return self.own_preferences if self.user is None else self.user.preferences


def begin(connection: Connection, user: User | None, agent: str, now: datetime) -> str:
    """Make a session; what is returned goes into the cookie, and is nowhere else. Old ones are cleared."""
    connection.execute(
        text("delete from sessions where expires_at < :now or seen_at < :idle"),
        {"now": stamp(now), "idle": stamp(now - IDLE)},
    )
    secret = secrets.token_urlsafe(32)
    connection.execute(
        text(
            "insert into sessions (hash, user_id, created_at, seen_at, expires_at, user_agent)"
            " values (:hash, :user, :now, :now, :until, :agent)"
        ),
        {
            "hash": hash_of(secret),
            "user": None if user is None else user.id,
            "now": stamp(now),
            "until": stamp(now + LONGEST),
            "agent": agent[:_LONGEST_AGENT],
        },
    )
    return secret


def find(connection: Connection, hashed: str, now: datetime) -> Session | None:
    """The session, if it holds: not expired, of a user who may come in.

    One without a user holds as long as there is no user at all.
    """
    row = connection.execute(
        text(
            "select user_id, seen_at, preferences from sessions"
            " where hash = :hash and expires_at > :now and seen_at > :idle"
        ),
        {"hash": hashed, "now": stamp(now), "idle": stamp(now - IDLE)},
    ).one_or_none()
    if row is None:
        return None
    user = None
    if row.user_id is not None:
        user = users.by_id(connection, row.user_id)
        if user is None or user.disabled is not None:
            return None
    elif users.are_there_any(connection):
        return None
    seen = moment_of(row.seen_at)
    assert seen is not None
    return Session(hashed, user, seen, object_of(row.preferences) or {})


def touch(connection: Connection, session: Session, now: datetime) -> None:
    """Note that it is in use."""
    connection.execute(
        text("update sessions set seen_at = :now where hash = :hash"),
        {"now": stamp(now), "hash": session.hash},
    )


def set_preferences(connection: Connection, session: Session, preferences: Mapping[str, object]) -> None:
    """Store what its person prefers, all of it: with the user, or with the session where there is none."""
    if session.user is not None:
        users.set_preferences(connection, session.user.id, preferences)
        return
    connection.execute(
        text("update sessions set preferences = :preferences where hash = :hash"),
        {"preferences": json.dumps(preferences), "hash": session.hash},
    )


def end(connection: Connection, hashed: str) -> None:
    """Somebody signed out."""
    connection.execute(text("delete from sessions where hash = :hash"), {"hash": hashed})


def end_others(connection: Connection, session: Session) -> None:
    """End all sessions of the same user but this one."""
    connection.execute(
        text("delete from sessions where user_id = :user and hash <> :hash"),
        {"user": None if session.user is None else session.user.id, "hash": session.hash},
    )


def hash_of(secret: str) -> str:
    """What a cookie is found by."""
    return hashlib.sha256(secret.encode()).hexdigest()
