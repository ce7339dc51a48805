"""Days of slots: made, looked at, counted, deleted (02-pace §2). What becomes of a slot: `slot_use`.

A day is an account and a local date. It is made once: its row in `slot_days` is the fence. All writing
happens in the caller's transaction; many days are one statement or a few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from carillon.store.bulk import insert_rows, is_sqlite, with_rows
from carillon.store.moments import moment_of, stamp
from carillon.words import Activity, SlotStatus

Day = tuple[int, date]
"""An account and a local date."""
Moments = Sequence[tuple[datetime, Activity]]
_DAY = (("account_id", "bigint"), ("local_date", "text"))


@dataclass(frozen=True)
class StoredSlot:
    """One moment of a day, and what became of it."""

    at: datetime
    """UTC."""
    activity: str
    status: str
    sent_at: datetime | None = None
    schedule_id: int | None = None
    """The email that has it."""
    retry_count: int = 0
    last_error: str | None = None
    to: str | None = None
    """Who that email goes to."""


def made(connection: Connection, days: Collection[Day]) -> dict[Day, datetime | None]:
    """Those of some days that were made, and when."""
    rows = with_rows(
        connection,
        _DAY,
        _keys(days),
        "select d.account_id, d.local_date, d.made_at from v"
        " join slot_days d on d.account_id = v.account_id and d.local_date = v.local_date",
    )
    return {_key(account, day): moment_of(at) for account, day, at in rows}


def make(connection: Connection, days: Mapping[Day, Moments], now: datetime) -> dict[Day, int]:
    """Store days with their slots. One that was made stays as it is. Returns how many slots each new one has.

    A slot at an instant that the account has one at already, of a day in another zone, is not made again.
    """
    rows = [(*key, len(days[_key(*key)]), stamp(now)) for key in _keys(days)]
    moment = "v.made_at" if is_sqlite(connection) else "v.made_at::timestamptz"
    fresh = with_rows(
        connection,
        (*_DAY, ("slots", "integer"), ("made_at", "text")),
        rows,
        "insert into slot_days (account_id, local_date, slots, made_at)"
        f" select account_id, local_date, slots, {moment} from v where true"
        " on conflict (account_id, local_date) do nothing returning account_id, local_date",
    )
    new = {_key(*row): days[_key(*row)] for row in fresh}
    run = connection.exec_driver_sql
    run("drop table if exists temp_slots")
    run("create temp table temp_slots (account_id bigint, send_at text, local_date text, activity text)")
    insert_rows(
        connection,
        "temp_slots",
        ("account_id", "send_at", "local_date", "activity"),
        (
            (account, stamp(at), day.isoformat(), activity.value)
            for (account, day), moments in new.items()
            for at, activity in moments
        ),
    )
    at = "send_at" if is_sqlite(connection) else "send_at::timestamptz"
    run(
        "insert into send_slots (account_id, send_at, local_date, activity_period, status)"
        f" select account_id, {at}, local_date, activity, '{SlotStatus.PENDING}' from temp_slots where true"
        " order by account_id, send_at on conflict (account_id, send_at) do nothing"
    )
    return {day: len(moments) for day, moments in new.items()}


def untouched(
    connection: Connection, days: Collection[Day], now: datetime
) -> dict[Day, list[tuple[datetime, str]]]:
    """Those of some days that were made, have not begun and of which no slot is taken, with their moments."""
    found: dict[Day, list[tuple[datetime, str]]] = {day: [] for day in made(connection, days)}
    rows = with_rows(
        connection,
        _DAY,
        _keys(found),
        "select s.account_id, s.local_date, s.send_at, s.activity_period, s.status, s.schedule_id from v"
        " join send_slots s on s.account_id = v.account_id and s.local_date = v.local_date"
        " order by s.account_id, s.send_at",
    )
    for account, day, at, activity, status, schedule in rows:
        key, moment = _key(account, day), moment_of(at)
        assert moment is not None
        if key not in found:
            continue
        if status != SlotStatus.PENDING or schedule is not None or moment <= now:
            del found[key]
        else:
            found[key].append((moment, activity))
    return found


def unmake(connection: Connection, days: Collection[Day]) -> None:
    """Take days away, to be made anew."""
    for table in ("send_slots", "slot_days"):
        with_rows(
            connection,
            _DAY,
            _keys(days),
            f"delete from {table} where (account_id, local_date) in (select account_id, local_date from v)",
        )


def of_day(connection: Connection, account: int, day: date) -> list[StoredSlot]:
    """The slots of a day, ascending."""
    rows = connection.execute(
        text(
            "select s.send_at, s.activity_period, s.status, s.sent_at, s.schedule_id, s.retry_count,"
            " s.last_error, c.email from send_slots s left join outbox o on o.id = s.schedule_id"
            " left join contacts c on c.id = o.contact_id"
            " where s.account_id = :account and s.local_date = :day order by s.send_at"
        ),
        {"account": account, "day": day.isoformat()},
    )
    return [_slot(*row) for row in rows]


def counts(connection: Connection, days: Iterable[Day]) -> dict[Day, Counter[str]]:
    """How many slots of some days have which status."""
    rows = with_rows(
        connection,
        _DAY,
        _keys(days),
        "select s.account_id, s.local_date, s.status, count(*) from v join send_slots s"
        " on s.account_id = v.account_id and s.local_date = v.local_date"
        " group by s.account_id, s.local_date, s.status",
    )
    found: dict[Day, Counter[str]] = {}
    for account, day, status, n in rows:
        found.setdefault(_key(account, day), Counter())[str(status)] = int(n)
    return found


def forget(connection: Connection, before: date) -> int:
    """Delete the days before a date. Returns how many slots they had."""
    gone = connection.execute(
        text("delete from send_slots where local_date < :before"), {"before": before.isoformat()}
    ).rowcount
    connection.execute(
        text("delete from slot_days where local_date < :before"), {"before": before.isoformat()}
    )
    return gone


def _keys(days: Iterable[Day]) -> list[tuple[int, str]]:
    return sorted((account, day.isoformat()) for account, day in days)


def _key(account: Any, day: str) -> Day:
    return int(account), date.fromisoformat(day)


def _slot(
    at: Any, activity: str, status: str, sent: Any, schedule: Any, retries: Any, error: Any, to: Any
) -> StoredSlot:
    moment, email = moment_of(at), None if schedule is None else int(schedule)
    assert moment is not None
    return StoredSlot(moment, activity, status, moment_of(sent), email, int(retries), error, to)
