"""Contacts looked for: pages of them, by how their addresses or names begin, by state, status, tag, issue.

A page is found through an index, however many contacts there are: a search goes along the index of what it
looks for and is ordered by that, a list goes by id. Which letters are compared without case is the
database's affair: those of ASCII are everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
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
_PARTS = {
    "email": ("external_id is null", "external_id is not null"),
    "last_name": ("last_name is not null",),
}
"""What each of SQLite's indexes holds."""
MOST_LOOKED_THROUGH = 10_000
"""Contacts: a few hundredths of a second."""
ANY = "any"
"""Issue of any code."""
_HAS_ANY = "exists (select 1 from contact_issues i where i.contact_id = contacts.id)"
_HAS_ISSUE = "exists (select 1 from contact_issues i where i.contact_id = contacts.id and i.code = :issue)"


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
    first_name: str | None = None
    """How it begins; beside a last name."""
    tag: str | None = None
    issue: str | None = None
    """A code of `contact_issues`, or `ANY`."""
    suppressed: bool = False
    """Only those whose own address is suppressed, in any scope; a domain's suppression is not looked at."""


def find(connection: Connection, number: int) -> Found | None:
    """The contact with this id."""
    row = connection.execute(
        text(f"select {_COLUMNS} from contacts where id = :id"), {"id": number}
    ).one_or_none()
    return None if row is None else _found(row)


