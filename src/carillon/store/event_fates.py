"""How emails stand after what came back: bounced above delivered, delivered above sent, in any order.

An event about an email also proves that it has left: doubts are settled by it, and what waits to be sent once
more is not. All writing happens in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from carillon.events import Event
from carillon.store.bulk import insert_rows
from carillon.store.clean import clean
from carillon.store.moments import as_moment
from carillon.words import Bounce, EventKind, Status

LONGEST_ERROR = 1000
LEFT, ARRIVED, CAME_BACK = 1, 2, 3
_SMS: dict[str, int] = {
    EventKind.SMS_SENT: LEFT,
    EventKind.SMS_DELIVERED: ARRIVED,
    EventKind.SMS_FAILED: CAME_BACK,
}
_PROVES: dict[str, int] = {
    EventKind.DELAYED: LEFT,
    EventKind.OPENED: LEFT,
    EventKind.CLICKED: LEFT,
    EventKind.REPLIED: LEFT,
    EventKind.AUTO_REPLIED: LEFT,
    EventKind.COMPLAINED: LEFT,
    EventKind.UNSUBSCRIBED: LEFT,
    EventKind.OPTED_OUT: LEFT,
    EventKind.DELIVERED: ARRIVED,
    EventKind.BOUNCED: CAME_BACK,
    **_SMS,
}
_OPEN = f"""('{Status.IN_DOUBT}', '{Status.PROCESSING}', '{Status.SCHEDULED}', '{Status.FAILED}',
    '{Status.CANCELLED}')"""
"""Not known to have left. With a Message-ID it may have: that is written before the network sees it."""


@dataclass(frozen=True, order=True)
class _Fate:
    """What an event says; the highest of several counts."""

    rank: int
    for_good: bool
    """Not only blocked by a policy."""
    words: str = ""
    """Of whoever sent it back."""


def note(connection: Connection, events: Sequence[Event], now: datetime) -> None:
    """Give emails the status that events prove."""
    fates: dict[tuple[int, str], _Fate] = {}
    for event in events:
        rank = _PROVES.get(event.kind)
        if rank is not None and event.schedule is not None:
            place = event.schedule, "sms" if event.kind in _SMS else "email"
            fates[place] = max(_fate(event, rank), fates.get(place, _Fate(0, False)))
    if not fates:
        return
    run = connection.exec_driver_sql
    run("drop table if exists temp_fates")
    run("create temp table temp_fates (id bigint, channel text, rank integer, blocked integer, words text)")
    rows = [(*place, one.rank, int(not one.for_good), one.words) for place, one in fates.items()]
    insert_rows(connection, "temp_fates", ("id", "channel", "rank", "blocked", "words"), rows)
    changed = run(
        f"update outbox set status = case f.rank when {CAME_BACK} then '{Status.BOUNCED}'"
        f"  when {ARRIVED} then '{Status.DELIVERED}' else '{Status.SENT}' end,"
        " skip_reason = case when f.blocked = 1 then 'blocked' end,"
        " last_error = coalesce(nullif(f.words, ''), outbox.last_error),"
        " actual_send_datetime = coalesce(actual_send_datetime, intent_at, send_at),"
        f" claim_token = null, lease_until = null, updated_at = {as_moment(connection, now)}"
        " from temp_fates f where f.id = outbox.id and f.channel = outbox.channel and ("
        f"  (f.rank = {CAME_BACK} and outbox.status in ('{Status.SENT}', '{Status.DELIVERED}'))"
        f"  or (f.rank = {CAME_BACK} and f.blocked = 0 and outbox.status = '{Status.BOUNCED}'"
        "   and outbox.skip_reason = 'blocked')"
        f"  or (f.rank = {ARRIVED} and outbox.status = '{Status.SENT}')"
        f"  or (outbox.status in {_OPEN} and outbox.message_id is not null))"
        " returning contact_id"
    )
    contacts = sorted({int(row[0]) for row in changed})
    insert_rows(connection, "changes", ("contact_id",), [(one,) for one in contacts])


def _fate(event: Event, rank: int) -> _Fate:
    if rank < CAME_BACK:
        return _Fate(rank, True)
    words = said(event, "text") or said(event, "code") or ""
    return _Fate(rank, event.bounce != Bounce.BLOCKED, words[:LONGEST_ERROR])


def said(event: Event, what: str) -> str | None:
    """A part of an event's data as text."""
    value = event.data.get(what)
    return None if value is None else clean(str(value))
