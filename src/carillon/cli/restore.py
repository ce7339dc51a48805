"""`carillon restore`: back to a backup, and what `--take-over` of `send` and `release` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.backup import MEGABYTE
from carillon.cli.output import Screen, count, listed
from carillon.cli.session import Session, session
from carillon.errors import InputError, UsageError
from carillon.user import user_name

if TYPE_CHECKING:
    from carillon.send.restore import RestoreReport
    from carillon.workspace import Workspace


def restore(
    context: typer.Context,
    backup: Path = typer.Argument(None, metavar="BACKUP", help="A file, or the name of a listed backup."),
    list_: bool = typer.Option(False, "--list", help="List the backups there are; so does no BACKUP."),
    replay: bool = typer.Option(
        False,
        "--replay",
        help="The database was put back by other means (pg_restore, a copied file): do only the rest.",
    ),
    gap_in_doubt: bool = typer.Option(
        False,
        "--gap-in-doubt",
        help="The sent journal is not whole (the folder is a copy, too): all that was due since is in doubt.",
    ),
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Go back to a backup; without one, list them.

    What was sent since the backup is taken from the sent journal, so that nobody is written to twice. What
    may have been sent is in doubt: see `carillon doubts`. All mail is paused until `carillon resume`. The
    database that was there is kept beside the new one.
    """
    here = session(context)
    if backup is not None and (replay or list_):
        raise UsageError("BACKUP, --replay and --list exclude each other.")
    if backup is None and not replay:
        with _as_it_is(here) as workspace:
            _list(workspace, here.screen, as_json)
        return
    if replay:
        with here.workspace() as workspace:
            _ask(here.screen, yes, f"Replay the sent journal into {workspace.database.place}?")
            from carillon.send.restore import replay as catch_up

            report = catch_up(workspace, gap_in_doubt)
    else:
        with _as_it_is(here) as workspace:
            file = _find(workspace, backup)
            _ask(here.screen, yes, f"Put {file} in the place of {workspace.database.place}?")
            report = _restore(workspace, file, gap_in_doubt, here.screen)
    if as_json:
        here.screen.json(report.as_json())
    else:
        _show(here.screen, report)


def take_over(workspace: Workspace, screen: Screen) -> None:
    """From now on the workspace's mail is sent from here."""
    from carillon.store.home import take_over as take

    before = workspace.database.write(
        lambda connection: take(connection, workspace.folder, user_name(), workspace.clock.now())
    )
    if before is not None:
        screen.note(f"Mail is sent from here now, and no more from {escape(str(before))}.")


@contextmanager
def _as_it_is(here: Session) -> Iterator[Workspace]:
    """The workspace, whatever its database looks like."""
    from carillon.workspace import at, require_folder

    require_folder(here.folder)
    workspace = at(here.folder, os.environ, here.clock(here.folder))
    try:
        yield workspace
    finally:
        workspace.close()


def _ask(screen: Screen, yes: bool, question: str) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("there is nobody to ask; add --yes if this is what you want.")
    screen.note("All mail is paused until `carillon resume`; nothing is lost.")
    typer.confirm(question, abort=True, err=True)


def _find(workspace: Workspace, backup: Path) -> Path:
    """The file that is meant. Raises InputError."""
    if not workspace.database.is_sqlite:
        raise InputError(
            f"{workspace.database.place} is on PostgreSQL, which has tools of its own. Stop everything that "
            f"sends, run `pg_restore --clean --if-exists --dbname=DATABASE {backup}`, and then `carillon "
            "restore --replay`, before anything is sent."
        )
    named = _folder(workspace) / backup
    file = next((one for one in (backup, named) if one.is_file()), None)
    if file is None:
        raise InputError(
            f"there is no backup {backup}; `carillon restore` lists those in {_folder(workspace)}."
        )
    database = workspace.database.file
    assert database is not None
    if database.exists() and file.samefile(database):
        raise InputError(
            f"{file} is the workspace's database itself. If it was put there by hand, run `carillon restore "
            "--replay`."
        )
    return file


def _restore(workspace: Workspace, file: Path, gap_in_doubt: bool, screen: Screen) -> RestoreReport:
    from carillon.send.restore import restore as go_back

    words = "Copying the backup"
    with screen.progress(words) as tell:
        return go_back(workspace, file, gap_in_doubt, lambda done, total: tell(words, done, total))


def _list(workspace: Workspace, screen: Screen, as_json: bool) -> None:
    from carillon.store.backup import existing

    found = [(moment, path, path.stat().st_size) for moment, path in existing(_folder(workspace))]
    if as_json:
        rows = [
            {"path": str(path), "made": moment.isoformat(), "bytes": size} for moment, path, size in found
        ]
        screen.json({"backups": rows})
        return
    if not found:
        screen.say(f"There is no backup in {escape(str(_folder(workspace)))}.")
        return
    zone = workspace.settings.workspace.zone
    screen.table(
        ("backup", "made", "MB"),
        [
            (path.name, f"{moment.astimezone(zone):%Y-%m-%d %H:%M}", f"{size / MEGABYTE:,.1f}")
            for moment, path, size in found
        ],
        right="MB",
        whole="backup",
    )
    screen.say("\nGo back to one with [bold]carillon restore BACKUP[/].")


def _folder(workspace: Workspace) -> Path:
    return workspace.folder / workspace.settings.audit.backup_folder


def _show(screen: Screen, report: RestoreReport) -> None:
    if report.backup is not None:
        screen.say(f"[green]Restored[/] {escape(str(report.backup))}.")
    if report.kept is not None:
        screen.say(f"The database that was there is kept: {escape(str(report.kept))}")
    if report.counts:
        screen.say(f"From the sent journal: {listed(report.counts, screen.glyphs.dot)}.")
    else:
        screen.say("The sent journal holds nothing that the database did not know.")
    for name, lines in report.damaged.items():
        screen.warn(f"{name} of the sent journal has {count(lines, 'line')} that a crash cut off.")
    if not report.journal_is_whole:
        screen.warn(
            "The sent journal does not reach back to the backup: what was due since then is in doubt."
        )
    if report.strangers:
        screen.warn(
            f"{count(report.strangers, 'email')} went to contacts that were imported after the backup. "
            "Import the same files again, in the same order, before `carillon resume`."
        )
    if report.counts.get("in_doubt"):
        screen.say("Look at them with [bold]carillon doubts[/].")
    screen.say(
        "[yellow]All mail is paused.[/] Run [bold]carillon plan[/], look at it, and then"
        " [bold]carillon resume[/]."
    )
