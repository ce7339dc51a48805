"""Many rows at once, in and out, without a Python object per value where it matters.

Reading: SQLite joins each column of a block into one text (in C, without the interpreter lock), which
Polars splits again; PostgreSQL sends a COPY. Both give a frame of strings, NULL as "".
Writing: SQLite takes statements of many rows each, which halves the time of one row per step;
PostgreSQL takes a COPY.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import Connection

from carillon.store.engine import SEPARATOR, dbapi

ROWS_A_STATEMENT = 50
COPY_ROWS = 500_000
FEW_ROWS = 5000
"""So many are sooner split by Python than a query of Polars begins."""

Arrays = Sequence[npt.NDArray[Any]]


def is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def read_strings(connection: Connection, columns: Sequence[str], rest: str) -> pl.DataFrame:
    """`select columns rest` as strings, in no promised order.

    `rest`: from "from" on; numbers in it must be written out (they are ours, never a user's).
    """
    if is_sqlite(connection):
        return _read_joined(connection, columns, rest)
    out = io.BytesIO()
    statement = f"copy (select {', '.join(columns)} {rest}) to stdout (format csv)"
    with dbapi(connection).cursor() as cursor, cursor.copy(statement) as copy:
        for block in copy:
            out.write(block)
    schema = dict.fromkeys(columns, pl.String)
    if out.tell() == 0:
        return pl.DataFrame(schema=schema)
    out.seek(0)
    return pl.read_csv(out, has_header=False, schema=schema, empty_string_is_null=False)


def read_integers(connection: Connection, columns: Sequence[str], rest: str) -> list[npt.NDArray[np.int64]]:
    """As `read_strings`, for columns that hold integers and no NULL: one array each."""
    frame = read_strings(connection, columns, rest)
    return [frame[column].cast(pl.Int64).to_numpy() for column in columns]


def _read_joined(connection: Connection, columns: Sequence[str], rest: str) -> pl.DataFrame:
    # The separator is written out: char(30) would be called for every row, at twice the time. A value that
    # holds it anyway is read the slow way.
    joined = ", ".join(f"group_concat(coalesce({column}, ''), '{SEPARATOR}')" for column in columns)
    counted = dbapi(connection).execute(f"select count(*), {joined} {rest}").fetchone()
    count = counted[0]
    if count == 0:
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    split = [_split(column, text, count) for column, text in zip(columns, counted[1:], strict=True)]
    if all(len(column) == count for column in split):
        return pl.DataFrame(split)
    texts = ", ".join(f"cast(coalesce({column}, '') as text)" for column in columns)
    rows = dbapi(connection).execute(f"select {texts} {rest}").fetchall()
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _split(column: str, joined: str, count: int) -> pl.Series:
    if count <= FEW_ROWS:
        return pl.Series(column, joined.split(SEPARATOR), pl.String)
    return pl.Series(column, [joined]).str.split(SEPARATOR).explode(empty_as_null=False)


def insert_arrays(connection: Connection, table: str, columns: Sequence[str], arrays: Arrays) -> None:
    """Rows of integers, from arrays of equal length."""
    if len(arrays[0]) == 0:
        return
    if not is_sqlite(connection):
        _copy_arrays(connection, table, columns, arrays)
        return
    run = dbapi(connection).executemany
    per_row = f"({', '.join('?' * len(columns))})"
    head = f"insert into {table} ({', '.join(columns)}) values "
    many = head + ", ".join([per_row] * ROWS_A_STATEMENT)
    block = ROWS_A_STATEMENT * 2000
    for begin in range(0, len(arrays[0]), block):
        rows = np.stack([np.asarray(a[begin : begin + block], np.int64) for a in arrays], axis=1)
        whole = len(rows) // ROWS_A_STATEMENT * ROWS_A_STATEMENT
        run(many, rows[:whole].reshape(-1, ROWS_A_STATEMENT * len(columns)).tolist())
        run(head + per_row, rows[whole:].tolist())


def insert_rows(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Rows of anything the driver can bind."""
    if not is_sqlite(connection):
        _copy(connection, table, columns, rows)
        return
    marks = ", ".join("?" * len(columns))
    dbapi(connection).executemany(f"insert into {table} ({', '.join(columns)}) values ({marks})", rows)


VALUES_A_STATEMENT = 200
"""SQLite takes 32,766 parameters in all."""


def with_rows(
    connection: Connection, columns: tuple[tuple[str, str], ...], rows: Sequence[Sequence[object]], rest: str
) -> list[tuple[Any, ...]]:
    """Run `rest` with few rows as the table `v`; what it returns.

    `columns`: names and PostgreSQL's types. For statements that are run often: a driver keeps them prepared,
    as only the number of rows is in their text, and on PostgreSQL not even that.
    """
    found: list[tuple[Any, ...]] = []
    run = dbapi(connection).execute
    for begin in range(0, len(rows), VALUES_A_STATEMENT):
        part = rows[begin : begin + VALUES_A_STATEMENT]
        if is_sqlite(connection):
            done = run(_with_values(columns, len(part), rest), list(chain.from_iterable(part)))
        else:
            names = [name for name, _ in columns]
            listed = json.dumps([dict(zip(names, row, strict=True)) for row in part])
            done = run(_with_recordset(columns, rest), (listed,))
        if done.description is not None:
            found += done.fetchall()
    return found


@cache
def _with_values(columns: tuple[tuple[str, str], ...], some: int, rest: str) -> str:
    row = f"({', '.join('?' * len(columns))})"
    return f"with v ({', '.join(name for name, _ in columns)}) as (values {', '.join([row] * some)}) {rest}"


@cache
def _with_recordset(columns: tuple[tuple[str, str], ...], rest: str) -> str:
    typed = ", ".join(f"{name} {kind}" for name, kind in columns)
    return f"with v as (select * from json_to_recordset(%s) as v ({typed})) {rest}"


def stage_arrays(connection: Connection, name: str, columns: Sequence[str], arrays: Arrays) -> None:
    """A temporary table of integers, gone with the connection; made anew if it was there."""
    if is_sqlite(connection):
        first, *others = columns
        layout = f"{first} integer primary key" + "".join(f", {column} integer" for column in others)
        connection.exec_driver_sql(f"drop table if exists temp.{name}")
        connection.exec_driver_sql(f"create temp table {name} ({layout})")
    else:
        layout = ", ".join(f"{column} bigint" for column in columns)
        connection.exec_driver_sql(f"drop table if exists pg_temp.{name}")
        connection.exec_driver_sql(f"create temp table {name} ({layout})")
    insert_arrays(connection, name, columns, arrays)
    if not is_sqlite(connection):
        connection.exec_driver_sql(f"analyze {name}")


def _copy_arrays(connection: Connection, table: str, columns: Sequence[str], arrays: Arrays) -> None:
    statement = f"copy {table} ({', '.join(columns)}) from stdin (format csv)"
    with dbapi(connection).cursor() as cursor, cursor.copy(statement) as copy:
        for begin in range(0, len(arrays[0]), COPY_ROWS):
            part = [np.asarray(array[begin : begin + COPY_ROWS]) for array in arrays]
            frame = pl.DataFrame(part, schema=list(columns))
            copy.write(frame.write_csv(include_header=False))


def _copy(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    with (
        dbapi(connection).cursor() as cursor,
        cursor.copy(f"copy {table} ({', '.join(columns)}) from stdin") as copy,
    ):
        for row in rows:
            copy.write_row(row)
