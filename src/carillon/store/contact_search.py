"""Contacts looked for: pages of them, by how their addresses or names begin, and by state and status.

A page is found through an index, however many contacts there are: a search goes along the index of what it
looks for and is ordered by that, a list goes by id. Only letters in ASCII are compared without case, as both
databases do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from carillon.store.bulk import is_sqlite
from carillon.store.json_values import list_of, object_of
from carillon.store.moments import moment_of
from carillon.store.paging import Slice, sliced
from carillon.words import ContactStatus

TEXTS = (
    "email", "first_name", "last_name", "phone_number", "zip_code", "state", "birth_date", "effective_date",
    "company", "industry", "title", "timezone", "external_id",
)  # fmt: skip
_COLUMNS = f"id, {', '.join(TEXTS)}, sms_consent_at, attributes, tags, status, created_at, updated_at"
_LAST = "\U0010ffff"


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


@dataclass(frozen=True)
class Wanted:
    """What is looked for; None: anything."""

    email: str | None = None
    """How the address begins."""
    last_name: str | None = None
    """How it begins."""
    state: str | None = None
    status: str | None = None
    tag: str | None = None


def find(connection: Connection, number: int) -> Found | None:
    """The contact with this id."""
    row = connection.execute(
        text(f"select {_COLUMNS} from contacts where id = :id"), {"id": number}
    ).one_or_none()
    return None if row is None else _found(row)


def page(connection: Connection, wanted: Wanted, after: int, limit: int) -> Slice[Found]:
    """Contacts ascending by id, of those that `wanted` names by state, status and tag."""
    conditions, values = _filters(connection, wanted)
    rows = connection.execute(
        text(
            f"select {_COLUMNS} from contacts where {' and '.join(('id > :after', *conditions))}"
            " order by id limit :limit"
        ),
        values | {"after": after, "limit": limit + 1},
    ).all()
    return sliced(rows, limit, _found, lambda row: (int(row.id),))


def search(connection: Connection, wanted: Wanted, after: tuple[str, int] | None, limit: int) -> Slice[Found]:
    """Contacts whose address (or else last name) begins as wanted, ascending by that and id."""
    column, begins = ("email", wanted.email) if wanted.email else ("last_name", wanted.last_name)
    assert begins is not None
    sqlite = is_sqlite(connection)
    # PostgreSQL's own order of texts passes over dots and dashes; this one goes by characters, as SQLite's.
    key = f"lower({column})" if sqlite else f'lower({column}) collate "C"'
    low = begins.lower()
    conditions, values = _filters(connection, wanted, but=column)
    conditions += [f"{key} >= :low", f"{key} < :high"]
    values |= {"low": low, "high": low + _LAST, "limit": limit + 1}
    if after is not None:
        conditions.append(f"({key}, id) > (:key, :after)")
        values |= {"key": after[0], "after": after[1]}
    # On SQLite an index that holds only some of the rows serves where the condition says so.
    parts = ("external_id is null", "external_id is not null") if sqlite and column == "email" else ("true",)
    one = (
        f"select {_COLUMNS}, {key} as sorted from contacts where {{}} and {' and '.join(conditions)}"
        f" order by {key}, id limit :limit"
    )
    found: list[Row[Any]] = []
    for part in parts:
        found += connection.execute(text(one.format(part)), values).all()
    if len(parts) > 1:
        found.sort(key=lambda row: (row.sorted.encode(), row.id))
    return sliced(found[: limit + 1], limit, _found, lambda row: (str(row.sorted), int(row.id)))


def _filters(
    connection: Connection, wanted: Wanted, but: str | None = None
) -> tuple[list[str], dict[str, object]]:
    conditions: list[str] = []
    values: dict[str, object] = {}
    for name in ("state", "status"):
        if (value := getattr(wanted, name)) is not None:
            conditions.append(f"{name} = :{name}")
            values[name] = value
    if wanted.status not in (None, ContactStatus.ACTIVE):
        # What the index of the few holds, in its words.
        conditions.append(f"status != '{ContactStatus.ACTIVE}'")
    if wanted.last_name is not None and but == "email":
        conditions.append("lower(last_name) >= :name_low and lower(last_name) < :name_high")
        values |= {"name_low": wanted.last_name.lower(), "name_high": wanted.last_name.lower() + _LAST}
    if wanted.tag is not None:
        if is_sqlite(connection):
            conditions.append(
                "case when json_valid(tags) then exists (select 1 from json_each(tags) t"
                " where t.value = :tag) else 0 end"
            )
        else:
            conditions.append("tags @> jsonb_build_array(cast(:tag as text))")
        values["tag"] = wanted.tag
    return conditions, values


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
