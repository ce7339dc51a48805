"""Which version a database's schema has, and how it is brought up to date.

Versions are the files of `migrations/versions`: they are read off their names, because Alembic takes a
quarter of a second to load, and every command asks.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect

_FILES = Path(__file__).parent / "migrations" / "versions"


@cache
def known_versions() -> tuple[str, ...]:
    """All that this program knows, the oldest first."""
    return tuple(sorted(file.name[1:5] for file in _FILES.glob("v[0-9][0-9][0-9][0-9]_*.py")))


def newest_version() -> str:
    return known_versions()[-1]


def version_of(connection: Connection) -> str | None:
    """The version a database is at; None for one without our tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("select version_num from alembic_version").scalar()
    return None if found is None else str(found)


def upgrade(connection: Connection, to: str = "head") -> None:
    """Bring the schema up to date, or to a version, within the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "carillon:store/migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
