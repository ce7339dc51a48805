"""What people do with emails: read through the public links. Each is stored once a minute, however often.

All writing happens in the caller's transaction.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, text

from carillon.store.bulk import is_sqlite
from carillon.store.moments import moment_of, stamp
from carillon.store.suppressions import MARKETING, suppress


class Response(StrEnum):
    """`contact_events.event_type` of what happens at the public links."""

    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True)
class Scheduled:
    """An email that has left the planner's hands, as far as it takes to show it again. Days are numbers."""

    id: int
    contact_id: int
    email_type: str
    event: int | None
    send: int
    campaign_instance_id: int | None
    email_template: str | None
    account_id: int | None


@dataclass(frozen=True)
class Visitor:
    """Who asked for a link, as far as it is known."""

    address: str | None
    program: str
    automatic: bool
    """Whether it is a scanner or a proxy: marked, and not counted."""


def scheduled(connection: Connection, schedule: int) -> Scheduled | None:
    """An email by its id."""
    row = connection.execute(
        text(
            "select id, contact_id, email_type, event, send, campaign_instance_id, email_template, account_id"
            " from outbox where id = :id"
        ),
        {"id": schedule},
    ).one_or_none()
    return None if row is None else Scheduled(*row)


def address_of(connection: Connection, contact: int) -> str | None:
    """The contact's address."""
    found = connection.execute(text("select email from contacts where id = :id"), {"id": contact}).scalar()
    return str(found) if found else None


def unsubscribe(connection: Connection, contact: int, schedule: int, now: datetime) -> bool:
    """Send the contact's address no marketing any more. Returns whether that is new."""
    address = address_of(connection, contact)
    if address is None:
        return False
    is_new, _ = suppress(connection, address, MARKETING, "unsubscribed", now)
    if is_new:
        _event(connection, contact, Response.UNSUBSCRIBED, {"email_schedule_id": schedule}, now)
    return is_new


def opened(connection: Connection, contact: int, schedule: int, visitor: Visitor, now: datetime) -> bool:
    """Note that an email was opened. Returns whether that was not noted in this minute already."""
    return _once(connection, contact, Response.OPENED, {"email_schedule_id": schedule}, visitor, now)


def clicked(
    connection: Connection, contact: int, schedule: int, url: str, visitor: Visitor, now: datetime
) -> bool:
    """Note that a link was followed; only people's clicks stand in `tracking_clicks`."""
    what = {"email_schedule_id": schedule, "url": url}
    if not _once(connection, contact, Response.CLICKED, what, visitor, now):
        return False
    if not visitor.automatic:
        connection.execute(
            text(
                "insert into tracking_clicks"
                " (contact_id, email_schedule_id, url, clicked_at, ip_address, user_agent)"
                " values (:contact, :schedule, :url, :now, :address, :program)"
            ),
            {
                "contact": contact,
                "schedule": schedule,
                "url": url,
                "now": stamp(now),
                "address": visitor.address,
                "program": visitor.program,
            },
        )
    return True


def _once(
    connection: Connection,
    contact: int,
    kind: Response,
    what: dict[str, object],
    visitor: Visitor,
    now: datetime,
) -> bool:
    """Add an event unless the same stands there for this minute."""
    if not is_sqlite(connection):
        # Two at the same moment: the second waits, and finds the first.
        connection.execute(text("select pg_advisory_xact_lock(:contact)"), {"contact": contact})
    minute = now.replace(second=0, microsecond=0)
    marked = what | {"automatic": visitor.automatic}
    rows = connection.execute(
        text(
            "select event_data, created_at from contact_events where contact_id = :contact"
            " and event_type = :kind and created_at >= :minute"
        ),
        {"contact": contact, "kind": kind.value, "minute": stamp(minute)},
    )
    for data, at in rows:
        found = json.loads(data) if isinstance(data, str) else data
        moment = moment_of(at)
        same_minute = moment is not None and moment.replace(second=0, microsecond=0) == minute
        if same_minute and isinstance(found, dict) and marked.items() <= found.items():
            return False
    _event(connection, contact, kind, marked | {"user_agent": visitor.program}, now)
    return True


def _event(
    connection: Connection, contact: int, kind: Response, data: dict[str, object], now: datetime
) -> None:
    mark = ":data" if is_sqlite(connection) else "cast(:data as jsonb)"
    connection.execute(
        text(
            "insert into contact_events (contact_id, event_type, event_data, created_at)"
            f" values (:contact, :kind, {mark}, :now)"
        ),
        {"contact": contact, "kind": kind.value, "data": json.dumps(data), "now": stamp(now)},
    )
