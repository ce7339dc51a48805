"""Programs that are told what happens: their subscriptions, and what was told to them and how it went.

A delivery is noted in the transaction that stores the event, and made later (`listen.announce`). Answers to
health questions are told to nobody. All writing happens in the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from carillon.errors import InputError
from carillon.store import audit
from carillon.store.bulk import is_sqlite
from carillon.store.event_listing import PRIVATE, Happened, happened
from carillon.store.json_values import list_of
from carillon.store.moments import moment_of, stamp
from carillon.store.paging import Slice, sliced

MOST = 50
"""Subscriptions: every event is looked at for each."""
_COLUMNS = "id, url, event_types, active, created_at, created_by"
_LONGEST_ERROR = 300


@dataclass(frozen=True)
class Subscription:
    """Who is told of what, without its secret."""

    id: int
    url: str
    event_types: tuple[str, ...]
    """Empty: all."""
    active: bool
    created: datetime | None
    created_by: str


@dataclass(frozen=True)
class Delivery:
    """One event for one subscriber."""

    id: int
    event_id: int
    event_type: str
    status: str
    attempts: int
    due: datetime | None
    answer_status: int | None
    last_error: str | None
    created: datetime | None
    ended: datetime | None


@dataclass(frozen=True)
class Due:
    """A delivery to be made."""

    id: int
    attempts: int
    """With this one."""
    subscription: int
    url: str
    secret: str
    """Encrypted."""
    event: Happened
    email: str | None
    external_id: str | None
    """Of the contact."""


def subscribe(
    connection: Connection, url: str, event_types: Collection[str], secret: str, now: datetime, by: str
) -> Subscription:
    """Let a server be told. `secret`: encrypted. Raises InputError for too many, and for a private type."""
    kinds = sorted(set(event_types))
    if private := [kind for kind in kinds if kind in PRIVATE]:
        raise InputError(f"{private[0]} is told to nobody: answers to health questions stay here.")
    if not is_sqlite(connection):
        connection.execute(text("lock table webhook_subscriptions in share row exclusive mode"))
    if len(subscriptions(connection)) >= MOST:
        raise InputError(f"there are {MOST} webhooks already; remove one first.")
    types = ":types" if is_sqlite(connection) else "cast(:types as jsonb)"
    number = connection.execute(
        text(
            "insert into webhook_subscriptions (url, event_types, secret, created_at, created_by)"
            f" values (:url, {types}, :secret, :now, :by) returning id"
        ),
        {"url": url, "types": json.dumps(kinds), "secret": secret, "now": stamp(now), "by": by},
    ).scalar_one()
    audit.note(connection, by, f"webhook {number} added", now, None, {"url": url, "event_types": kinds})
    found = find(connection, int(number))
    assert found is not None
    return found


def subscriptions(connection: Connection) -> list[Subscription]:
    """All of them, in the order in which they were made."""
    rows = connection.execute(text(f"select {_COLUMNS} from webhook_subscriptions order by id"))
    return [_subscription(row) for row in rows]


def find(connection: Connection, number: int) -> Subscription | None:
    """The subscription with this id."""
    row = connection.execute(
        text(f"select {_COLUMNS} from webhook_subscriptions where id = :id"), {"id": number}
    ).one_or_none()
    return None if row is None else _subscription(row)


def set_active(connection: Connection, number: int, active: bool, now: datetime, by: str) -> None:
    """Let a server be told, or not; what happens meanwhile it is never told."""
    connection.execute(
        text("update webhook_subscriptions set active = :active where id = :id"),
        {"active": active, "id": number},
    )
    what = f"webhook {number} {'resumed' if active else 'paused'}"
    audit.note(connection, by, what, now, {"active": not active}, {"active": active})


def unsubscribe(connection: Connection, number: int, now: datetime, by: str) -> None:
    """Take a subscription away, with all that waits for it and its log."""
    old = find(connection, number)
    connection.execute(text("delete from webhook_deliveries where subscription_id = :id"), {"id": number})
    connection.execute(text("delete from webhook_subscriptions where id = :id"), {"id": number})
    before = None if old is None else {"url": old.url, "event_types": list(old.event_types)}
    audit.note(connection, by, f"webhook {number} removed", now, before, None)


def note(connection: Connection, events: Collection[int], now: datetime) -> None:
    """Note for whoever wants to be told that these events were stored (ids of `contact_events`)."""
    if not events or connection.execute(text("select 1 from webhook_subscriptions limit 1")).first() is None:
        return
    wants = (
        "(json_array_length(s.event_types) = 0"
        " or exists (select 1 from json_each(s.event_types) t where t.value = e.event_type))"
    )
    if not is_sqlite(connection):
        wants = "(jsonb_array_length(s.event_types) = 0 or jsonb_exists(s.event_types, e.event_type))"
    private = ", ".join(f"'{kind}'" for kind in PRIVATE)
    moment = f"'{stamp(now)}'" if is_sqlite(connection) else f"'{stamp(now)}'::timestamptz"
    connection.exec_driver_sql(
        "insert into webhook_deliveries (subscription_id, event_id, event_type, due_at, created_at)"
        f" select s.id, e.id, e.event_type, {moment}, {moment}"
        " from contact_events e cross join webhook_subscriptions s"
        f" where e.id in ({', '.join(str(int(one)) for one in sorted(events))})"
        f" and s.active and e.event_type not in ({private}) and {wants} order by e.id, s.id"
        " on conflict (subscription_id, event_id) do nothing"
    )


def claim(connection: Connection, now: datetime, again: datetime, limit: int) -> list[Due]:
    """Deliveries that are due, each one worker's until `again`."""
    lock = "" if is_sqlite(connection) else " for update skip locked"
    rows = connection.execute(
        text(
            "update webhook_deliveries set attempts = attempts + 1, due_at = :again where id in ("
            " select d.id from webhook_deliveries d where d.status = 'waiting' and d.due_at <= :now"
            f" order by d.due_at, d.id limit :limit{lock}) returning id"
        ),
        {"now": stamp(now), "again": stamp(again), "limit": limit},
    )
    ids = sorted(int(one) for one in rows.scalars())
    if not ids:
        return []
    found = connection.execute(
        text(
            "select d.id as delivery, d.attempts, s.id as subscription, s.url, s.secret, c.email,"
            " c.external_id, e.id, e.contact_id, e.event_type, e.event_data, e.created_at, e.received_at,"
            " e.source, e.email_schedule_id from webhook_deliveries d"
            " join webhook_subscriptions s on s.id = d.subscription_id"
            " join contact_events e on e.id = d.event_id left join contacts c on c.id = e.contact_id"
            f" where d.id in ({', '.join(map(str, ids))}) order by d.id"
        )
    )
    return [
        Due(int(row.delivery), int(row.attempts), int(row.subscription), row.url, row.secret, happened(row),
            row.email, row.external_id)
        for row in found
    ]  # fmt: skip


