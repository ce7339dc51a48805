"""Contacts looked for: pages of them, by how their addresses or names begin, by state, status, tag, issue.

A page is found through an index, however many contacts there are: a search goes along the index of what it
looks for and is ordered by that, a list goes by id. Where a filter means few, these are looked through
instead (`contact_filters`). Which letters are compared without case is the database's affair: those of ASCII
are everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from carillon.store.bulk import is_sqlite
from carillon.store.contact_filters import (
    ANY,
    Wanted,
    among,
    begins,
    by_id,
    by_row,
    road,
    sorted_key,
    suppressions_of,
    values_of,
)
from carillon.store.json_values import list_of, object_of
from carillon.store.moments import moment_of
from carillon.store.paging import Slice, sliced

__all__ = ["ANY", "TEXTS", "Found", "Wanted", "find", "numbers", "page", "search", "suppressed"]

TEXTS = (
    "email", "first_name", "last_name", "phone_number", "zip_code", "state", "birth_date", "effective_date",
    "company", "industry", "title", "timezone", "external_id",
)  # fmt: skip
_COLUMNS = ", ".join(
    f"contacts.{name}"
    for name in ("id", *TEXTS, "sms_consent_at", "attributes", "tags", "status", "created_at", "updated_at")
)
_PARTS = {
    "email": ("external_id is null", "external_id is not null"),
    "last_name": ("last_name is not null",),
}
"""What each of SQLite's indexes holds."""


@dataclass(frozen=True)
class Found:
    """One contact as stored. Dates are ISO texts, or what was imported where that was none."""

    id: int
    texts: dict[str, str | None]
    """By `TEXTS`."""
    status: str
    sms_consent_at: datetime | None
    attributes: dict[str, Any]
    tags: list[Any]
    created: datetime | None
    updated: datetime | None


def find(connection: Connection, number: int) -> Found | None:
    """The contact with this id."""
    row = connection.execute(
        text(f"select {_COLUMNS} from contacts where id = :id"), {"id": number}
    ).one_or_none()
    return None if row is None else _found(row)


def page(connection: Connection, wanted: Wanted, after: int, limit: int) -> Slice[Found]:
    """Contacts ascending by id, of those that `wanted` names by anything but address and last name."""
    along = road(connection, wanted, counted=wanted.suppressed)
    source, number, asked = "contacts", "contacts.id", []
    if along is not None and along.name != "suppressed":
        ((listed, which, number),) = along.lists
        source, asked = f"{listed} cross join contacts", [which, f"contacts.id = {number}"]
        if not is_sqlite(connection):
            # One by one: PostgreSQL would rather merge the list with all contacts, from the first one on.
            one = f"select * from contacts c where c.id = {number} offset 0"
            source, asked = f"{listed} cross join lateral ({one}) contacts", [which]
    elif along is not None and along.few:
        asked = [among(connection, wanted, along)]
    asked += [f"{number} > :after", *by_id(connection, wanted, number, along), *by_row(connection, wanted)]
    rows = connection.execute(
        text(f"select {_COLUMNS} from {source} where {' and '.join(asked)} order by {number} limit :limit"),
        values_of(wanted) | {"after": after, "limit": limit + 1},
    ).all()
    return sliced(rows, limit, _found, lambda row: (int(row.id),))