def page(connection: Connection, wanted: Wanted, after: int, limit: int) -> Slice[Found]:
    """Contacts ascending by id, of those that `wanted` names by anything but address and last name."""
    conditions, values = _filters(connection, wanted)
    if wanted.issue:
        return _with_issue(connection, conditions, values, after, limit)
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
    # PostgreSQL's own order of texts passes over dots and dashes; this one goes by characters, as SQLite's.
    key = f'lower({column}) collate "C"'
    parts: tuple[str, ...] = ("true",)
    unused: tuple[str, ...] = ()
    if is_sqlite(connection):
        few = _few(connection, wanted)
        unused = tuple(name for name in ("state", "status") if name != few)
        # A plus keeps SQLite from an index; one that holds only some of the rows has to be asked for.
        key = f"+lower({column})" if few else f"lower({column})"
        parts = ("true",) if few else _PARTS[column]
    conditions, values = _filters(connection, wanted, unused, but=column)
    values |= {"begins": begins, "last": _LAST, "limit": limit + 1}
    low, high = _begins(key, "begins")
    spans = [(f"{low} and {high}", f"{key}, id")]
    if after is not None:
        # Said apart so that each begins in the index where the page does, also among many of one name.
        spans = [(f"{key} = :key and id > :after", "id"), (f"{key} > :key and {high}", f"{key}, id")]
        values |= {"key": after[0], "after": after[1]}
    found: list[Row[Any]] = []
    for span, order in spans:
        for part in parts:
            where = " and ".join((part, span, *conditions))
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

    From the suppressions to their contacts, since they are few.
    """
    conditions, values = _filters(connection, replace(wanted, suppressed=False))
    # An address may be suppressed in many scopes.
    conditions.append("not exists (select 1 from suppressions o where o.address = s.address and o.id > s.id)")
    if is_sqlite(connection):
        # What has a type is not looked up in an index of an expression, which has none.
        theirs = "select c.id from contacts c where lower(c.email) = s.address || '' and c.external_id is"
        conditions.append(f"contacts.id in ({theirs} null union all {theirs} not null)")
    else:
        conditions.append('lower(email) collate "C" = s.address')
    if before is not None:
        conditions.append("s.id <= :latest and (s.id < :latest or contacts.id > :before)")
        values |= {"latest": before[0], "before": before[1]}
    columns = ", ".join(f"contacts.{one.strip()}" for one in _COLUMNS.split(","))
    rows = connection.execute(
        text(
            f"select s.id as latest, {columns} from suppressions s cross join contacts"
            f" where {' and '.join(conditions)} order by s.id desc, contacts.id limit :limit"
        ),
        values | {"limit": limit + 1},
    ).all()
    return sliced(rows, limit, _found, lambda row: (int(row.latest), int(row.id)))


def numbers(connection: Connection, wanted: Wanted) -> list[int]:
    """The ids of all those that `wanted` names by anything but address and last name; all at once."""
    conditions, values = _filters(connection, wanted)
    where = " and ".join(("true", *conditions))
    found = connection.execute(text(f"select id from contacts where {where} order by id"), values)
    return [int(one) for one in found.scalars()]


def _few(connection: Connection, wanted: Wanted) -> str | None:
    """Which of state and status names so few contacts that they are better looked through one by one.

    Otherwise a rare state would be looked for along an index in which it hardly ever comes. PostgreSQL knows
    by its statistics.
    """
    for name in ("status", "state"):
        value = getattr(wanted, name)
        if value in (None, ContactStatus.ACTIVE.value):
            continue
        others = f" and status != '{ContactStatus.ACTIVE}'" if name == "status" else ""
        n = connection.execute(
            text(
                "select count(*) from (select 1 from contacts"
                f" where {name} = :value{others} limit {MOST_LOOKED_THROUGH + 1})"
            ),
            {"value": value},
        ).scalar_one()
        if n <= MOST_LOOKED_THROUGH:
            return name
    return None


def _with_issue(
    connection: Connection, conditions: list[str], values: dict[str, object], after: int, limit: int
) -> Slice[Found]:
    """A page of those with an issue: they are few, so that the issues are gone along and not the contacts."""
    code = "" if values["issue"] == ANY else " and i.code = :issue"
    where = "".join(f" and {one}" for one in conditions if one != _HAS_ISSUE and one != _HAS_ANY)
    rows = connection.execute(
        text(
            f"select {_COLUMNS} from contacts where id in (select distinct i.contact_id from contact_issues i"
            f" where i.contact_id > :after{code}){where} order by id limit :limit"
        ),
        values | {"after": after, "limit": limit + 1},
    ).all()
    return sliced(rows, limit, _found, lambda row: (int(row.id),))


def _filters(
    connection: Connection, wanted: Wanted, unused: Collection[str] = (), but: str | None = None
) -> tuple[list[str], dict[str, object]]:
    """Conditions and their values. `unused`: columns whose indexes SQLite is to leave alone."""
    conditions: list[str] = []
    values: dict[str, object] = {}
    for name in ("state", "status"):
        if (value := getattr(wanted, name)) is not None:
            conditions.append(f"{'+' if name in unused else ''}{name} = :{name}")
            values[name] = value
    if wanted.status not in (None, ContactStatus.ACTIVE) and "status" not in unused:
        # What the index of the few holds, in its words.
        conditions.append(f"status != '{ContactStatus.ACTIVE}'")
    for name in ("first_name", "last_name"):
        value = getattr(wanted, name)
        if value is not None and (name == "first_name" or but == "email"):
            conditions += _begins(f"lower({name}) || ''", name)
            values |= {name: value, "last": _LAST}
    if wanted.tag is not None:
        if is_sqlite(connection):
            conditions.append(
                "case when json_valid(tags) then exists (select 1 from json_each(tags) t"
                " where t.value = :tag) else 0 end"
            )
            values["tag"] = wanted.tag
        else:
            conditions.append("tags @> cast(:tag as jsonb)")
            values["tag"] = json.dumps([wanted.tag])
    if wanted.issue is not None:
        conditions.append(_HAS_ANY if wanted.issue == ANY else _HAS_ISSUE)
        values["issue"] = wanted.issue
    if wanted.suppressed:
        conditions.append("exists (select 1 from suppressions s where s.address = lower(contacts.email))")
    return conditions, values


def _begins(key: str, mark: str) -> list[str]:
    """Conditions: whether a key begins with a text, each in the case that the database gives it."""
    begin = f"lower(cast(:{mark} as text))"
    return [f"{key} >= {begin}", f"{key} < {begin} || cast(:last as text)"]


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
