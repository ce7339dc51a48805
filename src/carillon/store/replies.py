"""What people wrote back, to be read by people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.store.moments import moment_of, stamp
from carillon.words import EventKind

_KINDS = (EventKind.REPLIED, EventKind.OPTED_OUT)


@dataclass(frozen=True)
class Reply:
    """One email somebody wrote."""

    id: int
    contact_id: int
    email: str | None
    """Of the contact; whoever wrote may have used another address."""
    name: str
    kind: str
    """`replied`, or `opted_out` where that is what it says."""
    at: datetime | None
    sender: str | None
    subject: str | None
    text: str | None
    """What is new in it, as it came."""
    account: str | None
    """Whom it answers."""


def replies(connection: Connection, since: datetime, most: int) -> list[Reply]:
    """Those since a moment, the newest first, so many at most."""
    rows = connection.execute(
        text(
            "select e.id, e.contact_id, c.email, c.first_name, c.last_name, e.event_type, e.created_at,"
            " e.event_data, a.name from contact_events e"
            " left join contacts c on c.id = e.contact_id"
            " left join outbox o on o.id = e.email_schedule_id"
            " left join accounts a on a.id = o.account_id"
            " where e.event_type in (:replied, :opted_out) and e.source is not null"
            " and e.created_at >= :since order by e.created_at desc, e.id desc limit :most"
        ),
        {"replied": _KINDS[0], "opted_out": _KINDS[1], "since": stamp(since), "most": most},
    )
    found = []
    for number, contact, email, first, last, kind, at, data, account in rows:
        more = json.loads(data) if isinstance(data, str) else data or {}
        name = " ".join(part for part in (first, last) if part)
        sender, subject, said = (more.get(key) for key in ("from", "subject", "text"))
        found.append(Reply(number, contact, email, name, kind, moment_of(at), sender, subject, said, account))
    return found
