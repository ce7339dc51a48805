"""The audit log: what people and programs did on purpose. Rows are added and never changed.

All writing happens in the caller's transaction: a deed and its row are there together or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.store.moments import moment


def note(
    connection: Connection,
    who: str,
    what: str,
    when: datetime,
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
) -> None:
    """Add a row. `before` and `after`: what is different now, never a secret."""
    connection.execute(
        text(
            'insert into audit_log (who, what, "when", "before", "after")'
            " values (:who, :what, :when, :before, :after)"
        ),
        {
            "who": who,
            "what": what,
            "when": moment(when),
            "before": None if before is None else json.dumps(before, ensure_ascii=False),
            "after": None if after is None else json.dumps(after, ensure_ascii=False),
        },
    )
