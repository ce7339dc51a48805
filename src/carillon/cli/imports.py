"""`carillon import`: bring contacts in."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer
from rich.markup import escape

from carillon.cli.output import Screen, count, number
from carillon.cli.session import session
from carillon.errors import UsageError

if TYPE_CHECKING:
    from carillon.files.reports import Found
    from carillon.files.run import ImportReport

PROBLEMS_SHOWN = 10
VALUE_WIDTH = 30


class DateOrder(StrEnum):
    """How a date like 3/4/2026 is meant: month first or day first."""

    MDY = "mdy"
    DMY = "dmy"


def contacts(
    context: typer.Context,
    file: str = typer.Argument(..., metavar="FILE|-", help="CSV, XLSX or Parquet; - reads CSV from a pipe."),
    mapping: list[str] = typer.Option(
        [],
        "--map",
        metavar="SOURCE=TARGET",
        help="Take a column of the file for this one of ours; repeatable.",
    ),
    date_order: DateOrder = typer.Option(
        DateOrder.MDY, "--date-order", help="What 3/4/2026 is: mdy 4 March, dmy 3 April."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Store nothing; show what would happen."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Store the contacts of a file: new ones are added, known ones (by email) updated.

    All of the file or nothing: an error leaves the contacts as they were. A row without a usable email is
    rejected; any other fault is reported and its contact taken. The report lists every one with its line.
    """
    source: Path | Literal["-"] = "-" if file == "-" else Path(file)
    wanted = _pairs(mapping)
    here = session(context)
    with here.workspace() as workspace:
        from carillon.files.run import import_contacts

        with here.screen.progress("Reading the file") as tell:
            report = import_contacts(
                workspace,
                source,
                mapping=wanted,
                date_order=date_order.value,
                dry_run=dry_run,
                progress=lambda done, total: tell("Reading the file", done, total),
            )
    if as_json:
        here.screen.json(_document(report))
    else:
        show(here.screen, report)
    if report.read and report.read == report.rejected:
        raise typer.Exit(1)


def show(screen: Screen, report: ImportReport) -> None:
    """What became of the file, and its first problems."""
    done = "Would take" if report.dry_run else "Took"
    taken = report.read - report.rejected
    screen.say(f"[bold]{done} {count(taken, 'contact')}[/] of {count(report.read, 'row')}.")
    screen.facts(
        [
            (name, number(n), "")
            for name, n in (
                ("new", report.created),
                ("updated", report.updated),
                ("unchanged", report.unchanged),
                ("rejected", report.rejected),
                ("warnings", report.warnings),
            )
            if n or name == "new"
        ]
    )
    ignored = sorted(source for source, target in report.columns.items() if not target)
    if ignored:
        hint = "[dim](--map SOURCE=TARGET takes one)[/]"
        screen.say(f"  [dim]Columns not taken:[/] {escape(', '.join(ignored))} {hint}")
    for note in report.notes:
        screen.note(escape(note))
    show_problems(screen, report.problems, report.rejected + report.warnings, report.report)
    if taken and not report.dry_run:
        screen.say("\nNext: [bold]carillon plan[/]")


def show_problems(screen: Screen, found: Sequence[Found], total: int, report: Path | None) -> None:
    """The first of `total` problems, and where all of them stand."""
    if not found:
        return
    screen.say()
    rows = [
        (number(one.line), kind, one.column or "", _short(one.value or ""), one.reason)
        for kind, one in found[:PROBLEMS_SHOWN]
    ]
    screen.table(["line", "", "column", "value", "what is wrong"], rows, right="line")
    if total > len(rows):
        screen.say(f"  [dim]and {count(total - len(rows), 'more', 'more')}[/]")
    if report is not None:
        screen.say(f"\nEvery problem stands in {escape(str(report))}")


def problem_documents(found: Sequence[Found]) -> list[dict[str, object]]:
    """Problems as JSON has them."""
    return [
        {"kind": kind, "line": one.line, "column": one.column, "value": one.value, "reason": one.reason}
        for kind, one in found
    ]


def _short(value: str) -> str:
    return value if len(value) <= VALUE_WIDTH else value[: VALUE_WIDTH - 3] + "..."


def _pairs(mapping: list[str]) -> dict[str, str]:
    pairs = {}
    for pair in mapping:
        source, equals, target = pair.rpartition("=")
        if not equals or not source:
            raise UsageError(
                f'--map {pair!r} is not SOURCE=TARGET; write it like --map "Birth Day=birth_date".'
            )
        pairs[source.strip()] = target.strip()
    return pairs


def _document(report: ImportReport) -> dict[str, object]:
    plain = dict(report.__dict__)
    plain["problems"] = problem_documents(report.problems)
    return plain
