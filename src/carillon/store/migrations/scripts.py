"""Runs the part of a migration that is SQL of one database: views, functions and triggers."""

from __future__ import annotations

from pathlib import Path

from alembic import op


def run_script(revision: str) -> None:
    """`sql/<revision>_<dialect>.sql`, on the connection of the migration under way."""
    dialect = op.get_bind().dialect.name
    script = (Path(__file__).parent / "sql" / f"{revision}_{dialect}.sql").read_text(encoding="utf-8")
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None
    if dialect == "sqlite":
        for statement in _sqlite_statements(script):
            connection.execute(statement)
    else:
        connection.cursor().execute(script)


def _sqlite_statements(script: str) -> list[str]:
    """Statements of a script with triggers in it: one ends where SQLite itself says it is complete."""
    import sqlite3

    statements, begun = [], ""
    for line in script.splitlines(keepends=True):
        begun += line
        if sqlite3.complete_statement(begun):
            statements.append(begun)
            begun = ""
    return statements
