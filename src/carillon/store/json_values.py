"""JSON as the databases give it back: SQLite as text, PostgreSQL as what it says."""

from __future__ import annotations

import json
from typing import Any


def object_of(value: object) -> dict[str, Any] | None:
    """A stored JSON object; None for what is none, whoever wrote it there."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def list_of(value: object) -> list[Any] | None:
    """A stored JSON list; None for what is none."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def by_a_program(sqlite: bool, column: str) -> str:
    """Whether a scanner or a proxy did it, in SQL, by an event's data: other programs' may be no JSON."""
    if sqlite:
        automatic = f"case when json_valid({column}) then json_extract({column}, '$.automatic') end"
        return f"coalesce({automatic}, 0) = 1"
    return f"coalesce({column} ->> 'automatic', 'false') = 'true'"
