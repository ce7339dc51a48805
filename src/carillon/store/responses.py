"""What people do with emails at the public links: each becomes an event, once a minute, however often.

All writing happens in the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, text

from carillon.events import LINK, Event
from carillon.store.events import Applied, apply
from carillon.store.moments import stamp
from carillon.tokens import Purpose, Ticket
from carillon.words import EventKind

_KINDS = {
    Purpose.UNSUBSCRIBE: EventKind.UNSUBSCRIBED,
    Purpose.OPEN: EventKind.OPENED,
    Purpose.CLICK: EventKind.CLICKED,
}


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


def respond(
    connection: Connection, purpose: Purpose, ticket: Ticket, visitor: Visitor | None, now: datetime
) -> Applied:
    """Somebody followed a link. `visitor`: None where it says nothing; it unsubscribes all the same."""
    return apply(connection, [event_of(purpose, ticket, visitor, now)], now)


def event_of(purpose: Purpose, ticket: Ticket, visitor: Visitor | None, now: datetime) -> Event:
    """What following a link is. A person and a scanner in the same minute are two."""
    automatic = visitor is not None and visitor.automatic
    what = f"{purpose.value} {ticket.contact} {ticket.schedule} {automatic:d} {stamp(now)[:16]}"
    data: dict[str, object] = {}
    if visitor is not None:
        data["user_agent"] = visitor.program
    if purpose is Purpose.CLICK:
        data["url"] = ticket.url
        if visitor is not None and not automatic:
            data["ip"] = visitor.address
    return Event(
        _KINDS[purpose],
        LINK,
        sha256(f"{what} {ticket.url}".encode()).hexdigest(),
        now,
        schedule=ticket.schedule,
        contact=ticket.contact,
        automatic=automatic,
        data=data,
    )
