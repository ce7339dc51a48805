"""Frames of text and numbers into tables, and named columns out of them.

Null in a frame is NULL in the table. SQLite takes statements of many rows each, PostgreSQL a COPY.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

import polars as pl
from sqlalchemy import Connection

from carillon.store.bulk import ROWS_A_STATEMENT, is_sqlite, read_strings
from carillon.store.engine import dbapi


def insert_frame(
    connection: Connection, table: str, frame: pl.DataFrame, constants: Mapping[str, str] | None = None
) -> None:
    """Insert a frame, whose columns are named as the table's; `constants` go into every row."""
    constants = constants or {}
    if frame.height == 0:
        return
    if is_sqlite(connection):
        _insert_many(connection, table, frame, constants)
    else:
        _copy_csv(connection, table, frame.with_columns(pl.lit(v).alias(n) for n, v in constants.items()))


def read_named(connection: Connection, columns: Mapping[str, str], rest: str) -> pl.DataFrame:
    """`select EXPRESSION as NAME, ... rest` as strings, null where NULL or empty.

    `columns`: name -> expression. `rest` as in `bulk.read_strings`.
    """
    frame = read_strings(connection, list(columns.values()), rest)
    frame.columns = list(columns)
    return frame.with_columns(pl.when(pl.all() != "").then(pl.all()))


def _insert_many(
    connection: Connection, table: str, frame: pl.DataFrame, constants: Mapping[str, str]
) -> None:
    """Constants are bound once a statement, as its first parameters."""
    fixed = tuple(constants.values())
    head = f"insert into {table} ({', '.join((*constants, *frame.columns))}) values "

    def statement(rows: int) -> str:
        number = len(fixed)
        parts = []
        for _ in range(rows):
            own = range(number + 1, number + 1 + frame.width)
            parts.append(f"({', '.join(f'?{i}' for i in chain(range(1, len(fixed) + 1), own))})")
            number += frame.width
        return head + ", ".join(parts)

    rows = frame.rows()
    whole = len(rows) // ROWS_A_STATEMENT * ROWS_A_STATEMENT
    run = dbapi(connection).executemany
    groups = (
        (*fixed, *chain.from_iterable(rows[begin : begin + ROWS_A_STATEMENT]))
        for begin in range(0, whole, ROWS_A_STATEMENT)
    )
    run(statement(ROWS_A_STATEMENT), groups)
    run(statement(1), ((*fixed, *row) for row in rows[whole:]))


def _copy_csv(connection: Connection, table: str, frame: pl.DataFrame) -> None:
    """Polars writes null as nothing and an empty text as two quotation marks, which COPY tells apart."""
    statement = f"copy {table} ({', '.join(frame.columns)}) from stdin (format csv)"
    with dbapi(connection).cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(frame.write_csv(include_header=False).encode())
