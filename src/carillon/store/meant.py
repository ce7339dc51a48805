"""Who the rows of a list mean: staged, and each matched with one contact, a statement for all of them.

The contact with the row's id; else with its external id; else with its address and no external id; else the
only one with the address (as for imports, see `store.contacts`). The list stands in `temp_list`, what it
means in `temp_meant`, until `nobody` ends both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl
from sqlalchemy import Connection

from carillon.store.bulk import is_sqlite
from carillon.store.contacts import MATCHING_CACHE, SMALL_CACHE
from carillon.store.frames import insert_frame, read_named

COLUMNS = ("line", "contact", "external_id", "email")
"""What every row has: `line` and `contact` are integers, the rest text; all but `line` may be null."""
MATCHED = "from temp_list s cross join temp_meant m where m.line = s.line and m.n = 1"
"""Rows `s` that mean exactly one contact, `m.contact`."""


def rows_of(contacts: Iterable[tuple[int | None, str | None, str | None]]) -> pl.DataFrame:
    """Rows out of contact id, external id and address; the line is the place, from 0."""
    rows = [(line, *one) for line, one in enumerate(contacts)]
    schema = {name: pl.Int64 if name in ("line", "contact") else pl.String for name in COLUMNS}
    return pl.DataFrame(rows, schema=schema, orient="row")


def match(connection: Connection, rows: Iterable[pl.DataFrame], more: Sequence[str] = ()) -> int:
    """Stage the list and find for each row that means anybody the contact, and how many it could be (`n`).

    `more`: further columns of the rows, text. Returns the list's length.
    """
    staged = _stage(connection, rows, more)
    if is_sqlite(connection):
        _do(connection, f"pragma cache_size = {MATCHING_CACHE}")
    still = "not exists (select 1 from temp_meant m where m.line = s.line)"
    by_address = "lower(c.email) = lower(s.email) and s.contact is null"
    for condition in (
        "c.id = s.contact",
        "s.contact is null and c.external_id = s.external_id",
        f"{by_address} and c.external_id is null",
        f"{by_address} and c.external_id is not null and s.external_id is null",
    ):
        _do(
            connection,
            "insert into temp_meant (line, contact, n) select s.line, min(c.id), count(*)"
            f" from temp_list s cross join contacts c where {condition} and {still} group by s.line",
        )
        _analyze(connection, "temp_meant")
    return staged


def nobody(connection: Connection, more: Sequence[str] = ()) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that mean nobody, and those that could mean several (with `n`), all as text, by line."""
    columns = {name: f"s.{name}" for name in (*COLUMNS, *more)}
    unknown = read_named(
        connection,
        columns,
        "from temp_list s where not exists (select 1 from temp_meant m where m.line = s.line)",
    )
    unclear = read_named(
        connection,
        columns | {"n": "m.n"},
        "from temp_list s cross join temp_meant m where m.line = s.line and m.n > 1",
    )
    for name in ("temp_list", "temp_meant"):
        _do(connection, f"drop table {name}")
    if is_sqlite(connection):
        _do(connection, f"pragma cache_size = {SMALL_CACHE}")
    by_line = pl.col("line").cast(pl.Int64)
    return unknown.sort(by_line), unclear.sort(by_line)


def _stage(connection: Connection, rows: Iterable[pl.DataFrame], more: Sequence[str]) -> int:
    own = "".join(f", {name} text" for name in more)
    layouts = {
        "temp_list": f"line bigint primary key, contact bigint, external_id text, email text{own}",
        "temp_meant": "line bigint primary key, contact bigint, n integer",
    }
    for name, layout in layouts.items():
        if is_sqlite(connection):
            layout = layout.replace("bigint primary key", "integer primary key")
        _do(connection, f"drop table if exists {name}")
        _do(connection, f"create temporary table {name} ({layout})")
    staged = 0
    for frame in rows:
        insert_frame(connection, "temp_list", frame.select(*COLUMNS, *more))
        staged += frame.height
    _analyze(connection, "temp_list")
    return staged


def _analyze(connection: Connection, table: str) -> None:
    if not is_sqlite(connection):
        _do(connection, f"analyze {table}")


def _do(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)
