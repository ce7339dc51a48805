"""What people wrote back, to be read by people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection, text

from carillon.store.bulk import stage_arrays
from carillon.store.json_values import object_of
from carillon.store.moments import as_moment, moment_of, stamp
from carillon.words import EventKind

_REPLIES = f"e.event_type in ('{EventKind.REPLIED}', '{EventKind.OPTED_OUT}')"
"""The condition of the index `contact_events_replies`."""


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
    read_at: datetime | None
    """When somebody said that it was read; None: it is new."""


def replies(connection: Connection, since: datetime | None, most: int, unread: bool = False) -> list[Reply]:
    """Those since a moment (None: all), the newest first, so many at most; `unread`: only what is new."""
    lately = "" if since is None else " and e.created_at >= :since"
    new = " and e.read_at is null" if unread else ""
    rows = connection.execute(
        text(
            "select e.id, e.contact_id, c.email, c.first_name, c.last_name, e.event_type, e.created_at,"
            " e.event_data, a.name, e.read_at from contact_events e"
            " left join contacts c on c.id = e.contact_id"
            " left join outbox o on o.id = e.email_schedule_id"
            " left join accounts a on a.id = o.account_id"
            f" where {_REPLIES} and e.source is not null{lately}{new}"
            " order by e.created_at desc, e.id desc limit :most"
        ),
        {"most": most} | ({} if since is None else {"since": stamp(since)}),
    )
    found = []
    for number, contact, email, first, last, kind, at, data, account, read_at in rows:
        more = object_of(data) or {}
        name = " ".join(part for part in (first, last) if part)
        sender, subject, said = (more.get(key) for key in ("from", "subject", "text"))
        moments = moment_of(at), moment_of(read_at)
        found.append(
            Reply(number, contact, email, name, kind, moments[0], sender, subject, said, account, moments[1])
        )
    return found


def mark_read(connection: Connection, ids: Iterable[int], now: datetime) -> int:
    """These replies are read by now. Returns how many were new."""
    stage_arrays(connection, "temp_read", ("id",), [np.array(sorted(set(ids)), np.int64)])
    return connection.exec_driver_sql(
        f"update contact_events as e set read_at = {as_moment(connection, now)}"
        f" where e.id in (select id from temp_read) and e.read_at is null and {_REPLIES}"
    ).rowcount
