"""What templates need of contacts, campaigns and threads: read for many at a time, by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from carillon.store.bulk import is_sqlite
from carillon.store.engine import dbapi
from carillon.store.json_values import object_of

FIELDS = (
    "email", "first_name", "last_name", "phone_number", "zip_code", "state", "birth_date", "effective_date",
    "company", "industry", "title", "timezone", "external_id",
)  # fmt: skip
"""Columns of `contacts` that templates may name."""
LONGEST_THREAD = 20
"""Emails before the last one that a message names."""
SAMPLE = 5_000
"""Contacts looked at for the names of attributes."""


@dataclass(frozen=True)
class Recipient:
    """A contact as templates see it."""

    id: int
    email: str
    fields: dict[str, str]
    """By column; empty where there is nothing."""
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class About:
    """A campaign as templates see it."""

    name: str
    type: str
    metadata: dict[str, Any] = field(default_factory=dict)


def recipients(connection: Connection, ids: Iterable[int]) -> dict[int, Recipient]:
    """Contacts by id; who has no address or is not there is left out."""
    found: dict[int, Recipient] = {}
    for listed in _lists(ids):
        rows = dbapi(connection).execute(
            f"select id, attributes, {', '.join(FIELDS)} from contacts where id in ({listed})"
        )
        for number, given, *values in rows.fetchall():
            fields = dict(zip(FIELDS, [str(value or "") for value in values], strict=True))
            if fields["email"]:
                attributes = {name: "" if it is None else it for name, it in (object_of(given) or {}).items()}
                found[number] = Recipient(number, fields["email"], fields, attributes)
    return found


def first_ids(connection: Connection, limit: int) -> list[int]:
    """The ids of the first contacts."""
    rows = connection.execute(text("select id from contacts order by id limit :limit"), {"limit": limit})
    return [int(one) for one in rows.scalars()]


def campaigns(connection: Connection, ids: Iterable[int]) -> dict[int, About]:
    """Campaign instances by id."""
    found: dict[int, About] = {}
    for listed in _lists(ids):
        rows = connection.exec_driver_sql(
            "select id, instance_name, campaign_type, metadata from campaign_instances"
            f" where id in ({listed})"
        )
        found |= {int(row[0]): About(row[1], row[2], object_of(row[3]) or {}) for row in rows}
    return found


def threads(connection: Connection, ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """By schedule id, the Message-IDs of the thread that ends with it, oldest first.

    A follow-up answers the last. Emails that were not sent are left out.
    """
    found: dict[int, list[str]] = {}
    for listed in _lists(ids):
        rows = connection.exec_driver_sql(
            "with recursive thread (last, parent, message, back) as ("
            f" select id, parent_id, message_id, 0 from outbox where id in ({listed}) union all"
            " select t.last, o.parent_id, o.message_id, t.back + 1 from thread t"
            f" join outbox o on o.id = t.parent where t.back < {LONGEST_THREAD})"
            " select last, message from thread where message is not null order by last, back desc"
        )
        for last, message in rows:
            found.setdefault(int(last), []).append(str(message))
    return {last: tuple(messages) for last, messages in found.items()}


def attribute_names(connection: Connection, wanted: Iterable[str] = ()) -> set[str]:
    """Names of contacts' attributes: those of some contacts, and of `wanted` those any contact has."""
    rows = connection.execute(
        text("select attributes from contacts where attributes is not null limit :n"), {"n": SAMPLE}
    )
    found = {name for row in rows for name in object_of(row[0]) or {}}
    sqlite = is_sqlite(connection)
    has = "json_type(attributes, :name) is not null" if sqlite else "jsonb_exists(attributes, :name)"
    for name in set(wanted) - found:
        # A name in a template is a word: it needs no escaping in a path.
        value = {"name": f'$."{name}"' if sqlite else name}
        if connection.execute(text(f"select 1 from contacts where {has} limit 1"), value).scalar():
            found.add(name)
    return found


def _lists(ids: Iterable[int], size: int = 500) -> Iterator[str]:
    """Ids, each once, written out in lists that a statement can hold."""
    every: Sequence[int] = sorted({int(one) for one in ids})
    for begin in range(0, len(every), size):
        yield ", ".join(map(str, every[begin : begin + size]))