def search(connection: Connection, wanted: Wanted, after: tuple[str, int] | None, limit: int) -> Slice[Found]:
    """Contacts whose address (or else last name) begins as wanted, ascending by that and id."""
    column, begin = ("email", wanted.email) if wanted.email else ("last_name", wanted.last_name)
    assert begin is not None
    key, parts = sorted_key(connection, column), [""]
    along = road(connection, wanted)
    if along is not None and along.few:
        asked = [among(connection, wanted, along), *by_row(connection, wanted)]
        # A plus keeps SQLite from an index; one that holds only some of the rows has to be asked for.
        key = f"+{key}" if is_sqlite(connection) else key
    elif is_sqlite(connection) and column == "email":
        asked = [*by_id(connection, wanted, "contacts.id"), *by_row(connection, wanted)]
        parts = ["contacts.external_id is null", "contacts.external_id is not null"]
    else:
        covered = replace(wanted, state=None, status=None)
        asked = [*by_row(connection, wanted, all_of_it=True), *by_id(connection, covered, "contacts.id")]
        parts = ["contacts.last_name is not null"] if column == "last_name" else parts
    if column == "email" and wanted.last_name is not None:
        asked += begins(f"{sorted_key(connection, 'last_name')} || ''", "last_name")
    values = values_of(wanted) | {"begins": begin, "last_name": wanted.last_name, "limit": limit + 1}
    low, high = begins(key, "begins")
    spans = [(f"{low} and {high}", f"{key}, contacts.id")]
    if after is not None:
        # Said apart so that each begins in the index where the page does, also among many of one name.
        spans = [
            (f"{key} = :key and contacts.id > :after", "contacts.id"),
            (f"{key} > :key and {high}", f"{key}, contacts.id"),
        ]
        values |= {"key": after[0], "after": after[1]}
    found: list[Row[Any]] = []
    for span, order in spans:
        for part in parts:
            where = " and ".join(one for one in (part, span, *asked) if one)
            statement = f"select {_COLUMNS}, {key} as sorted from contacts where {where}"
            found += connection.execute(text(f"{statement} order by {order} limit :limit"), values).all()
        if len(found) > limit:
            break
    found.sort(key=lambda row: (row.sorted.encode(), row.id))
    return sliced(found[: limit + 1], limit, _found, lambda row: (str(row.sorted), int(row.id)))


def suppressed(
    connection: Connection, wanted: Wanted, before: tuple[int, int] | None, limit: int
) -> Slice[Found]:
    """Contacts whose own address is suppressed, those suppressed last first; filtered as by `page`.

    From the suppressions to their contacts, since they are few; or from those whom a filter means, if these
    are.
    """
    mine, wanted = road(connection, Wanted(suppressed=True)), replace(wanted, suppressed=False)
    along = road(connection, wanted)
    if mine is not None and along is not None and along.few and along.n < mine.n:
        which = [f"{among(connection, wanted, along)} and s.address = lower(contacts.email)"]
        source, asked = "contacts cross join suppressions s", []
    else:
        which = suppressions_of(connection, "contacts")
        source, asked = "suppressions s cross join contacts", by_id(connection, wanted, "contacts.id")
    # An address may be suppressed in many scopes.
    later = "select 1 from suppressions o where o.address = lower(contacts.email) and o.id > s.id"
    asked += [*by_row(connection, wanted), f"not exists ({later})"]
    values = values_of(wanted) | {"limit": limit + 1}
    if before is not None:
        asked.append("s.id <= :latest and (s.id < :latest or contacts.id > :before)")
        values |= {"latest": before[0], "before": before[1]}
    rows: list[Row[Any]] = []
    for one in which:
        where = " and ".join((one, *asked))
        statement = f"select s.id as latest, {_COLUMNS} from {source} where {where}"
        rows += connection.execute(
            text(f"{statement} order by s.id desc, contacts.id limit :limit"), values
        ).all()
    rows.sort(key=lambda row: (-row.latest, row.id))
    return sliced(rows[: limit + 1], limit, _found, lambda row: (int(row.latest), int(row.id)))


def numbers(connection: Connection, wanted: Wanted) -> list[int]:
    """The ids of all those that `wanted` names by anything but address and last name; all at once."""
    along = road(connection, wanted)
    asked = ["true"] if along is None else [among(connection, wanted, along)]
    where = " and ".join((*asked, *by_row(connection, wanted)))
    statement = f"select contacts.id from contacts where {where} order by contacts.id"
    return [int(one) for one in connection.execute(text(statement), values_of(wanted)).scalars()]


def _found(row: Row[Any]) -> Found:
    return Found(
        int(row.id),
        {name: getattr(row, name) for name in TEXTS},
        row.status,
        moment_of(row.sms_consent_at),
        object_of(row.attributes) or {},
        list_of(row.tags) or [],
        moment_of(row.created_at),
        moment_of(row.updated_at),
    )
