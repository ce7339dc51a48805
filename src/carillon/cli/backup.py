"""`carillon backup`, and the day's backup before a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.output import Screen, count
from carillon.cli.session import session

if TYPE_CHECKING:
    from carillon.store.backup import Backup
    from carillon.workspace import Workspace

MEGABYTE = 1_000_000


def backup(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Copy the database, and check the copy.

    Old copies go by `audit.backup_retention_days`. `carillon plan` makes one a day by itself.
    """
    here = session(context)
    with here.workspace() as workspace:
        made = _copy(workspace, here.screen)
    if as_json:
        here.screen.json(
            {
                "path": str(made.path),
                "bytes": made.size,
                "check": made.check,
                "removed": [str(path) for path in made.removed],
            }
        )
    else:
        here.screen.say(_words(made))


def back_up(workspace: Workspace, screen: Screen) -> None:
    """Make a backup and say so."""
    screen.say(_words(_copy(workspace, screen)))


def back_up_if_due(workspace: Workspace, screen: Screen) -> None:
    """The day's backup of an SQLite workspace, unless there is one or none is wanted."""
    if not workspace.database.is_sqlite:
        return
    from carillon.store.backup import backup_if_due

    with screen.progress("Backing up the database") as tell:
        made = backup_if_due(
            workspace.database,
            workspace.folder / workspace.settings.audit.backup_folder,
            workspace.clock.now(),
            workspace.settings.audit,
            lambda done, total: tell("Backing up the database", done, total),
        )
    if made is not None:
        screen.note(_words(made))


def _copy(workspace: Workspace, screen: Screen) -> Backup:
    from carillon.store.backup import backup as copy

    with screen.progress("Backing up the database") as tell:
        return copy(
            workspace.database,
            workspace.folder / workspace.settings.audit.backup_folder,
            workspace.clock.now(),
            workspace.settings.audit,
            lambda done, total: tell("Backing up the database", done, total),
        )


def _words(made: Backup) -> str:
    gone = f"; removed {count(len(made.removed), 'older one')}" if made.removed else ""
    size = made.size / MEGABYTE
    return f"Backed up the database ({size:,.1f} MB) to {escape(str(made.path))}{gone}"
