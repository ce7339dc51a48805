"""Emails planned and sent, looked at a page at a time; one cancelled or moved by hand.

A page is found in the tables by their indexes, and then read from the view `email_schedules`, by its ids.
All writing happens in the caller's transaction and is in the audit log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from carillon.errors import InputError
from carillon.keys import CONTACT_SHIFT
from carillon.packing import REASON_MASK
from carillon.store import audit
from carillon.store.bulk import is_sqlite
from carillon.store.moments import moment_of, stamp
from carillon.store.paging import Slice
from carillon.store.release import shown_kind
from carillon.words import Status

PLANNED = (Status.PRE_SCHEDULED.value, Status.SKIPPED.value)
BY_HAND = "by_hand"
"""`skip_reason` of what somebody cancelled."""
_COLUMNS = (
    "id, contact_id, email_type, scheduled_send_date, scheduled_send_time, original_send_date, status,"
    " skip_reason, priority, campaign_instance_id, email_template, sms_template, channel, send_at,"
    " account_id, enrollment_id, attempts, actual_send_datetime, parent_id"
)


@dataclass(frozen=True)
class Schedule:
    """One email or text message, as `email_schedules` has it."""

    id: int
    contact_id: int
    email_type: str | None
    day: str
    time: str | None
    ideal: str | None
    status: str
    skip_reason: str | None
    priority: int | None
    campaign_id: int | None
    email_template: str | None
    sms_template: str | None
    channel: str
    send_at: datetime | None
    account_id: int | None
    enrollment_id: int | None
    attempts: int
    sent_at: datetime | None
    parent_id: int | None


@dataclass(frozen=True)
class Which:
    """What is looked for; None: any. Days are day numbers."""

    contact: int | None = None
    first: int | None = None
    last: int | None = None
    status: str | None = None
    email_type: str | None = None
    campaign: int | None = None


def find(connection: Connection, number: int) -> Schedule | None:
    """The email with this id."""
    return next(iter(_read(connection, [number])), None)


def page(connection: Connection, which: Which, after: tuple[int, int] | None, limit: int) -> Slice[Schedule]:
    """Emails ascending by day and id; `after`: the last day and id."""
    values = {
        "contact": which.contact,
        "low": None if which.contact is None else which.contact << CONTACT_SHIFT,
        "high": None if which.contact is None else (which.contact + 1) << CONTACT_SHIFT,
        "first": which.first,
        "last": which.last,
        "status": which.status,
        "type": which.email_type,
        "campaign": which.campaign,
        "day": None if after is None else after[0],
        "after": None if after is None else after[1],
        "limit": limit + 1,
    }
    parts = []
    if which.status in (None, *PLANNED):
        parts.append(_part("plan p", _planned(which), "p", after))
    if which.status not in PLANNED:
        parts.append(_part("outbox o", _left(which), "o", after))
    # Each part is cut off by itself: an index serves it, and the rest is never looked at.
    rows = connection.execute(
        text(f"{' union all '.join(f'select * from ({one}) x' for one in parts)} order by 1, 2 limit :limit"),
        {name: value for name, value in values.items() if value is not None},
    ).all()
    ids = [int(row[1]) for row in rows[:limit]]
    found = {one.id: one for one in _read(connection, ids)}
    last = (int(rows[limit - 1][0]), ids[-1]) if len(rows) > limit else None
    return Slice([found[one] for one in ids if one in found], last)


def cancel(connection: Connection, schedule: Schedule, now: datetime, by: str) -> None:
    """Let an email that has not left never leave. Raises InputError where it is being sent or has left."""
    if schedule.status in PLANNED:
        connection.execute(
            text("update email_schedules set status = :new, skip_reason = :why where id = :id"),
            {"new": Status.CANCELLED.value, "why": BY_HAND, "id": schedule.id},
        )
        done = True
    else:
        done = bool(
            connection.execute(
                text(
                    "update outbox set status = :new, skip_reason = :why, updated_at = :now"
                    f" where id = :id and status = '{Status.SCHEDULED}'"
                ),
                {"new": Status.CANCELLED.value, "why": BY_HAND, "id": schedule.id, "now": stamp(now)},
            ).rowcount
        )
        if done:
            _changed(connection, schedule)
    if not done:
        raise InputError(f"the email {schedule.id} is {schedule.status}: it cannot be cancelled any more.")
    before = {"status": schedule.status, "day": schedule.day}
    audit.note(connection, by, f"email {schedule.id} cancelled", now, before, None)


def move(connection: Connection, schedule: Schedule, day: date, now: datetime, by: str) -> None:
    """Put a planned email on another day, and pin it there. Whether it may go then is asked before."""
    new = day.isoformat() if is_sqlite(connection) else day
    connection.execute(
        text("update email_schedules set scheduled_send_date = :day where id = :id"),
        {"day": new, "id": schedule.id},
    )
    audit.note(
        connection, by, f"email {schedule.id} moved", now, {"day": schedule.day}, {"day": day.isoformat()}
    )


def _part(source: str, conditions: list[str], alias: str, after: tuple[int, int] | None) -> str:
    if after is not None:
        conditions.append(f"{alias}.send >= :day and ({alias}.send > :day or {alias}.id > :after)")
    where = " and ".join(conditions) or "true"
    return (
        f"select {alias}.send, {alias}.id from {source} where {where}"
        f" order by {alias}.send, {alias}.id limit :limit"
    )


def _planned(which: Which) -> list[str]:
    found = _days(which, "p")
    if which.contact is not None:
        found.append("p.id >= :low and p.id < :high")
    if which.status is not None:
        found.append(f"p.state & {REASON_MASK} {'=' if which.status == Status.PRE_SCHEDULED else '<>'} 0")
    kinds = []
    if which.email_type is not None:
        kinds.append("email_type = :type")
    if which.campaign is not None:
        kinds.append("campaign_instance_id = :campaign")
    if kinds:
        condition = " and ".join(kinds)
        found.append(f"{shown_kind('p.id', 'p.state')} in (select kind from plan_kinds where {condition})")
    return found


def _left(which: Which) -> list[str]:
    found = _days(which, "o")
    if which.contact is not None:
        found.append("o.contact_id = :contact")
    if which.status is not None:
        found.append("o.status = :status")
    if which.email_type is not None:
        found.append("o.email_type = :type")
    if which.campaign is not None:
        found.append("o.campaign_instance_id = :campaign")
    return found


def _days(which: Which, alias: str) -> list[str]:
    found = [f"{alias}.send >= :first"] if which.first is not None else []
    return found + ([f"{alias}.send <= :last"] if which.last is not None else [])


def _read(connection: Connection, ids: list[int]) -> list[Schedule]:
    if not ids:
        return []
    listed = ", ".join(str(one) for one in ids)
    rows = connection.execute(text(f"select {_COLUMNS} from email_schedules where id in ({listed})"))
    return [_schedule(row) for row in rows]


def _schedule(row: Row[Any]) -> Schedule:
    return Schedule(
        id=int(row.id),
        contact_id=int(row.contact_id),
        email_type=row.email_type,
        day=str(row.scheduled_send_date),
        time=None if row.scheduled_send_time is None else str(row.scheduled_send_time),
        ideal=None if row.original_send_date is None else str(row.original_send_date),
        status=row.status,
        skip_reason=row.skip_reason,
        priority=row.priority,
        campaign_id=row.campaign_instance_id,
        email_template=row.email_template,
        sms_template=row.sms_template,
        channel=row.channel,
        send_at=moment_of(row.send_at),
        account_id=row.account_id,
        enrollment_id=row.enrollment_id,
        attempts=int(row.attempts or 0),
        sent_at=moment_of(row.actual_send_datetime),
        parent_id=row.parent_id,
    )


def _changed(connection: Connection, schedule: Schedule) -> None:
    connection.execute(text("insert into changes (contact_id) values (:id)"), {"id": schedule.contact_id})
