"""Moments as the database holds them, and the database's own clock in SQL.

All are UTC and end in Z. SQLite compares moments as text: what the dispatcher compares has milliseconds
(`stamp`), what is only noted has whole seconds (`moment`).
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection

from carillon.store.bulk import is_sqlite


def stamp(moment: datetime) -> str:
    """An aware moment as stored."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


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
    if is_sqlite(connection):
        return f"strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '{seconds:+d} seconds')"
    return f"(clock_timestamp() + interval '{seconds} seconds')"


def database_micros(connection: Connection) -> int:
    """Microseconds since 1970 by the database's clock."""
    now = "(julianday('now') - 2440587.5) * 86400000000"
    if not is_sqlite(connection):
        now = "extract(epoch from clock_timestamp()) * 1000000"
    return int(connection.exec_driver_sql(f"select {now}").scalar_one())
