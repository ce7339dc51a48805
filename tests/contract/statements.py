"""What is asked of a database, and how it goes about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event


@contextmanager
def watched(connection: Connection) -> Iterator[dict[str, Any]]:
    """The statements that are run meanwhile, with values."""
    asked: dict[str, Any] = {}

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked[statement] = values

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(connection, "before_cursor_execute", note)


def answered_by(connection: Connection, statement: str, values: Any) -> list[str]:
    """How SQLite answers a statement."""
    return [str(row[3]) for row in connection.exec_driver_sql(f"explain query plan {statement}", values)]
