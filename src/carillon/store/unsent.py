"""Emails that did not leave: those that failed and why, and planned ones whose day has passed.

All writing happens in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, text

from carillon.days import date_of
from carillon.store.bulk import insert_rows
from carillon.store.moments import stamp
from carillon.store.paging import Slice, sliced
from carillon.words import Status


@dataclass(frozen=True)
class Failed:
    """One email."""

    id: int
    contact_id: int
    email: str | None
    email_type: str
    day: date
    account: str | None
    template: str | None
    why: str | None
    attempts: int


def failed(connection: Connection, since: int, after: tuple[int, int] | None, limit: int) -> Slice[Failed]:
    """Those of a day from `since` on (a day number), the newest first; `after`: the last day and id."""
    older = "" if after is None else " and (o.send < :day or (o.send = :day and o.id < :id))"
    day, number = after or (0, 0)
    rows = connection.execute(
        text(
            "select o.id, o.contact_id, c.email, o.email_type, o.send, a.name, o.email_template,"
            " o.last_error, o.attempts from outbox o left join contacts c on c.id = o.contact_id"
            " left join accounts a on a.id = o.account_id"
            f" where o.send >= :since and o.status = '{Status.FAILED}'{older}"
            " order by o.send desc, o.id desc limit :limit"
        ),
        {"since": since, "limit": limit + 1} | ({} if after is None else {"day": day, "id": number}),
    ).all()
    return sliced(
        rows,
        limit,
        lambda row: Failed(
            int(row[0]),
            int(row[1]),
            row[2],
            row[3],
            date_of(int(row[4])),
            row[5],
            row[6],
            row[7],
            int(row[8]),
        ),
        lambda row: (int(row[4]), int(row[0])),
    )


def count_failed(connection: Connection, since: int) -> int:
    """How many there are from a day on (a day number)."""
    statement = f"select count(*) from outbox where send >= :since and status = '{Status.FAILED}'"
    return int(connection.execute(text(statement), {"since": since}).scalar_one())


def again(
    connection: Connection, since: int, ids: Sequence[int] | None, now: datetime, today: int
) -> list[int]:
    """Let failed emails of a day from `since` on leave after all: they are due at once. Returns their ids.

    `ids`: of these only. What has no account never leaves, and a sequence that took notice of the failure
    has gone on or ended: such emails stay failed.
    """
    some = "" if ids is None else f" and id in ({', '.join(str(int(one)) for one in ids) or 'null'})"
    rows = connection.execute(
        text(
            f"update outbox set status = '{Status.SCHEDULED}', send_at = :now, send = :today,"
            " updated_at = :now, last_error = null, intent_at = null, claim_token = null"
            f" where send >= :since and status = '{Status.FAILED}' and account_id is not null"
            f" and (enrollment_id is null or noticed_at is null){some} returning id, contact_id"
        ),
        {"since": since, "now": stamp(now), "today": today},
    ).all()
    insert_rows(connection, "changes", ("contact_id",), [(one,) for one in sorted({row[1] for row in rows})])
    return sorted(int(row[0]) for row in rows)


def overdue(connection: Connection, today: int) -> dict[date, int]:
    """Planned emails by day, of days that have passed; `today`: a day number."""
    rows = connection.execute(
        text(
            "select day, sum(n) from plan_days where reason = 0 and n > 0 and day < :today"
            " group by day order by day"
        ),
        {"today": today},
    )
    return {date_of(int(day)): int(n) for day, n in rows}
