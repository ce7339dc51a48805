"""What happened to one contact, whatever kind of thing it was, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from carillon.store.event_listing import PRIVATE
from carillon.store.json_values import object_of
from carillon.store.moments import moment_of
from carillon.words import Status

EMAIL, EVENT, ENROLLED, EXITED = "email", "event", "enrolled", "exited"
_GONE = tuple(
    f"'{one}'"
    for one in Status
    if one not in (Status.PRE_SCHEDULED, Status.SCHEDULED, Status.PROCESSING)
)  # fmt: skip
"""What an email is in after something happened to it."""


@dataclass(frozen=True)
class Entry:
    """One thing that happened."""

    at: datetime
    kind: str
    """`EMAIL`, `EVENT`, `ENROLLED` or `EXITED`."""
    what: str
    """The email's status, the event's type, the name of the sequence."""
    about: str | None = None
    """The email's type, the event's source, the reason why a sequence ended."""
    detail: str | None = None
    """Of an email: its template, or why it did not go."""
    data: dict[str, Any] | None = None
    """Of an event; answers to health questions are told to nobody."""


def of(connection: Connection, contact: int, limit: int) -> list[Entry]:
    """The latest `limit` entries."""
    found = [
        *_emails(connection, contact, limit),
        *_events(connection, contact, limit),
        *_enrollments(connection, contact, limit),
    ]
    found.sort(key=lambda one: one.at, reverse=True)
    return found[:limit]


def _emails(connection: Connection, contact: int, limit: int) -> list[Entry]:
    moment = "coalesce(actual_send_datetime, intent_at, updated_at, created_at)"
    rows = connection.execute(
        text(
            f"select {moment} as at, status, email_type, skip_reason, last_error, email_template from outbox"
            f" where contact_id = :id and status in ({', '.join(_GONE)}) and {moment} is not null"
            f" order by {moment} desc limit :limit"
        ),
        {"id": contact, "limit": limit},
    )
    return [
        Entry(at, EMAIL, row.status, row.email_type, row.skip_reason or row.last_error or row.email_template)
        for row in rows
        if (at := moment_of(row.at)) is not None
    ]


def _events(connection: Connection, contact: int, limit: int) -> list[Entry]:
    rows = connection.execute(
        text(
            "select created_at, event_type, source, event_data from contact_events where contact_id = :id"
            " order by created_at desc, id desc limit :limit"
        ),
        {"id": contact, "limit": limit},
    )
    return [
        Entry(
            at,
            EVENT,
            row.event_type,
            row.source,
            data=None if row.event_type in PRIVATE else object_of(row.event_data),
        )
        for row in rows
        if (at := moment_of(row.created_at)) is not None
    ]


def _enrollments(connection: Connection, contact: int, limit: int) -> list[Entry]:
    rows = connection.execute(
        text(
            "select e.enrolled_at, e.ended_at, e.exit_reason, s.name from sequence_enrollments e"
            " join sequences s on s.id = e.sequence_id where e.contact_id = :id"
            " order by e.id desc limit :limit"
        ),
        {"id": contact, "limit": limit},
    )
    found = []
    for row in rows:
        for kind, given in ((ENROLLED, row.enrolled_at), (EXITED, row.ended_at)):
            if (at := moment_of(given)) is not None:
                found.append(Entry(at, kind, row.name, row.exit_reason if kind == EXITED else None))
    return found
