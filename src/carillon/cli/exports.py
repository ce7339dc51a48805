"""`carillon export`: hand contacts or the plan out."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import typer
from rich.markup import escape

from carillon.cli.output import Progress, count
from carillon.cli.session import Session, session

FILE = typer.Argument(..., metavar="FILE|-", help=".csv, .xlsx or .parquet; - writes CSV to a pipe.")


def contacts(context: typer.Context, file: str = FILE) -> None:
    """Write all contacts, sorted by email."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.files.run import export_contacts

        _export(
            here, file, "contact", lambda path, tell: export_contacts(workspace, path, _of(tell, "contacts"))
        )


def plan(
    context: typer.Context,
    file: str = FILE,
    canonical: bool = typer.Option(
        False, "--canonical", help="Without ids and times, in one fixed order: equal plans give equal files."
    ),
) -> None:
    """Write every planned, skipped and sent email with its contact's address."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.files.run import export_plan

        _export(
            here,
            file,
            "email",
            lambda path, tell: export_plan(
                workspace, path, canonical=canonical, progress=_of(tell, "emails")
            ),
        )


def _of(tell: Progress, what: str) -> Callable[[int, int], None]:
    return lambda done, total: tell(f"Writing {what}", done, total)


def _export(here: Session, file: str, noun: str, write: Callable[[Path, Progress], int]) -> None:
    with here.screen.progress(f"Writing {noun}s") as tell:
        if file != "-":
            n = write(Path(file), tell)
        else:
            with tempfile.TemporaryDirectory(prefix="carillon-") as folder:
                path = Path(folder) / "export.csv"
                write(path, tell)
                with path.open("rb") as written:
                    sys.stdout.flush()
                    shutil.copyfileobj(written, sys.stdout.buffer)
            return
    here.screen.say(f"Wrote {count(n, noun)} to {escape(file)}")
