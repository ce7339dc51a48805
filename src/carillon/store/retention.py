"""What is deleted because it is old. All writing happens in the caller's transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from carillon.store.moments import stamp

BATCH = 1_000
"""Received messages deleted at a time: they are large, and others want to write."""


def forget_raw(connection: Connection, before: datetime) -> int:
    """Delete some of the messages that were received before a moment; their events stay. Returns how many."""
    ids = connection.execute(
        text("select id from raw_messages where received_at < :before order by id limit :batch"),
        {"before": stamp(before), "batch": BATCH},
    ).scalars()
    listed = ", ".join(str(int(one)) for one in ids)
    if not listed:
        return 0
    # Their numbers may be given again: no event may then point at what is not its own.
    connection.execute(text(f"update contact_events set raw_id = null where raw_id in ({listed})"))
    return connection.execute(text(f"delete from raw_messages where id in ({listed})")).rowcount
