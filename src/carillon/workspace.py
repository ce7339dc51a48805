"""A workspace: one folder with its configuration, its database and its clock.

Opened once per command and handed to every room's `run`. It has no verbs of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from carillon.clock import Clock, today
from carillon.errors import WorkspaceError
from carillon.settings import Settings, load_settings
from carillon.settings_load import FILE_NAME
from carillon.settings_values import from_environment, values_of
from carillon.store import versions
from carillon.store.engine import Connection, Database, open_database
from carillon.user import user_name

if TYPE_CHECKING:
    from carillon.log import Log

EDITED = f"{FILE_NAME} edited"
"""How a version came about that no command made."""


@dataclass(frozen=True)
class Workspace:
    """Settings, store and clock of one organisation."""

    folder: Path
    settings: Settings
    database: Database
    clock: Clock

    def today(self) -> date:
        """The calendar date it is now in the workspace's time zone."""
        return today(self.clock, self.settings.workspace.zone)

    @cached_property
    def log(self) -> Log:
        """Where what was done is written down."""
        from carillon.log import open_log

        return open_log(self.folder, self.settings.logging, self.clock)

    def note_version(self, connection: Connection, how: str = EDITED, by: str | None = None) -> bool:
        """Make a version of the settings unless the newest is the same. Returns whether one was made.

        `by`: who changed them; None: whoever runs the program.
        """
        return versions.record(
            connection,
            values_of(self.settings),
            from_environment(self.settings),
            f"{by or user_name()}: {how}",
            self.clock.now(),
        )

    def close(self) -> None:
        self.database.close()


def open_workspace(folder: Path, environ: Mapping[str, str], clock: Clock) -> Workspace:
    """The workspace in `folder`, ready to work with.

    The first transaction that writes also notes the settings as a new version if they have changed: whoever
    edits `carillon.yaml` need not tell, and a command that only reads writes nothing.

    Raises WorkspaceError if there is none or its database is not of this program's version, and
    SettingsError if its configuration is wrong.
    """
    require_folder(folder)
    workspace = at(folder, environ, clock)
    file = workspace.database.file
    if file is not None and not file.exists():
        raise WorkspaceError(
            f"the workspace {folder} has no database yet ({file} is missing). "
            f"`carillon init {folder}` makes it; `carillon restore` goes back to a backup."
        )
    try:
        workspace.database.require_current()
    except BaseException:
        workspace.close()
        raise
    workspace.database.opening = workspace.note_version
    return workspace


def require_folder(folder: Path) -> None:
    """Raise WorkspaceError unless there is a workspace in `folder`, in whatever state."""
    if not (folder / "carillon.yaml").is_file():
        raise WorkspaceError(
            f"{folder} is not a Carillon workspace (it has no carillon.yaml). Make one with "
            f"`carillon init {folder}`, or name another with --workspace."
        )


def at(folder: Path, environ: Mapping[str, str], clock: Clock) -> Workspace:
    """The workspace in `folder` as it is, whatever its database looks like."""
    settings = load_settings(folder, environ)
    processing = settings.processing
    database = open_database(
        settings.database.url, folder, processing.max_retry_attempts + 1, processing.retry_delay
    )
    return Workspace(folder, settings, database, clock)
