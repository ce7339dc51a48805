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
