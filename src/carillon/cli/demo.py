"""`carillon demo`: a workspace with made-up contacts and some weeks behind it, to look at."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import typer
from rich.markup import escape

from carillon.cli import demo_mail, demo_past, explain, forecast, plan
from carillon.cli.init import make_folder
from carillon.cli.output import title
from carillon.cli.session import Session, session
from carillon.errors import WorkspaceError

MARKER = ".carillon-demo"
"""Tells a demo's folder from any other: only such a one is made anew."""
OWN = (
    "carillon.yaml", "carillon.db", "carillon.db-wal", "carillon.db-shm", "carillon.links.key",
    demo_past.CUSTOMERS, demo_past.PARTNERS,
)  # fmt: skip
OWN_FOLDERS = ("logs", "backups", "imports", "inbox", "mail", "sent")
YEAR = 365


def demo(
    context: typer.Context,
    folder: Path = typer.Argument(
        Path("carillon-demo"), metavar="DIR", help="Where to make it (default: carillon-demo)."
    ),
) -> None:
    """Make a workspace to try things on, and show it.

    It gets 3,000 made-up contacts, mostly good and a little messy, campaigns, sequences and accounts, and
    lets some weeks pass: emails are sent into Maildirs, and people answer. Then it shows the plan of their
    year. The folder must be new, empty, or an earlier demo's, which is made anew.
    """
    here = session(context)
    _clear(folder)
    there = Session(folder, here.now, here.screen)
    make_folder(folder)
    (folder / MARKER).write_text("Made by `carillon demo`, which may make it anew.\n", encoding="utf-8")
    demo_past.make(there)
    _show(there)
    demo_mail.show(there.screen, folder)
    _where_to_look(there)


def _show(there: Session) -> None:
    screen = there.screen
    with there.workspace() as workspace:
        from carillon.files.sample import SHOWN
        from carillon.plan import inquire
        from carillon.words import By

        today = workspace.today()
        title(screen, "4. The plan")
        report = plan.run_planner(workspace, screen)
        plan.show_summary(screen, workspace, report)
        title(screen, "5. Emails a day over the next year, against the daily cap")
        forecast.year(screen, inquire.forecast(workspace, today, today + timedelta(days=YEAR - 1), By.DAY))
        title(screen, "6. One contact's year, explained")
        explain.show(screen, inquire.explain(workspace, SHOWN)[0])


def _clear(folder: Path) -> None:
    """Make way for a new demo, but never in a folder that is something else."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise WorkspaceError(f"{folder} is a file; give the name of a folder.")
    if not (folder / MARKER).is_file():
        if any(folder.iterdir()):
            raise WorkspaceError(
                f"{folder} holds something that is not a demo; nothing was touched. Give another name: "
                "`carillon demo DIR`."
            )
        return
    for name in OWN:
        (folder / name).unlink(missing_ok=True)
    for name in OWN_FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)


def _where_to_look(there: Session) -> None:
    from carillon.files.sample import SHARED

    screen = there.screen
    title(screen, "Where to look next")
    name = f"carillon -w {there.folder}"
    rows = [
        (f"{name} web", "all of it in the browser (here also `make web`)"),
        (f"{name} forecast", "the next 60 days, against the daily cap"),
        (f"{name} forecast --by month", "the year by month"),
        (f"{name} explain {SHARED}", "a couple with one address"),
        (f"{name} issues", "what is wrong with the contacts' data"),
        (f"{name} plan --dry-run --fresh", "what placing everything anew would change"),
        (f"{name} config show", "every setting and where it comes from"),
    ]
    for command, words in rows:
        screen.say(f"  [bold]{escape(command)}[/]\n    [dim]{words}[/]")
