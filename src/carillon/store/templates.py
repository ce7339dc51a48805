"""Templates: their versions, which of them is in force, and the ones a workspace begins with.

A version never changes. All writing happens in the caller's transaction; what a template may be is checked
before (`send.lint`).
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from carillon.errors import InputError
from carillon.settings_checks import did_you_mean
from carillon.store import audit
from carillon.store.bulk import is_sqlite
from carillon.store.engine import Database, scalar
from carillon.store.moments import moment_of, stamp
from carillon.templates import PARTS, Attachment, Source, defaults

CARILLON = "carillon"
"""`created_by` of the templates that come with it."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_COLUMNS = f"name, version, active, created_at, created_by, attachments, {', '.join(PARTS)}"


@dataclass(frozen=True)
class Version:
    """A template as stored."""

    source: Source
    active: bool
    """Whether emails take this version."""
    created: datetime | None
    by: str


def ensure_defaults(connection: Connection, now: datetime) -> list[str]:
    """Make the templates that come with Carillon, where the table has none of the name. Returns the new."""
    _alone(connection)
    there = set(connection.execute(text("select distinct name from templates")).scalars())
    missing = [source for source in defaults() if source.name not in there]
    for source in missing:
        _insert(connection, source, True, now, CARILLON)
    return [source.name for source in missing]


def lacks_defaults(connection: Connection) -> bool:
    """Whether `ensure_defaults` would do anything."""
    there = set(connection.execute(text("select distinct name from templates")).scalars())
    return any(source.name not in there for source in defaults())


def complete(database: Database, now: datetime) -> None:
    """`ensure_defaults` in a transaction of its own, where there is anything to do."""
    with database.snapshot() as connection:
        if not lacks_defaults(connection):
            return
    database.write(lambda connection: ensure_defaults(connection, now))


def versions(connection: Connection, name: str | None = None) -> list[Version]:
    """All versions (of one template), by name and version."""
    only = "" if name is None else " where name = :name"
    rows = connection.execute(
        text(f"select {_COLUMNS} from templates{only} order by name, version"),
        {} if name is None else {"name": name},
    )
    return [_version(row) for row in rows]


def find(connection: Connection, name: str, version: int | None = None) -> Version:
    """A version of a template: that one, else the one in force, else the newest.

    Raises InputError, with the nearest name there is, where there is none.
    """
    found = versions(connection, name)
    if not found:
        names = connection.execute(text("select distinct name from templates")).scalars().all()
        hint = did_you_mean(name, names)
        raise InputError(f"there is no template {name!r}{hint} `carillon template list` shows them.")
    if version is None:
        return next((one for one in found if one.active), found[-1])
    for one in found:
        if one.source.version == version:
            return one
    known = ", ".join(str(one.source.version) for one in found)
    raise InputError(f"the template {name} has no version {version}; it has {known}.")


def in_force(connection: Connection, names: Iterable[str]) -> dict[str, Source]:
    """The active version of each of these templates that has one."""
    wanted = {f"n{i}": name for i, name in enumerate(sorted(set(names)))}
    if not wanted:
        return {}
    marks = ", ".join(f":{key}" for key in wanted)
    true = "1" if is_sqlite(connection) else "true"
    rows = connection.execute(
        text(f"select {_COLUMNS} from templates where active = {true} and name in ({marks})"), wanted
    )
    return {row.name: _version(row).source for row in rows}


def add(connection: Connection, source: Source, now: datetime, by: str) -> Source:
    """Store a new version, whatever number `source` has; it is not in force yet. Returns it as stored."""
    if not _NAME.fullmatch(source.name):
        raise InputError(
            f"{source.name[:100]!r} is not a name of a template: letters, digits, dot, - and _, at most 100"
        )
    _alone(connection)
    newest = scalar(connection, "select max(version) from templates where name = :name", name=source.name)
    made = replace(source, version=(newest or 0) + 1)
    _insert(connection, made, False, now, by)
    return made


def activate(connection: Connection, name: str, version: int, now: datetime, by: str) -> bool:
    """Put a version in force. Returns whether it was not already. Raises InputError where there is none."""
    _alone(connection)
    wanted = find(connection, name, version)
    if wanted.active:
        return False
    before = [one.source.version for one in versions(connection, name) if one.active]
    values = {"name": name, "version": version, "yes": True, "no": False}
    connection.execute(
        text(
            "update templates set active = case when version = :version then :yes else :no end"
            " where name = :name"
        ),
        values,
    )
    was = {"version": before[0]} if before else None
    audit.note(connection, by, f"template {name} activated", now, was, {"version": version})
    return True


def _alone(connection: Connection) -> None:
    """Numbers are given, and versions put in force, one after the other."""
    if not is_sqlite(connection):
        connection.execute(text("lock table templates in share row exclusive mode"))


def _insert(connection: Connection, source: Source, active: bool, now: datetime, by: str) -> None:
    files = [
        {"name": one.name, "type": one.type, "data": b64encode(one.data).decode()}
        for one in source.attachments
    ]
    json_mark = ":attachments" if is_sqlite(connection) else "cast(:attachments as jsonb)"
    connection.execute(
        text(
            f"insert into templates ({_COLUMNS}) values (:name, :version, :active, :now, :by, {json_mark},"
            f" {', '.join(f':{part}' for part in PARTS)})"
        ),
        {part: getattr(source, part) for part in PARTS}
        | {
            "name": source.name,
            "version": source.version,
            "active": active,
            "now": stamp(now),
            "by": by,
            "attachments": json.dumps(files) if files else None,
        },
    )


def _version(row: Any) -> Version:
    stored = json.loads(row.attachments) if isinstance(row.attachments, str) else row.attachments
    files = tuple(Attachment(one["name"], one["type"], b64decode(one["data"])) for one in stored or ())
    parts = {part: getattr(row, part) for part in PARTS}
    source = Source(name=row.name, version=int(row.version), attachments=files, **parts)
    return Version(source, bool(row.active), moment_of(row.created_at), row.created_by)
