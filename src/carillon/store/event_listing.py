"""What happened, a page at a time, as programs and people may see it.

Answers to health questions are of a special kind: that somebody answered is told, the answer never.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from carillon.store.json_values import object_of
from carillon.store.moments import moment_of
from carillon.store.paging import Slice, sliced
from carillon.words import EventKind

COLUMNS = "id, contact_id, event_type, event_data, created_at, received_at, source, email_schedule_id"
PRIVATE = (EventKind.ELIGIBILITY_ANSWERED.value,)
"""Types whose data are told to nobody."""


@dataclass(frozen=True)
class Happened:
    """One event."""

    id: int
    contact_id: int | None
    """None: of an address that is no contact's."""
    type: str
    data: dict[str, Any] | None
    """None where there are none, or they are not to be told."""
    at: datetime | None
    received: datetime | None
    source: str | None
    schedule: int | None
    """The email it is about."""


def page(
    connection: Connection, after: int, limit: int, *, contact: int | None = None, kind: str | None = None
) -> Slice[Happened]:
    """Events in the order in which they were heard of; of one contact, or of one type, if that is named."""
    conditions = ["id > :after"]
    conditions += ["contact_id = :contact"] if contact is not None else []
    conditions += ["event_type = :kind"] if kind is not None else []
    rows = connection.execute(
        text(
            f"select {COLUMNS} from contact_events where {' and '.join(conditions)} order by id limit :limit"
        ),
        {"after": after, "limit": limit + 1, "contact": contact, "kind": kind},
    ).all()
    return sliced(rows, limit, happened, lambda row: (int(row.id),))


def happened(row: Row[Any]) -> Happened:
    """An event out of a row of `COLUMNS`."""
    return Happened(
        int(row.id),
        int(row.contact_id) or None,
        row.event_type,
        None if row.event_type in PRIVATE else object_of(row.event_data),
        moment_of(row.created_at),
        moment_of(row.received_at),
        row.source,
        None if row.email_schedule_id is None else int(row.email_schedule_id),
    )
