"""Two roads to one schema, and databases of other versions."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from carillon.clock import SystemClock
from carillon.errors import CarillonError, WorkspaceError
from carillon.store.engine import Database, open_database
from carillon.store.schema import known_versions, newest_version
from carillon.store.tables import metadata
from carillon.workspace import Workspace, open_workspace
from tests.contract.lists import execute, query

BOOKS = {"alembic_version"}

pytestmark = [
    pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index"),
    pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index"),
]
"""Such indexes are compared by their definitions."""


def schema(connection: Connection) -> dict[str, Any]:
    """Tables, columns, keys and indexes as the database itself describes them."""
    look = inspect(connection)
    found: dict[str, Any] = {}
    for table in sorted(set(look.get_table_names()) - BOOKS):
        columns = {
            column["name"]: (str(column["type"]), column["nullable"], column.get("default"))
            for column in look.get_columns(table)
        }
        unique = {tuple(each["column_names"]) for each in look.get_unique_constraints(table)}
        found[table] = (columns, look.get_pk_constraint(table)["constrained_columns"], unique)
    return found


def indexes(connection: Connection) -> set[tuple[str, str]]:
    """Names and definitions of all indexes that were asked for, without layout."""
    if connection.dialect.name == "sqlite":
        statement = "select name, sql from sqlite_master where type = 'index' and sql is not null"
    else:
        statement = "select indexname, indexdef from pg_indexes where schemaname = 'public'"
    rows = connection.execute(text(statement))
    return {(name, " ".join(sql.lower().split())) for name, sql in rows if "alembic" not in name}


@pytest.fixture
def bare(workspace: Workspace) -> Database:
    """A database with nothing in it."""
    if workspace.database.is_sqlite:
        workspace.close()
        assert workspace.database.file is not None
        workspace.database.file.unlink()
    else:
        execute(workspace, "drop schema public cascade")
        execute(workspace, "create schema public")
    return workspace.database


def test_two_roads_lead_to_one_schema(bare: Database) -> None:
    roads = []
    for road in (metadata.create_all, None):
        if road is None:
            bare.write(metadata.drop_all)
            bare.migrate()
        else:
            bare.write(road)
        with bare.snapshot() as connection:
            roads.append((schema(connection), indexes(connection)))
    assert roads[0] == roads[1]
    assert len(roads[1][1]) > 5


def test_alembic_finds_nothing_left_to_do(workspace: Workspace) -> None:
    with workspace.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        names = ("email", "shared_email", "last_name", "email_text")
        expressions = {f"contacts_by_{name}" for name in names}
        found = [
            one
            for one in compare_metadata(context, metadata)
            if getattr(one[1], "name", "") not in expressions
        ]
    assert found == []


def test_the_files_are_named_by_their_versions() -> None:
    folder = files("carillon") / "store" / "migrations"
    told = ScriptDirectory(str(folder)).walk_revisions()
    assert [one.revision for one in told][::-1] == list(known_versions())


def test_a_migrated_database_is_current_and_stays_as_it_is(workspace: Workspace) -> None:
    workspace.database.require_current()
    assert workspace.database.version() == newest_version()
    execute(workspace, "insert into contacts (email) values ('a@example.com')")
    workspace.database.migrate()
    assert len(query(workspace, "select * from contacts")) == 1


def test_the_database_of_a_newer_carillon_is_refused(workspace: Workspace) -> None:
    execute(workspace, "update alembic_version set version_num = '9999'")
    for refused in (
        workspace.database.require_current,
        lambda: open_workspace(workspace.folder, {}, SystemClock()),
    ):
        with pytest.raises(
            WorkspaceError, match=r"made by a newer Carillon \(schema 9999; .*Update Carillon"
        ):
            refused()


def test_the_database_of_an_older_carillon_is_told_to_be_brought_up_to_date(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = newest_version()
    monkeypatch.setattr("carillon.store.engine.newest_version", lambda: "9999")
    with pytest.raises(WorkspaceError, match=rf"older Carillon \(schema {at}; .*needs 9999.*carillon init"):
        workspace.database.require_current()


def test_a_database_without_our_tables_is_no_workspace(bare: Database) -> None:
    assert bare.version() is None
    with pytest.raises(WorkspaceError, match="holds no Carillon workspace yet"):
        bare.require_current()


def test_a_migration_that_fails_leaves_nothing(bare: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it or nothing: tables made before the failure are gone again, and a second try succeeds."""
    from alembic import op

    made = []

    def fail(name: str, *_: object, **__: object) -> None:
        made.append(name)
        raise RuntimeError("the power went out")

    with monkeypatch.context() as broken:
        broken.setattr(op, "bulk_insert", fail)
        with pytest.raises(RuntimeError, match="power"):
            bare.migrate()
    assert made
    with bare.snapshot() as connection:
        assert set(inspect(connection).get_table_names()) <= BOOKS
    assert bare.version() is None
    bare.migrate()
    bare.require_current()


def test_what_stands_in_the_way_of_a_migration_is_left_alone(bare: Database) -> None:
    def make(connection: Connection) -> None:
        connection.execute(text("create table outbox (mine text)"))
        connection.execute(text("insert into outbox (mine) values ('kept')"))

    bare.write(make)
    with pytest.raises(CarillonError, match="outbox"):
        bare.migrate()
    with bare.snapshot() as connection:
        assert connection.execute(text("select mine from outbox")).scalar() == "kept"
        assert set(inspect(connection).get_table_names()) <= BOOKS | {"outbox"}


def test_a_database_that_is_none_says_so(workspace: Workspace) -> None:
    if workspace.database.is_sqlite:
        file = workspace.folder / "text.db"
        file.write_text("this is not a database, however long it may be " * 100, encoding="utf-8")
        other, words = open_database(f"sqlite:///{file}", workspace.folder), "not an SQLite database"
    else:
        url = workspace.database.engine.url.set(database="nobody_made_this")
        other = open_database(url.render_as_string(hide_password=False), workspace.folder)
        words = "nobody_made_this"
    with pytest.raises(WorkspaceError, match=words):
        other.version()
    other.close()
