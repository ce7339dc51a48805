"""What the first page tells at a glance: counts that are cheap with millions of contacts, and the news."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.store.engine import scalar
from carillon.store.moments import moment_of, stamp
from carillon.words import EventKind, Status

_TOLD = (
    EventKind.REPLIED,
    EventKind.OPTED_OUT,
    EventKind.UNSUBSCRIBED,
    EventKind.BOUNCED,
    EventKind.COMPLAINED,
    EventKind.CLICKED,
    EventKind.OPENED,
    EventKind.AUTO_REPLIED,
)
"""Answers to health questions are not among them: they are nobody's news."""
_BACK = 5_000
"""So many of the latest events are looked through for news."""


@dataclass(frozen=True)
class Happened:
    """One piece of news."""

    at: datetime
    kind: str
    """`sent`, or one of EventKind."""
    contact: int
    email: str | None
    template: str | None
    """Of the email that was sent."""


def contacts(connection: Connection) -> int:
    """How many there are: a tenth of a second for three million."""
    return int(scalar(connection, "select count(*) from contacts"))


def replies(connection: Connection, since: datetime) -> int:
    """How many replies came since."""
    written = f"('{EventKind.REPLIED}', '{EventKind.OPTED_OUT}')"
    return int(
        scalar(
            connection,
            # The first condition is the index's own: SQLite does not see that the second one implies it.
            f"select count(*) from contact_events where event_type in {written}"
            f" and event_type = '{EventKind.REPLIED}' and created_at >= :since",
            since=stamp(since),
        )
    )


def news(connection: Connection, today: int, most: int) -> list[Happened]:
    """What happened last, the newest first; `today`: a day number."""
    kinds = ", ".join(f"'{kind}'" for kind in _TOLD)
    newest = scalar(connection, "select max(id) from contact_events") or 0
    events = connection.execute(
        text(
            "select e.created_at as at, e.event_type as kind, e.contact_id, c.email, null as template"
            " from contact_events e left join contacts c on c.id = e.contact_id"
            f" where e.id > :after and e.event_type in ({kinds}) order by e.id desc limit :most"
        ),
        {"after": newest - _BACK, "most": most},
    )
    sent = connection.execute(
        text(
            # Only the contacts of the few that are told are looked up.
            "select o.actual_send_datetime as at, 'sent' as kind, o.contact_id, c.email,"
            " o.email_template as template from (select * from outbox"
            " where send between :today - 1 and :today and actual_send_datetime is not null"
            f" and status in ('{Status.SENT}', '{Status.DELIVERED}', '{Status.BOUNCED}')"
            " order by actual_send_datetime desc, id desc limit :most) o"
            " left join contacts c on c.id = o.contact_id"
        ),
        {"today": today, "most": most},
    )
    found = [
        Happened(at, row.kind, int(row.contact_id), row.email, row.template)
        for row in [*events, *sent]
        if (at := moment_of(row.at)) is not None
    ]
    return sorted(found, key=lambda one: one.at, reverse=True)[:most]
