"""Who a campaign goes to: rows of `contact_campaigns`, added and removed set at a time.

A list of targets is staged, each row is matched with one contact (`meant`), and one statement adds or
removes all. Everything happens in the caller's transaction and starts from what is stored, so it may be run
again. Triggers note the contacts for the planner; for many, one row that means everybody stands in for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
from sqlalchemy import Connection, text

from carillon.store import meant
from carillon.store.bulk import is_sqlite
from carillon.store.contacts import BULK_ROWS, BULK_SHARE
from carillon.store.engine import scalar
from carillon.store.meant import MATCHED
from carillon.store.moments import moment
from carillon.store.paging import Slice, sliced
from carillon.store.planning import EVERYBODY
from carillon.words import TargetStatus

DATED = ("trigger_date",)
"""What a row has beside who it means."""
COLUMNS = (*meant.COLUMNS, *DATED)
"""What a row of a list has."""


@dataclass(frozen=True)
class Outcome:
    """What became of a list of targets."""

    by_date: dict[str, int]
    """Rows of `contact_campaigns` added or removed, by trigger date (ISO, ascending)."""
    unchanged: int
    """Rows of the list that were targets already (or twice in it), or were none when removed."""
    unknown: pl.DataFrame
    """Rows that mean no contact: `COLUMNS`, all as text, by line."""
    unclear: pl.DataFrame
    """Rows that could mean several contacts: the same and how many (`n`)."""

    @property
    def changed(self) -> int:
        return sum(self.by_date.values())


def add(connection: Connection, instance: int, rows: Iterable[pl.DataFrame], now: datetime) -> Outcome:
    """Make the contacts that `rows` mean targets on their trigger dates (ISO; every row has one)."""
    staged = meant.match(connection, rows, DATED)
    _spare_the_triggers(connection, staged)
    new = (
        f"{MATCHED} and not exists (select 1 from contact_campaigns c where c.contact_id = m.contact"
        " and c.campaign_instance_id = :instance and c.trigger_date = s.trigger_date)"
    )
    dates = _by_date(connection, "s.trigger_date", "distinct m.contact", new, instance)
    _do(
        connection,
        # In the order of the table's key, which is faster to write.
        _insert(connection, "select distinct m.contact, s.trigger_date", f"{new} order by 1, 2"),
        instance=instance,
        now=moment(now),
    )
    unknown, unclear = meant.nobody(connection, DATED)
    return Outcome(dates, staged - unknown.height - unclear.height - sum(dates.values()), unknown, unclear)


def remove(connection: Connection, instance: int, rows: Iterable[pl.DataFrame]) -> Outcome:
    """Take the targets that `rows` mean away: those on the trigger date, or all where a row has none."""
    _spare_the_triggers(connection, meant.match(connection, rows, DATED))
    same_day = "coalesce(s.trigger_date, c.trigger_date) = c.trigger_date"
    own = f"c.contact_id = m.contact and c.campaign_instance_id = :instance and {same_day}"
    hit = (
        "from temp_list s cross join temp_meant m cross join contact_campaigns c"
        f" where m.line = s.line and m.n = 1 and {own}"
    )
    dates = _by_date(connection, "c.trigger_date", "distinct m.contact", hit, instance)
    unchanged = scalar(
        connection,
        f"select count(*) {MATCHED} and not exists (select 1 from contact_campaigns c where {own})",
        instance=instance,
    )
    _do(
        connection,
        "delete from contact_campaigns where campaign_instance_id = :instance"
        f" and (contact_id, trigger_date) in (select c.contact_id, c.trigger_date {hit})",
        instance=instance,
    )
    return Outcome(dates, int(unchanged), *meant.nobody(connection, DATED))


def add_everybody(connection: Connection, instance: int, trigger: date, now: datetime) -> tuple[int, int]:
    """Make every contact a target on one trigger date. Returns how many were added, and how many were."""
    _note_everybody(connection)
    added = _do(
        connection,
        _insert(connection, "select id, cast(:trigger as text)", "from contacts where true"),
        instance=instance,
        now=moment(now),
        trigger=trigger.isoformat(),
    )
    return added, int(scalar(connection, "select count(*) from contacts")) - added


def remove_everybody(connection: Connection, instance: int, trigger: date | None) -> int:
    """Take all targets away, or those on one trigger date. Returns how many."""
    _note_everybody(connection)
    statement = "delete from contact_campaigns where campaign_instance_id = :instance"
    if trigger is None:
        return _do(connection, statement, instance=instance)
    statement += " and trigger_date = :trigger"
    return _do(connection, statement, instance=instance, trigger=trigger.isoformat())


@dataclass(frozen=True)
class Target:
    """One row of `contact_campaigns`."""

    contact_id: int
    email: str | None
    trigger_date: str
    status: str


def page(connection: Connection, instance: int, after: tuple[str, int] | None, limit: int) -> Slice[Target]:
    """Named targets of a campaign, ascending by contact and date; `after`: the last date and contact."""
    day, contact = after or ("", 0)
    rows = connection.execute(
        text(
            "select t.contact_id, c.email, t.trigger_date, t.status from contact_campaigns t"
            " left join contacts c on c.id = t.contact_id where t.campaign_instance_id = :instance"
            " and t.contact_id >= :contact and (t.contact_id > :contact or t.trigger_date > :day)"
            " order by t.contact_id, t.trigger_date limit :limit"
        ),
        {"instance": instance, "contact": contact, "day": day, "limit": limit + 1},
    ).all()
    return sliced(
        rows,
        limit,
        lambda row: Target(int(row[0]), row[1], row[2], row[3]),
        lambda row: (row[2], int(row[0])),
    )


def _insert(connection: Connection, what: str, whence: str) -> str:
    """`what`: contact and trigger date. PostgreSQL wants to be told what a bare parameter is."""
    now = ":now" if is_sqlite(connection) else "cast(:now as timestamptz)"
    return (
        "insert into contact_campaigns (contact_id, trigger_date, campaign_instance_id, status, created_at)"
        f" {what}, cast(:instance as bigint), '{TargetStatus.PENDING.value}', {now} {whence}"
        " on conflict (contact_id, campaign_instance_id, trigger_date) do nothing"
    )


def _by_date(connection: Connection, column: str, counted: str, whence: str, instance: int) -> dict[str, int]:
    rows = connection.execute(
        text(f"select {column}, count({counted}) {whence} group by {column}"), {"instance": instance}
    )
    return {str(day): int(n) for day, n in sorted((row[0], row[1]) for row in rows)}


def _spare_the_triggers(connection: Connection, rows: int) -> None:
    contacts = int(scalar(connection, "select count(*) from contacts")) if rows > BULK_ROWS else 0
    if rows > max(BULK_ROWS, BULK_SHARE * contacts):
        _note_everybody(connection)


def _note_everybody(connection: Connection) -> None:
    """Always with a row of our own: one that is there may be forgotten by a planner already at work."""
    _do(connection, "insert into changes (contact_id) values (:everybody)", everybody=EVERYBODY)


def _do(connection: Connection, statement: str, **values: object) -> int:
    return connection.execute(text(statement), values).rowcount
