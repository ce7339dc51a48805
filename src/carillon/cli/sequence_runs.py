"""Sequences run: contacts enrolled and taken out, sequences started, held up and ended."""

from __future__ import annotations

from collections.abc import Sequence as Many
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer
from rich.markup import escape

from carillon.cli.imports import problem_documents, show_problems
from carillon.cli.output import Screen, count, number, plain_word
from carillon.cli.sequence import JSON, NAME, quoted
from carillon.cli.session import moment_option, session
from carillon.cli.targets import one_contact
from carillon.cli.template import tell
from carillon.errors import UsageError
from carillon.user import user_name
from carillon.words import SequenceStatus

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from carillon.files.enroll_run import EnrollReport
    from carillon.sequences import Sequence
    from carillon.store.engine import Connection
    from carillon.store.enrolling import Enrolled
    from carillon.store.sequence_starts import Start
    from carillon.workspace import Workspace

CONTACT = typer.Option(
    [], "--contact", metavar="EMAIL-OR-ID", help="This contact (an external id will do); repeatable."
)
DAYS_SHOWN = 5


def enroll(
    context: typer.Context,
    name: str = NAME,
    contact: list[str] = CONTACT,
    file: str = typer.Option(
        None,
        "--file",
        metavar="FILE|-",
        help="A CSV, XLSX or Parquet list with a column email, external_id or contact_id; - reads CSV from a "
        "pipe.",
    ),
    as_json: bool = JSON,
) -> None:
    """Enroll contacts in a sequence: some, or those of a file.

    They begin when it is started or, if it runs already, now. Who has opted out, is suppressed, has no
    address or is on the way already is refused, and the report says who and why.
    """
    if bool(contact) == (file is not None):
        raise UsageError("say who: exactly one of --contact and --file.")
    here = session(context)
    with here.workspace() as workspace:
        zone = workspace.settings.workspace.zone
        if file is None:
            found, start = _enroll(workspace, name, contact)
            _show_enrolled(here.screen, found, start, contact, zone, as_json)
            harmless = found.enrolled or _only_again(found.refused["reason"].to_list())
        else:
            from carillon.files.enroll_run import enroll_file

            source: Path | Literal["-"] = "-" if file == "-" else Path(file)
            with here.screen.progress("Reading the file") as tell:
                report = enroll_file(
                    workspace, name, source, lambda done, total: tell("Reading the file", done, total)
                )
            _show_report(here.screen, report, zone, as_json)
            harmless = report.enrolled or (not report.rejected and _only_again(list(report.refused)))
    if not harmless:
        raise typer.Exit(1)


def exit_(context: typer.Context, name: str = NAME, contact: list[str] = CONTACT) -> None:
    """Take contacts out of a sequence; what is scheduled for them in it is cancelled."""
    if not contact:
        raise UsageError("say who: --contact EMAIL-OR-ID.")
    here = session(context)
    with here.workspace() as workspace:
        from carillon.jobs.sequences import take_out

        now = workspace.clock.now()

        def work(connection: Connection) -> int:
            people = [one_contact(connection, one) for one in contact]
            return take_out(connection, name, people, now, user_name())

        done = workspace.database.write(work)
    if not done:
        here.screen.say(f"Nobody of these was on the way through [bold]{escape(name)}[/].")
    else:
        here.screen.say(f"Took {count(done, 'contact')} out of [bold]{escape(name)}[/].")


def start(
    context: typer.Context,
    name: str = NAME,
    at: str = typer.Option(
        None, "--at", metavar="ISO", help="Begin at this moment, like 2026-03-02T09:00 (default: now)."
    ),
    as_json: bool = JSON,
) -> None:
    """Let a sequence begin, now or later, for everybody enrolled in it. Again does no harm.

    Its templates are checked first: one that is missing or cannot be rendered keeps it from beginning.
    """
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import sequence_starts as store
        from carillon.store import sequences

        zone, now = workspace.settings.workspace.zone, workspace.clock.now()
        moment = None if at is None else moment_option(at, "--at", lambda: zone)
        with workspace.database.snapshot() as connection:
            sequence = sequences.find(connection, name)
        _check_templates(workspace, here.screen, sequence)
        done = workspace.database.write(lambda c: store.start(c, name, now, user_name(), zone, moment))
        notes = warnings(workspace, done.sequence)
        begins = done.sequence.scheduled_start_at
        local = None if begins is None else begins.astimezone(zone)
    if as_json:
        here.screen.json(_document(done, zone) | {"warnings": notes})
        return
    screen, shown = here.screen, escape(name)
    when = f"begins at {local:%Y-%m-%d %H:%M}" if local else "begins"
    is_active = done.sequence.status is SequenceStatus.ACTIVE
    screen.say(
        f"[bold]{shown}[/] {'is running' if is_active else when} with {count(done.enrolled, 'contact')}."
    )
    _show_days(screen, done, zone)
    for note in notes:
        screen.warn(note)
    if not done.enrolled:
        screen.say(f"\nNext: [bold]carillon enroll {quoted(shown)} --file CSV[/]")
    elif is_active:
        screen.say("\nNext: [bold]carillon advance --once[/], then [bold]carillon send --once[/]")


