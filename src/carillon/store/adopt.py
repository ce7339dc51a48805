"""The database of an older scheduler: what is in it, what stands in the way, and how ours moves in.

What belongs here: tables, columns and names. What does not: rows (`adopt_rows`) and what they mean
(`files.adopt`). Everything happens in the caller's transaction. Tables of the old program whose names we
need are renamed and kept whole; `contacts` alone is made anew under its name, with all its columns, because
other tables refer to it and Carillon writes to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from carillon.errors import InputError
from carillon.store import tables
from carillon.store.engine import dbapi
from carillon.store.schema import upgrade

CONTACTS, SCHEDULES = "contacts", "email_schedules"
VERSION = "alembic_version"
OUR_TABLES = frozenset({*tables.metadata.tables, SCHEDULES, VERSION})
_OUR_INDEXES = frozenset(
    str(index.name) for table in tables.metadata.tables.values() for index in table.indexes
)
_NEEDED = {CONTACTS: ("id", "email"), SCHEDULES: ("contact_id", "email_type", "status")}
_MAGIC = b"SQLite format 3\x00"
_TYPE = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*(?:\([0-9, ]+\))?")
_NAMED = 10
"""Things in the way that a message lists."""


@dataclass(frozen=True)
class OldTable:
    """A table as the old program made it. `columns`: lower-case name -> (its own spelling, its type)."""

    name: str
    columns: dict[str, tuple[str, str]]

    def column(self, *names: str) -> str | None:
        """The first of these that is there, quoted."""
        found = next((self.columns[name][0] for name in names if name in self.columns), None)
        return None if found is None else quoted(found)


@dataclass(frozen=True)
class OldIndex:
    """An index on the old contacts; `sql` is None where a constraint made it."""

    name: str
    sql: str | None
    unique: bool


@dataclass(frozen=True)
class Old:
    """What was found in a file. `tables`: lower-case name -> table."""

    tables: dict[str, OldTable]
    indexes: tuple[OldIndex, ...]
    is_ours: bool
    """It is a Carillon database already; nothing else was looked at."""

    @property
    def extra_columns(self) -> dict[str, tuple[str, str]]:
        """Columns of contacts that Carillon does not know."""
        ours = {column.name for column in tables.contacts.columns}
        columns = self.tables[CONTACTS].columns
        return {name: column for name, column in columns.items() if name not in ours}

    @property
    def renamed(self) -> dict[str, str]:
        """Old name -> new name of the tables whose names we need, contacts apart."""
        taken = {*self.tables, *OUR_TABLES}
        found = {}
        for name in sorted((self.tables.keys() & OUR_TABLES) - {CONTACTS}):
            free = f"adopted_{name}"
            while free in taken:
                free += "_"
            taken.add(free)
            found[self.tables[name].name] = free
        return found


def check_file(file: Path) -> None:
    """Raise InputError unless this can be an SQLite database."""
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise InputError(f"{file} {what}; --adopt wants the SQLite file of the older scheduler.")
    try:
        with file.open("rb") as opened:
            begun = opened.read(len(_MAGIC))
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}). Give yourself the permission.") from None
    if begun != _MAGIC:
        raise InputError(
            f"{file} is not an SQLite database. --adopt wants the database file of the older scheduler; a "
            "contact list (CSV, XLSX, Parquet) is brought in by `carillon import contacts`."
        )


def inspect(connection: Connection, place: str) -> Old:
    """What is in the file. Raises InputError for what Carillon must not or cannot adopt."""
    run = dbapi(connection).execute
    rows = run("select type, name, tbl_name, coalesce(sql, '') from sqlite_master order by name").fetchall()
    made = {name.lower(): (name, sql) for kind, name, _, sql in rows if kind == "table"}
    if {VERSION, "outbox"} <= made.keys() and ("view", SCHEDULES) in {(row[0], row[1]) for row in rows}:
        return Old({}, (), is_ours=True)
    _refuse_programs(
        place, [(kind, name, table) for kind, name, table, _ in rows if kind in ("view", "trigger")]
    )
    virtual = [name for name, (_, sql) in made.items() if sql.lower().startswith("create virtual")]
    for wanted, columns in _NEEDED.items():
        if wanted not in made or wanted in virtual:
            raise InputError(
                f"{place} has no table {wanted}, so it is not the database of an older scheduler. Nothing "
                "was changed. Give the right file; contacts alone come in by `carillon import contacts`."
            )
        there = _table(connection, made[wanted][0]).columns
        if missing := [column for column in columns if column not in there]:
            raise InputError(
                f"{place}: the table {wanted} has no column {' and no '.join(missing)}, without which it "
                "cannot be understood. Nothing was changed. Rename the column that holds it."
            )
    indexes = tuple(
        OldIndex(name, sql or None, sql.lower().startswith("create unique"))
        for kind, name, table, sql in rows
        if kind == "index" and table.lower() == CONTACTS
    )
    mine = {index.name for index in indexes}
    names = {name.lower(): name for _, name, _, _ in rows if name not in mine}
    if clashes := sorted({names[name] for name in names.keys() & _OUR_INDEXES} | (OUR_TABLES & set(virtual))):
        raise InputError(
            f"{place}: {_listed(clashes)} has a name that Carillon needs for itself. Nothing was changed. "
            "Drop it or give it another name."
        )
    found = {
        name: _table(connection, spelled)
        for name, (spelled, _) in made.items()
        if name not in virtual and not name.startswith("sqlite_")
    }
    _refuse_without_rowid(connection, place, found)
    return Old(found, indexes, is_ours=False)


@contextmanager
def moved_in(connection: Connection, old: Old) -> Iterator[None]:
    """Our tables in the place of the old ones; inside, the old contacts are called `old_contacts(old)`.

    Rows are brought over inside; at the end the old contacts go, and their columns' indexes come back.
    """
    run = connection.exec_driver_sql
    for name, free in old.renamed.items():
        run(f"alter table {quoted(name)} rename to {quoted(free)}")
    for index in old.indexes:
        if index.sql:
            run(f"drop index {quoted(index.name)}")
    # Whoever refers to contacts will refer to the new ones.
    run("pragma legacy_alter_table = on")
    run(f"alter table {quoted(old.tables[CONTACTS].name)} rename to {quoted(old_contacts(old))}")
    run("pragma legacy_alter_table = off")
    upgrade(connection)
    for name, kind in (*old.extra_columns.values(), *kept_aside(old).values()):
        run(f"alter table contacts add column {quoted(name)} {_plain_type(kind)}")
    yield
    run(f"drop table {quoted(old_contacts(old))}")
    for index in old.indexes:
        if index.sql and not index.unique and index.name.lower() not in _OUR_INDEXES:
            run(index.sql)


def old_contacts(old: Old) -> str:
    """What the old contacts are called while they are brought over."""
    name = "adopted_contacts"
    while name in old.tables:
        name += "_"
    return name


def kept_aside(old: Old) -> dict[str, tuple[str, str]]:
    """Columns of contacts that mean something of their own here: column -> (new name, type).

    What the old program had in them is understood as far as it can be, and kept as it was beside it.
    """
    columns = old.tables[CONTACTS].columns
    found = {}
    for name in _OF_OUR_OWN_MEANING:
        if name in columns:
            free = f"adopted_{name}"
            while free in columns:
                free += "_"
            found[name] = (free, columns[name][1])
    return found


_OF_OUR_OWN_MEANING = ("status", "tags", "attributes", "timezone", "external_id", "sms_consent_at", "seed")


@contextmanager
def without_indexes(connection: Connection, *names: str) -> Iterator[None]:
    """Indexes and triggers of tables gone while rows pour in: building them whole is many times faster."""
    run = dbapi(connection).execute
    marks = ", ".join("?" * len(names))
    saved = run(
        f"select type, name, sql from sqlite_master where tbl_name in ({marks}) and sql is not null"
        " and type in ('index', 'trigger') order by type",
        names,
    ).fetchall()
    for kind, name, _ in saved:
        run(f"drop {kind} {quoted(name)}")
    yield
    for _, _, statement in saved:
        run(statement)


def quoted(name: str) -> str:
    """A name of someone else in a statement of ours."""
    return '"' + name.replace('"', '""') + '"'


def _table(connection: Connection, name: str) -> OldTable:
    columns = dbapi(connection).execute(f"pragma table_xinfo({quoted(name)})").fetchall()
    return OldTable(name, {row[1].lower(): (row[1], row[2]) for row in columns if row[6] != 1})


def _plain_type(declared: str) -> str:
    """The type as it was; none, which stores every value as it comes, where it is more than a plain type."""
    return declared if _TYPE.fullmatch(declared) and "generated" not in declared.lower() else ""


def _refuse_programs(place: str, found: list[tuple[str, str, str]]) -> None:
    """Views and triggers are programs of someone else that would run inside ours."""
    if not found:
        return
    named = [f"{kind} {name}" + (f" on {table}" if kind == "trigger" else "") for kind, name, table in found]
    drops = " ".join(f"drop {kind} {quoted(name)};" for kind, name, _ in found[:_NAMED])
    raise InputError(
        f"{place} has views or triggers of another program: {_listed(named)}. They would run inside "
        "Carillon, so the file is not adopted, and nothing was changed. If they are no longer needed, keep a "
        f"copy of the file and remove them:\n  {drops}"
    )


def _refuse_without_rowid(connection: Connection, place: str, found: Mapping[str, OldTable]) -> None:
    kinds = dbapi(connection).execute("select lower(name) from pragma_table_list where wr = 1").fetchall()
    without = {row[0] for row in kinds}
    for name in (CONTACTS, SCHEDULES):
        if name in without:
            raise InputError(
                f"{place}: the table {name} is WITHOUT ROWID, which cannot be adopted. Nothing was changed. "
                f"Copy its rows into an ordinary table ({found[name].name})."
            )


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
