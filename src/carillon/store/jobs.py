"""The books of the jobs: who is at one, which occasion was seen to, what came of it.

A lease is a row: it holds until a moment of the database's clock and is extended while its holder lives, so
that a job is at work once, on any number of machines. When jobs are due is told by the workspace's clock.
All writing happens in the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from carillon.store.bulk import is_sqlite
from carillon.store.json_values import object_of
from carillon.store.moments import database_now, moment_of, stamp
from carillon.words import RunStatus

LEASE_SECONDS = 60
"""How long a lease holds after it was last extended."""
FAR = timedelta(days=1)
"""An occasion noted so far ahead comes from a clock that was wrong, or from `--now`, and silences nothing."""
LONGEST_ERROR = 1000


@dataclass(frozen=True)
class JobState:
    """What is noted of a job."""

    name: str
    is_held: bool
    """Whether somebody is at it, by the database's clock."""
    started: datetime | None
    finished: datetime | None
    completed: datetime | None
    """When it last ended well."""
    period: timedelta | None
    """From one occasion to the next, as a rule."""
    due_for: datetime | None
    """The last occasion that was seen to."""
    failures: int
    """Since it last ended well."""
    report: Mapping[str, object] | None
    """Of the last time that it ended well."""
    last_error: str | None
    """Of the last time, if that failed."""

    def has_seen(self, occasion: datetime, now: datetime) -> bool:
        """Whether an occasion, or one after it, was seen to."""
        return self.due_for is not None and occasion <= self.due_for <= now + FAR


def states(connection: Connection) -> dict[str, JobState]:
    """All jobs that ever ran, by name."""
    rows = connection.execute(
        text(
            "select name, started_at, finished_at, completed_at, period, due_for, failures, report,"
            f" last_error, coalesce(lease_until > {database_now(connection)}, false) as held"
            " from jobs order by name"
        )
    )
    return {str(row.name): _state(row) for row in rows}


def take(
    connection: Connection,
    name: str,
    holder: str,
    period: timedelta,
    occasion: datetime | None,
    now: datetime,
) -> bool:
    """Take the lease of a job for an occasion. Returns whether that could be had.

    It cannot while another holds it, nor for an occasion that was seen to (None: whatever was).
    """
    connection.execute(
        text("insert into jobs (name) values (:name) on conflict (name) do nothing"), {"name": name}
    )
    seconds = int(period.total_seconds())
    values: dict[str, object] = {"name": name, "holder": holder, "period": seconds, "now": stamp(now)}
    unseen = ""
    if occasion is not None:
        unseen = " and (due_for is null or due_for < :occasion or due_for > :ahead)"
        values |= {"occasion": stamp(occasion), "ahead": stamp(now + FAR)}
    return bool(
        connection.execute(
            text(
                f"update jobs set holder = :holder, lease_until = {database_now(connection, LEASE_SECONDS)},"
                " started_at = :now, period = :period where name = :name"
                f" and (lease_until is null or lease_until < {database_now(connection)}){unseen}"
            ),
            values,
        ).rowcount
    )


def extend(connection: Connection, name: str, holder: str) -> None:
    """Keep a lease."""
    connection.execute(
        text(
            f"update jobs set lease_until = {database_now(connection, LEASE_SECONDS)}"
            " where name = :name and holder = :holder"
        ),
        {"name": name, "holder": holder},
    )


def complete(
    connection: Connection,
    name: str,
    holder: str,
    occasion: datetime | None,
    now: datetime,
    report: Mapping[str, object],
) -> None:
    """Note that a job ended well, and give the lease back; all but the report only if we still hold it."""
    mark = ":report" if is_sqlite(connection) else "cast(:report as jsonb)"
    connection.execute(
        text(
            "update jobs set holder = null, lease_until = null, finished_at = :now, completed_at = :now,"
            f" due_for = coalesce(:occasion, due_for), outcome = '{RunStatus.COMPLETED}', failures = 0,"
            f" report = {mark}, last_error = null where name = :name and holder = :holder"
        ),
        {
            "name": name,
            "holder": holder,
            "occasion": None if occasion is None else stamp(occasion),
            "now": stamp(now),
            "report": json.dumps(report, ensure_ascii=False, default=str),
        },
    )


def fail(connection: Connection, name: str, holder: str, now: datetime, why: str) -> None:
    """Note that a job failed, and give the lease back: its occasion is still to be seen to."""
    connection.execute(
        text(
            "update jobs set holder = null, lease_until = null, finished_at = :now,"
            f" outcome = '{RunStatus.FAILED}', failures = failures + 1, last_error = :why"
            " where name = :name and holder = :holder"
        ),
        {"name": name, "holder": holder, "now": stamp(now), "why": why[:LONGEST_ERROR]},
    )


def give_back(connection: Connection, holder: str) -> None:
    """Give back every lease of a holder, as if it had never begun."""
    connection.execute(
        text("update jobs set holder = null, lease_until = null where holder = :holder"), {"holder": holder}
    )


def forget_holders(connection: Connection) -> None:
    """Give back all leases: for who knows that no other can be at work."""
    connection.execute(text("update jobs set holder = null, lease_until = null where holder is not null"))


def _state(row: Row[Any]) -> JobState:
    return JobState(
        str(row.name),
        bool(row.held),
        moment_of(row.started_at),
        moment_of(row.finished_at),
        moment_of(row.completed_at),
        None if row.period is None else timedelta(seconds=int(row.period)),
        moment_of(row.due_for),
        int(row.failures),
        object_of(row.report),
        row.last_error,
    )