def pause(context: typer.Context, name: str = NAME) -> None:
    """Hold a sequence up: nobody moves on and nothing of it is sent until it is resumed."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import sequences as store

        now = workspace.clock.now()
        workspace.database.write(lambda c: store.pause(c, name, now, user_name()))
    here.screen.say(f"[yellow]{escape(name)} is paused.[/]")


def resume(context: typer.Context, name: str = NAME) -> None:
    """Let a sequence that is paused go on."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import sequence_starts as store

        now, zone = workspace.clock.now(), workspace.settings.workspace.zone
        found = workspace.database.write(lambda c: store.resume(c, name, now, user_name(), zone))
    here.screen.say(f"[bold]{escape(name)}[/] is {found.status}.")


def archive(context: typer.Context, name: str = NAME) -> None:
    """End a sequence for good: whoever is on the way through it gets nothing more."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import sequences as store

        now = workspace.clock.now()
        ended = workspace.database.write(lambda c: store.archive(c, name, now, user_name()))
    here.screen.say(f"[bold]{escape(name)}[/] is archived; it ended for {count(ended, 'contact')}.")


def warnings(workspace: Workspace, sequence: Sequence) -> list[str]:
    """What keeps the emails of a sequence from leaving, a sentence each."""
    from carillon.jobs import sequences as jobs

    return jobs.warnings(workspace, sequence)


def _check_templates(workspace: Workspace, screen: Screen, sequence: Sequence) -> None:
    from carillon.jobs.sequences import checked

    found = checked(workspace, sequence)
    if not found.missing:
        for source, errors in found.errors.items():
            tell(screen, source, errors)
    found.require(sequence.name)


def _enroll(workspace: Workspace, name: str, wanted: Many[str]) -> tuple[Enrolled, Start]:
    """Some contacts, by address or id; one that is not there stops all of it."""
    from carillon.jobs import sequences as jobs
    from carillon.store import meant

    def work(connection: Connection) -> tuple[Enrolled, Start]:
        rows = meant.rows_of((one_contact(connection, one), None, None) for one in wanted)
        return jobs.enroll(connection, workspace, name, rows, user_name())

    return workspace.database.write(work)


def _only_again(reasons: Many[str]) -> bool:
    """Whether all who were refused are on the way already."""
    from carillon.store.enrolling import Refusal

    return set(reasons) <= {Refusal.ENROLLED, Refusal.TWICE}


def _show_enrolled(
    screen: Screen, done: Enrolled, start: Start, wanted: Many[str], zone: ZoneInfo, as_json: bool
) -> None:
    from carillon.files.enroll_run import why

    refused = [(wanted[int(row["line"])], row["reason"]) for row in done.refused.iter_rows(named=True)]
    if as_json:
        counted = {reason: sum(one == reason for _, one in refused) for _, reason in refused}
        problems = [{"contact": one, "reason": reason} for one, reason in refused]
        found = {"enrolled": done.enrolled, "refused": counted, "problems": problems}
        screen.json(_document(start, zone) | found)
        return
    _say_enrolled(screen, start, done.enrolled)
    for one, reason in refused:
        screen.warn(f"{one} was not enrolled: {why(reason)}.")
    _next(screen, start, zone)


def _show_report(screen: Screen, report: EnrollReport, zone: ZoneInfo, as_json: bool) -> None:
    if as_json:
        screen.json(
            _document(report.start, zone)
            | {
                "read": report.read,
                "enrolled": report.enrolled,
                "refused": report.refused,
                "rejected": report.rejected,
                "problems": problem_documents(report.problems),
                "columns": report.columns,
                "notes": report.notes,
                "report": report.report,
            }
        )
        return
    _say_enrolled(screen, report.start, report.enrolled)
    facts = [(plain_word(reason), number(n), "") for reason, n in sorted(report.refused.items())]
    if report.rejected:
        facts.append(("rejected", number(report.rejected), f"of {count(report.read, 'row')}"))
    screen.facts(facts)
    for note in report.notes:
        screen.note(escape(note))
    show_problems(screen, report.problems, report.rejected + sum(report.refused.values()), report.report)
    _next(screen, report.start, zone)


def _say_enrolled(screen: Screen, start: Start, enrolled: int) -> None:
    screen.say(f"Enrolled [bold]{count(enrolled, 'contact')}[/] in {escape(start.sequence.name)}.")


def _next(screen: Screen, start: Start, zone: ZoneInfo) -> None:
    _show_days(screen, start, zone)
    if start.sequence.status is SequenceStatus.DRAFT:
        screen.say(f"\nNext: [bold]carillon sequence start {quoted(escape(start.sequence.name))}[/]")


def _show_days(screen: Screen, start: Start, zone: ZoneInfo) -> None:
    """When people begin (as many days as fit), and when the first is written to."""
    days = list(start.days.items())
    screen.facts([(f"begin on {day}", number(n), "") for day, n in days[:DAYS_SHOWN]])
    if len(days) > DAYS_SHOWN:
        screen.say(f"  [dim]and so on until {days[-1][0]}[/]")
    if (first := _first_email(start, zone)) is not None:
        screen.say(f"The first emails go from {first.astimezone(zone):%Y-%m-%d %H:%M} on.")


def _first_email(start: Start, zone: ZoneInfo) -> datetime | None:
    from carillon.advance.preview import first_email

    return None if start.first is None else first_email(start.sequence, start.first, zone)


def _document(start: Start, zone: ZoneInfo) -> dict[str, object]:
    return {
        "sequence": start.sequence.name,
        "status": start.sequence.status,
        "scheduled_start_at": start.sequence.scheduled_start_at,
        "on_their_way": start.enrolled,
        "begin": start.days,
        "first_emails_at": _first_email(start, zone),
    }
