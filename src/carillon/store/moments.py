"""Moments as the database holds them, and the database's own clock in SQL.

All are UTC and end in Z. SQLite compares moments as text: what the dispatcher compares has milliseconds
(`stamp`), what is only noted has whole seconds (`moment`).
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection

from carillon.store.bulk import is_sqlite
from carillon.store.engine import dbapi


def stamp(moment: datetime) -> str:
    """An aware moment as stored."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def as_moment(connection: Connection, moment: datetime) -> str:
    """The same as an expression."""
    return f"'{stamp(moment)}'" if is_sqlite(connection) else f"'{stamp(moment)}'::timestamptz"


def moment(now: datetime) -> str:
    """An aware moment as it is noted, to the second."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(value: str | datetime | None) -> datetime | None:
    """A stored moment, in UTC where it names no zone; None for what is none."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if found is None:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def database_now(connection: Connection, seconds: int = 0) -> str:
    """An expression for the database's clock, so many seconds from now."""
    return now_of(is_sqlite(connection), seconds)


def now_of(sqlite: bool, seconds: int = 0) -> str:
    """The same, for SQLite or PostgreSQL."""
    if sqlite:
        return f"strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '{seconds:+d} seconds')"
    return f"(clock_timestamp() + interval '{seconds} seconds')"


def micros_of(sqlite: bool) -> str:
    """An expression for microseconds since 1970 by the database's clock."""
    if sqlite:
        return "cast((julianday('now') - 2440587.5) * 86400000000 as integer)"
    return "cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)"


def database_micros(connection: Connection) -> int:
    """Microseconds since 1970 by the database's clock."""
    return int(dbapi(connection).execute(f"select {micros_of(is_sqlite(connection))}").fetchone()[0])
