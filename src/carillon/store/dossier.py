"""All that is known of one contact, as it is handed out to it: rows by table."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from carillon.addresses import normalise
from carillon.errors import InputError
from carillon.store.json_values import list_of, object_of
from carillon.store.moments import stamp

_TABLES = (
    ("issues", "contact_issues", "contact_id = :id", "code"),
    ("suppressions", "suppressions", "address = :email", "id"),
    ("campaigns", "contact_campaigns", "contact_id = :id", "campaign_instance_id, trigger_date"),
    ("emails", "email_schedules", "contact_id = :id", "scheduled_send_date, id"),
    ("enrollments", "sequence_enrollments", "contact_id = :id", "id"),
    ("events", "contact_events", "contact_id = :id", "id"),
    ("clicks", "tracking_clicks", "contact_id = :id", "id"),
)
"""Name, table, whose rows, in which order."""
_JSON = ("attributes", "tags", "event_data", "metadata")
_OURS = ("seed", "claim_token", "lease_until", "dedupe_key", "raw_id")
"""What says nothing about a person."""


def of(connection: Connection, number: int) -> dict[str, object]:
    """The contact and the rows that are about it. Raises InputError where there is no such contact."""
    row = connection.execute(text("select * from contacts where id = :id"), {"id": number}).mappings().first()
    if row is None:
        raise InputError(f"there is no contact {number}.")
    values = {"id": number, "email": normalise(row["email"] or "")}
    found: dict[str, object] = {"contact": _plain(dict(row))}
    for name, table, whose, order in _TABLES:
        rows = connection.execute(text(f"select * from {table} where {whose} order by {order}"), values)
        found[name] = [_plain(dict(one)) for one in rows.mappings()]
    return found


def _plain(row: dict[str, object]) -> dict[str, object]:
    """A row as JSON has it, without what is empty."""
    return {
        name: _value(name, value) for name, value in row.items() if value is not None and name not in _OURS
    }


def _value(name: str, value: object) -> object:
    if isinstance(value, datetime):
        return stamp(value)
    if name in _JSON and isinstance(value, str):
        return list_of(value) if value.lstrip().startswith("[") else object_of(value)
    return value if isinstance(value, str | int | float | bool | list | dict) else str(value)
