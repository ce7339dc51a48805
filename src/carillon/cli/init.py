"""`carillon init`: make a workspace, or bring an existing one up to date."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer
from rich.markup import escape

from carillon.cli.backup import back_up
from carillon.cli.output import Screen
from carillon.cli.session import Session, session
from carillon.cli.template import ensure_defaults
from carillon.errors import UsageError, WorkspaceError

if TYPE_CHECKING:
    from carillon.settings import Purpose
    from carillon.workspace import Workspace


class For(StrEnum):
    """What a workspace is for: only insurance has the states' rules filled in."""

    INSURANCE = "insurance"
    OUTREACH = "outreach"
    PRODUCT = "product"


def init(
    context: typer.Context,
    folder: Path = typer.Argument(None, metavar="DIR", help="The folder (default: the workspace's)."),
    purpose: For = typer.Option(
        None, "--for", help="What it is for (default: insurance, with the exclusion rules of the states)."
    ),
    adopt: Path = typer.Option(
        None,
        "--adopt",
        metavar="FILE",
        help="Take over the SQLite database of an older scheduler, in place (DIR defaults to its folder).",
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="With --adopt: only show what would be taken."),
    as_json: bool = typer.Option(False, "--json", help="With --adopt: print one JSON document."),
) -> None:
    """Make a workspace, or bring one up to date.

    A workspace is a folder with its settings (carillon.yaml) and its database. On an existing workspace
    the database is brought up to this version of Carillon, after a backup; settings are never touched.
    """
    here = session(context)
    if adopt is not None:
        from carillon.cli.adopt import take_over

        take_over(here, folder or adopt.parent, adopt, purpose, dry_run, as_json)
        return
    if dry_run or as_json:
        raise UsageError("--dry-run and --json go with --adopt FILE; without it there is nothing to show.")
    target = folder or here.folder
    is_new = make(here, target, purpose)
    name = f" -w {escape(str(target))}" if target.resolve() != Path.cwd() else ""
    if is_new:
        here.screen.say(
            f"\nNext: [bold]carillon{name} import contacts FILE[/], then [bold]carillon{name} plan[/]."
        )
    elif purpose is not None:
        here.screen.note(
            "--for changes nothing on an existing workspace: edit state_rules in its carillon.yaml."
        )


def make(here: Session, folder: Path, purpose: For | None) -> bool:
    """Make or update the workspace in `folder`, saying what is done. Returns whether it is new."""
    from carillon.jobs.settings import noted
    from carillon.settings import write_default_settings
    from carillon.workspace import at

    screen = here.screen
    wanted = (purpose or For.INSURANCE).value
    is_new = not (folder / "carillon.yaml").exists()
    if is_new:
        make_folder(folder)
        write_default_settings(folder, cast("Purpose", wanted))
        screen.say(f"Wrote the settings for {wanted}: {escape(str(folder / 'carillon.yaml'))}")
    workspace = at(folder, os.environ, here.clock(folder))
    try:
        _database(workspace, screen)
        ensure_defaults(workspace)
        noted(workspace, "carillon init")
    finally:
        workspace.close()
    return is_new


def make_folder(folder: Path) -> None:
    """The folder of a workspace, made where it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise WorkspaceError(f"{folder} is a file; a workspace is a folder. Give another name.") from None
    except OSError as error:
        raise WorkspaceError(
            f"the folder {folder} cannot be made ({error.strerror}). Give another place, or yourself the "
            "permission."
        ) from None


def _database(workspace: Workspace, screen: Screen) -> None:
    """Make the schema, or bring an older one up to date after a backup."""
    from carillon.store.schema import known_versions, newest_version

    database = workspace.database
    version = database.version()
    if version == newest_version():
        screen.say(f"The database is up to date: {escape(database.place)}")
        return
    if version is not None and version not in known_versions():
        database.require_current()
    if version is None:
        database.migrate()
        screen.say(f"Made the database: {escape(database.place)}")
        return
    if database.is_sqlite:
        back_up(workspace, screen)
    database.migrate()
    screen.say(f"Brought the database from schema {version} to {newest_version()}: {escape(database.place)}")