def end(
    connection: Connection, due: Due, now: datetime, status: int | None, error: str | None,
    again: datetime | None,
) -> None:  # fmt: skip
    """What became of a delivery: it was taken, it is tried `again`, or nobody tries any more."""
    state = "done" if error is None else "waiting" if again else "failed"
    connection.execute(
        text(
            "update webhook_deliveries set status = :state, answer_status = :status, last_error = :error,"
            " due_at = coalesce(:again, due_at), ended_at = :ended where id = :id and attempts = :attempts"
        ),
        {
            "state": state,
            "status": status,
            "error": error and error[:_LONGEST_ERROR],
            "again": stamp(again) if again else None,
            "ended": None if state == "waiting" else stamp(now),
            "id": due.id,
            "attempts": due.attempts,
        },
    )


def deliveries(connection: Connection, subscription: int, before: int | None, limit: int) -> Slice[Delivery]:
    """The log of a subscription, the newest first; `before`: older than this delivery."""
    older = "" if before is None else " and id < :before"
    rows = connection.execute(
        text(
            "select id, event_id, event_type, status, attempts, due_at, answer_status, last_error,"
            f" created_at, ended_at from webhook_deliveries where subscription_id = :id{older}"
            " order by id desc limit :limit"
        ),
        {"id": subscription, "limit": limit + 1} | ({} if before is None else {"before": before}),
    ).all()
    return sliced(
        rows,
        limit,
        lambda row: Delivery(
            row.id,
            row.event_id,
            row.event_type,
            row.status,
            row.attempts,
            moment_of(row.due_at),
            row.answer_status,
            row.last_error,
            moment_of(row.created_at),
            moment_of(row.ended_at),
        ),
        lambda row: (int(row[0]),),
    )


def forget(connection: Connection, before: datetime) -> int:
    """Delete deliveries that ended before a moment. Returns how many."""
    return connection.execute(
        text("delete from webhook_deliveries where ended_at < :before"), {"before": stamp(before)}
    ).rowcount


def _subscription(row: Row[Any]) -> Subscription:
    kinds = tuple(str(one) for one in list_of(row.event_types) or [])
    return Subscription(
        int(row.id), row.url, kinds, bool(row.active), moment_of(row.created_at), row.created_by
    )
