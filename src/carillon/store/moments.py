"""Moments as the database holds them, and the database's own clock in SQL.

SQLite compares moments as text, so all of them have one form: UTC, milliseconds, a Z.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection

from carillon.store.bulk import is_sqlite


def stamp(moment: datetime) -> str:
    """An aware moment as stored."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


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
