"""Rows of an older scheduler's tables, read in blocks, and what they have become written set by set.

Nothing here knows what a row means. Values that are only copied never pass through Python; what was worked
out is put into a temporary table by row number and joined with the old row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import Connection

from carillon.campaigns import TYPE_FIELDS, CampaignType, type_from
from carillon.store import tables
from carillon.store.adopt import (
    CONTACTS,
    SCHEDULES,
    Old,
    OldTable,
    kept_aside,
    old_contacts,
    quoted,
    without_indexes,
)
from carillon.store.bulk import Arrays, insert_rows, stage_arrays
from carillon.store.engine import dbapi
from carillon.store.frames import insert_frame, read_named
from carillon.store.migrations.versions.v0002_campaigns import DEFAULT_TYPES, TYPES
from carillon.store.moments import moment

BLOCK_ROWS = 200_000
_JOINING_CACHE, _SMALL_CACHE = -262_144, -2_000
"""KiB of cache while old rows are looked up by number, and what makes indexes fast to build."""

CLEANED = (
    "email", "first_name", "last_name", "phone_number", "zip_code", "state", "birth_date", "effective_date",
    "company", "industry", "title", "timezone", "external_id", "sms_consent_at", "attributes", "tags",
    "status", "created_at", "updated_at",
)  # fmt: skip
"""Columns of contacts that are read, made tidy and written."""

HISTORY = ("row", "id", "contact", "kind", "followup", "event", "send", "ideal", "type", "status", "instance",
           "parent")  # fmt: skip
"""What is staged of an old email: numbers, with `NONE` for none; `type` and `status` point into words."""
NONE = -(1 << 62)

_MOMENTS = {"actual_send_datetime", "created_at", "updated_at"}
_COPIED = ("priority", "email_template", "sms_template", "metadata", "attempts", "actual_send_datetime",
           "created_at", "updated_at")  # fmt: skip
"""Columns of an old email that mean the same here."""


def count(connection: Connection, table: OldTable) -> int:
    return int(dbapi(connection).execute(f"select count(*) from {quoted(table.name)}").fetchone()[0])


def blocks(
    connection: Connection, table: OldTable, columns: Mapping[str, str | None], name: str | None = None
) -> Iterator[pl.DataFrame]:
    """All rows in the order of their numbers: `row` and these columns as text, null where NULL or empty.

    `columns`: name -> expression; None: there is no such column. `name`: what the table is called by now.
    """
    source = quoted(name or table.name)
    there = {alias: sql for alias, sql in columns.items() if sql is not None}
    last = -(1 << 63)
    while True:
        end = (
            dbapi(connection)
            .execute(
                f"select max(r) from (select _rowid_ as r from {source} where _rowid_ > ? order by _rowid_"
                f" limit {BLOCK_ROWS})",
                (last,),
            )
            .fetchone()[0]
        )
        if end is None:
            return
        span = f"from {source} where _rowid_ > {last} and _rowid_ <= {end}"
        frame = read_named(connection, {"row": "_rowid_", **there}, span)
        missing = [pl.lit(None, pl.String).alias(alias) for alias, sql in columns.items() if sql is None]
        yield frame.with_columns(pl.col("row").cast(pl.Int64), *missing).select("row", *columns).sort("row")
        last = end


def store_contacts(connection: Connection, old: Old, batches: Iterator[pl.DataFrame]) -> None:
    """The new contacts out of cleaned batches (`row`, `id`, `seed` and `CLEANED`) and the old rows."""
    table = old.tables[CONTACTS]
    mine = ("id", "seed", *CLEANED)
    asked = {quoted(name): quoted(name) for name, _ in old.extra_columns.values()}
    asked |= {quoted(to): table.column(name) or "null" for name, (to, _) in kept_aside(old).items()}
    run = dbapi(connection).execute
    values = ", ".join([f"t.{name}" for name in mine] + [f"o.{value}" for value in asked.values()])
    with without_indexes(connection, "contacts"):
        for batch in batches:
            if not asked:
                insert_frame(connection, "contacts", batch.select(mine))
                continue
            run("drop table if exists temp.cleaned")
            run(f"create temp table cleaned (row integer primary key, {', '.join(mine)})")
            insert_frame(connection, "temp.cleaned", batch.select("row", *mine))
            run(
                f"insert into contacts ({', '.join((*mine, *asked))})"
                f" select {values} from temp.cleaned t cross join {quoted(old_contacts(old))} o"
                " where o._rowid_ = t.row"
            )
        run("drop table if exists temp.cleaned")


def opt_out(connection: Connection, contacts: npt.NDArray[np.int64]) -> None:
    """These contacts are not written to any more."""
    stage_arrays(connection, "temp_wanted", ("id",), [contacts])
    dbapi(connection).execute(
        "update contacts set status = 'opted_out' where status = 'active'"
        " and id in (select id from temp.temp_wanted)"
    )


def store_history(
    connection: Connection, old: Old, staged: Arrays, types: Sequence[str], statuses: Sequence[str]
) -> None:
    """Old emails into the outbox: `staged` are arrays for `HISTORY`; ids are distinct."""
    run = dbapi(connection).execute
    stage_arrays(connection, "temp_history", HISTORY, staged)
    run("create temp table adopted_words (type integer, no integer, word text, primary key (type, no))")
    words = [(1, no, word) for no, word in enumerate(types)] + [
        (0, no, word) for no, word in enumerate(statuses)
    ]
    insert_rows(connection, "temp.adopted_words", ("type", "no", "word"), words)
    table = old.tables[SCHEDULES]
    copied = {name: _copied(name, column) for name in _COPIED if (column := table.column(name))}
    if channel := table.column("channel"):
        copied["channel"] = f"case when lower(o.{channel}) = 'sms' then 'sms' else 'email' end"
    if time := table.column("scheduled_send_time"):
        copied["send_time"] = f"o.{time}"
    asked = {
        "id": "h.id",
        "contact_id": "h.contact",
        "kind": "h.kind",
        "followup": "h.followup",
        "email_type": "t.word",
        "event": _given("event"),
        "send": "h.send",
        "ideal": _given("ideal"),
        "status": "s.word",
        "campaign_instance_id": _given("instance"),
        "parent_id": _given("parent"),
        **copied,
    }
    run(f"pragma cache_size = {_JOINING_CACHE}")
    source = quoted(old.renamed[table.name])
    with without_indexes(connection, "outbox"):
        run(
            f"insert into outbox ({', '.join(asked)}) select {', '.join(asked.values())}"
            f" from temp.temp_history h cross join {source} o cross join temp.adopted_words t"
            " cross join temp.adopted_words s where o._rowid_ = h.row and t.type = 1 and t.no = h.type"
            " and s.type = 0 and s.no = h.status order by h.id"
        )
        run(f"pragma cache_size = {_SMALL_CACHE}")
    run("drop table temp.adopted_words")
    run("drop table temp.temp_history")


def store_frame(connection: Connection, table: str, frame: pl.DataFrame) -> None:
    """Rows for one of our own tables."""
    with without_indexes(connection, table):
        insert_frame(connection, table, frame)


def store_types(connection: Connection, types: Sequence[CampaignType]) -> None:
    """Campaign types, in the place of those with the same name."""
    fields = ("name", *TYPE_FIELDS)
    values = [tuple(getattr(one, name) for name in fields) for one in types]
    names = ", ".join(fields)
    marks = ", ".join("?" * len(fields))
    dbapi(connection).executemany(f"insert or replace into campaign_types ({names}) values ({marks})", values)


def store_instances(connection: Connection, instances: Sequence[Mapping[str, object]]) -> None:
    """Campaign instances with their ids."""
    if instances:
        values = [tuple(one.values()) for one in instances]
        insert_rows(connection, "campaign_instances", tuple(instances[0]), values)


def default_types() -> dict[str, CampaignType]:
    """The campaign types every new database has."""
    return {row[0]: type_from(row[0], dict(zip(TYPES[1:], row[1:], strict=True))) for row in DEFAULT_TYPES}


def usual_template(connection: Connection, table: OldTable, types: Sequence[str]) -> str | None:
    """The template that most emails of these types have."""
    template = table.column("email_template")
    if template is None:
        return None
    marks = ", ".join("?" * len(types))
    found = (
        dbapi(connection)
        .execute(
            f"select {template} from {quoted(table.name)} where {table.column('email_type')} in ({marks})"
            f" and {template} <> '' group by {template} order by count(*) desc, {template} limit 1",
            tuple(types),
        )
        .fetchone()
    )
    return None if found is None else str(found[0])


def note(connection: Connection, who: str, now: datetime, after: str) -> None:
    """Write into the audit log that the database was adopted."""
    insert_rows(
        connection,
        "audit_log",
        ("who", "what", '"when"', "after"),
        [(who, "database adopted", moment(now), after)],
    )


def foreign_tables(old: Old) -> list[str]:
    """Tables that mean nothing to Carillon and stay as they are."""
    known = {*tables.metadata.tables, SCHEDULES, "email_tracking", "alembic_version"}
    return sorted(table.name for name, table in old.tables.items() if name not in known)


def _given(name: str) -> str:
    return f"case when h.{name} <> {NONE} then h.{name} end"


def _copied(name: str, column: str) -> str:
    value = f"o.{column}"
    if name in _MOMENTS:
        return f"strftime('%Y-%m-%dT%H:%M:%SZ', {value})"
    if name == "metadata":
        return f"case when json_valid({value}) then {value} end"
    if name == "attempts":
        return f"coalesce(cast({value} as integer), 0)"
    if name == "priority":
        # What the planner packs has room for one byte.
        return f"case when {value} between 0 and 255 then cast({value} as integer) end"
    return value
