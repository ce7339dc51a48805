"""What people want to be told of while they are at other things: replies, waves of bounces, pauses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.store.bulk import is_sqlite
from carillon.store.moments import moment_of, stamp
from carillon.words import AccountStatus, EventKind

REPLY, BOUNCES, PAUSE = "reply", "bounces", "pause"
"""Kinds, as people's preferences name them."""
WAVE = 10
"""So many bounces within an hour of the clock are a wave."""
_BACK = 5_000
"""So many of the latest events are looked through."""
_MOST = 50


@dataclass(frozen=True)
class Notice:
    """One thing that happened."""

    key: str
    """The same each time it is read."""
    kind: str
    at: datetime
    number: int
    """A reply: of its contact; bounces: how many; a pause: of the account, 0 for the whole workspace."""
    name: str | None
    """The contact's address, the account, or who paused the workspace."""
    is_fault: bool
    """An account stopped by an error, not by a person."""


def notices(connection: Connection, since: datetime) -> list[Notice]:
    """What came or changed after `since`, the newest first, in one statement for all who look."""
    at = "coalesce(e.received_at, e.created_at)"
    hour = f"substr({at}, 1, 13)"
    if not is_sqlite(connection):
        hour = f"to_char({at} at time zone 'UTC', 'YYYY-MM-DD HH24')"
    late = f"e.id > (select coalesce(max(id), 0) from contact_events) - {_BACK} and {at} > :since"
    rows = connection.execute(
        text(
            f"select * from (select {at} as at, '{REPLY}' as kind, cast(e.id as text) as key,"
            " e.contact_id as number, c.email as name, 0 as fault"
            " from contact_events e left join contacts c on c.id = e.contact_id"
            f" where {late} and e.event_type = '{EventKind.REPLIED}'"
            f" order by e.id desc limit {_MOST}) replies"
            f" union all select max({at}), '{BOUNCES}', {hour}, count(*), null, 0 from contact_events e"
            f" where {late} and e.event_type = '{EventKind.BOUNCED}'"
            f" group by {hour} having count(*) >= {WAVE}"
            f" union all select paused_at, '{PAUSE}', 'workspace', 0, paused_by, 0 from workspace_state"
            " where paused_at > :since"
            f" union all select updated_at, '{PAUSE}', 'account', id, name,"
            f" case when status = '{AccountStatus.ERROR}' then 1 else 0 end from accounts"
            f" where status <> '{AccountStatus.ACTIVE}' and updated_at > :since"
        ),
        {"since": stamp(since)},
    )
    found = [
        Notice(f"{row.kind} {row.key} {row.number if row.kind == PAUSE else ''} {row.fault}", row.kind, when,
               int(row.number), row.name, bool(row.fault))
        for row in rows
        if (when := moment_of(row.at)) is not None
    ]  # fmt: skip
    return sorted(found, key=lambda one: one.at, reverse=True)[:_MOST]
