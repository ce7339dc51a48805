"""Statements about emails in doubt."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.store.audit import note
from carillon.store.bulk import insert_rows, is_sqlite
from carillon.store.dispatch import WAITING
from carillon.store.moments import as_moment, database_now, stamp
from carillon.words import Status

__all__ = [
    "Connection", "Doubt", "Which", "any_of_age", "count", "doubts", "find", "note", "settle", "settle_all",
]  # fmt: skip

_SETTLED = (
    "update outbox set status = :status, send_at = case when :again then :now else send_at end,"
    " send = case when :again then :today else send end, updated_at = :now,"
    " intent_at = case when :again then null else intent_at end, claim_token = null,"
    " actual_send_datetime = case when :status = 'sent'"
    "  then coalesce(actual_send_datetime, intent_at) else actual_send_datetime end"
)


@dataclass(frozen=True)
class Doubt:
    """One email that may have been sent."""

    id: int
    contact_id: int
    email: str | None
    email_type: str
    day: str
    message_id: str | None
    account: str | None
    why: str | None
    minutes: int
    """Since it was handed over, by the database's clock."""

    def as_json(self) -> dict[str, object]:
        """Plain values only."""
        return asdict(self)


@dataclass(frozen=True)
class Which:
    """Some of the emails in doubt; None: whatever it is."""

    account: int | None = None
    since: datetime | None = None
    """Handed over then or later."""
    before: datetime | None = None
    ids: tuple[int, ...] | None = None

    def where(self, connection: Connection, table: str) -> str:
        """The same as a condition, beginning with "and"; `table`: the name or alias of `outbox`."""
        found = "" if self.account is None else f" and {table}.account_id = {self.account:d}"
        for sign, moment in ((">=", self.since), ("<", self.before)):
            if moment is not None:
                found += f" and {table}.intent_at {sign} {as_moment(connection, moment)}"
        if self.ids is not None:
            found += f" and {table}.id in ({', '.join(str(int(one)) for one in self.ids) or 'null'})"
        return found


def doubts(
    connection: Connection, which: Which = Which(), limit: int | None = None, begin: int = 0
) -> list[Doubt]:
    """Emails in doubt, the oldest first; `limit`: at most so many of them, after `begin` others."""
    some = "" if limit is None else f" limit {limit:d} offset {begin:d}"
    return _read(connection, f"{which.where(connection, 'o')} order by o.intent_at, o.id{some}", {})


def count(connection: Connection) -> int:
    """How many emails are in doubt."""
    return int(
        connection.execute(
            text(f"select count(*) from outbox where {WAITING} and status = '{Status.IN_DOUBT}'")
        ).scalar_one()
    )


def find(connection: Connection, number: int) -> Doubt | None:
    """The email of this id, if it is in doubt; nobody else settles it meanwhile."""
    lock = "" if is_sqlite(connection) else " for update of o"
    found = _read(connection, f"and o.id = :id{lock}", {"id": number})
    return found[0] if found else None


def settle(connection: Connection, doubt: Doubt, status: Status, now: datetime, today: int) -> None:
    """Give it its final status; `scheduled`: it is due at once, on the day it is now."""
    connection.execute(text(f"{_SETTLED} where id = :id"), _values(status, now, today) | {"id": doubt.id})
    connection.execute(text("insert into changes (contact_id) values (:id)"), {"id": doubt.contact_id})


def any_of_age(connection: Connection, minutes: int, attempts: int | None) -> bool:
    """Whether `settle_all` would do anything."""
    statement = f"select 1 from outbox where {_of_age(connection, minutes, attempts)} limit 1"
    return connection.execute(text(statement)).first() is not None


def settle_all(
    connection: Connection,
    status: Status,
    now: datetime,
    today: int,
    minutes: int,
    attempts: int | None = None,
    which: Which = Which(),
) -> list[int]:
    """As `settle`, all that were handed over `minutes` or more ago, by the database's clock. Returns ids.

    `attempts`: only those that were tried fewer times.
    """
    mine = _of_age(connection, minutes, attempts) + which.where(connection, "outbox")
    rows = connection.execute(
        text(f"{_SETTLED} where {mine} returning id, contact_id"), _values(status, now, today)
    ).all()
    insert_rows(connection, "changes", ("contact_id",), [(one,) for one in sorted({row[1] for row in rows})])
    return sorted(int(row[0]) for row in rows)


def _values(status: Status, now: datetime, today: int) -> dict[str, object]:
    again = status == Status.SCHEDULED
    return {"status": status.value, "again": again, "now": stamp(now), "today": today}


def _of_age(connection: Connection, minutes: int, attempts: int | None) -> str:
    fewer = "" if attempts is None else f" and attempts < {attempts}"
    return (
        f"{WAITING} and status = '{Status.IN_DOUBT}'"
        f" and intent_at <= {database_now(connection, -60 * minutes)}{fewer}"
    )


def _read(connection: Connection, rest: str, values: dict[str, object]) -> list[Doubt]:
    day, minutes = "date(o.send * 86400, 'unixepoch')", "(julianday('now') - julianday(o.intent_at)) * 1440"
    if not is_sqlite(connection):
        day = "(date '1970-01-01' + o.send)::text"
        minutes = "extract(epoch from clock_timestamp() - o.intent_at) / 60"
    rows = connection.execute(
        text(
            f"select o.id, o.contact_id, c.email, o.email_type, {day}, o.message_id, a.name, o.last_error,"
            f" coalesce({minutes}, 0) from outbox o left join contacts c on c.id = o.contact_id"
            " left join accounts a on a.id = o.account_id"
            f" where {WAITING.replace('outbox.', 'o.')} and o.status = '{Status.IN_DOUBT}' {rest}"
        ),
        values,
    )
    return [
        Doubt(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], int(row[8])) for row in rows
    ]
