"""The one place that may send a workspace's mail (`workspace_state.home`).

A workspace that was copied has the same plan as the original; if both sent, everybody would be written to
twice. So the first that releases or sends is written down, and any other is refused until someone takes
over. On SQLite a place is a machine and a folder; on PostgreSQL, where workers on many machines share one
database, it is the database itself.
"""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, text

from carillon.errors import WorkspaceError
from carillon.store.audit import note
from carillon.store.bulk import is_sqlite

_MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True)
class Home:
    """Where mail is sent from."""

    place: str
    """The workspace's folder, symbolic links followed; on PostgreSQL the database's name."""
    machine: str
    """Tells machines apart; on PostgreSQL servers and databases."""
    host: str
    """The machine's name, for people: two may have the same."""

    def is_same(self, other: Home) -> bool:
        return (self.place, self.machine) == (other.place, other.machine)

    def __str__(self) -> str:
        return f"{self.place} on {self.host}"


def home_of(connection: Connection) -> Home | None:
    """Where the workspace sends from; None: nobody has released or sent yet."""
    said = connection.execute(text("select home from workspace_state")).scalar()
    return None if said is None else Home(**json.loads(said))


def here(connection: Connection, folder: Path) -> Home:
    """Where this process would send from; `folder`: the workspace's."""
    if is_sqlite(connection):
        return Home(str(folder.resolve()), _machine(), platform.node())
    row = connection.exec_driver_sql(
        "select current_database(), s.system_identifier || ' ' || d.oid,"
        " coalesce(host(inet_server_addr()), 'a local server')"
        " from pg_control_system() s, pg_database d where d.datname = current_database()"
    ).one()
    return Home(f"database {row[0]}", str(row[1]), str(row[2]))


def require_home(connection: Connection, folder: Path) -> Home | None:
    """Where mail is sent from, if that is settled. Raises WorkspaceError where it is elsewhere."""
    mine, home = here(connection, folder), home_of(connection)
    if home is not None and not home.is_same(mine):
        raise WorkspaceError(
            f"this workspace was copied or moved: its mail is sent from {home}, and this is {mine}. If both "
            "sent, everybody would be written to twice. When the other one sends no more, run "
            "`carillon send --take-over` here; nothing was sent."
        )
    return home


def take_over(connection: Connection, folder: Path, who: str, now: datetime) -> Home | None:
    """From now on mail is sent from here. Returns where it was sent from, if that was elsewhere."""
    mine, home = here(connection, folder), home_of(connection)
    if home is not None and home.is_same(mine):
        return None
    _store(connection, mine)
    note(connection, who, "take-over", now, None if home is None else asdict(home), asdict(mine))
    return home


def set_home(connection: Connection, folder: Path, home: Home | None = None) -> None:
    """Settle it: on `home`, or on this place where nothing is settled yet."""
    if home is not None or home_of(connection) is None:
        _store(connection, home or here(connection, folder))


def _store(connection: Connection, home: Home) -> None:
    connection.execute(
        text("update workspace_state set home = :home"),
        {"home": json.dumps(asdict(home), ensure_ascii=False)},
    )


def _machine() -> str:
    try:
        said = _MACHINE_ID.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        said = ""
    # A container often has no machine id of its own.
    return said or platform.node()
