"""`carillon campaign target`: who a campaign goes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import typer
from rich.markup import escape

from carillon.cli.campaign_notes import INSTANCE, warn, write
from carillon.cli.imports import DateOrder, problem_documents, show_problems
from carillon.cli.output import Screen, count, number
from carillon.cli.session import day_option, session
from carillon.errors import InputError, UsageError
from carillon.user import user_name

if TYPE_CHECKING:
    from carillon.campaigns import Campaign
    from carillon.files.target_run import TargetReport
    from carillon.store.engine import Connection
    from carillon.workspace import Workspace

T = TypeVar("T")


DATES_SHOWN = 5


class _RolledBack(Exception):
    """Ends the transaction of a dry run."""


def target(
    context: typer.Context,
    name: str = INSTANCE,
    everybody: bool = typer.Option(False, "--all", help="All contacts."),
    contact: list[str] = typer.Option(
        [], "--contact", metavar="EMAIL-OR-ID", help="This contact (an external id will do); repeatable."
    ),
    file: str = typer.Option(
        None,
        "--file",
        metavar="FILE|-",
        help="A CSV, XLSX or Parquet list with a column email, external_id or contact_id and, if wanted, "
        "trigger_date; - reads CSV from a pipe.",
    ),
    trigger_date: str = typer.Option(
        None,
        "--trigger-date",
        metavar="D",
        help="The date the email is about, where a row has none (default: such that it leaves on the "
        "campaign's start date, else today).",
    ),
    remove: bool = typer.Option(False, "--remove", help="Take these targets away instead."),
    date_order: DateOrder = typer.Option(
        DateOrder.MDY, "--date-order", help="What 3/4/2026 is in the file: mdy 4 March, dmy 3 April."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Store nothing; show what would happen."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Say who a campaign goes to: all contacts, some, or those of a file.

    --all without a date means everyone, also contacts added later; with a date it names all that there are
    now. A contact may be a target on several dates. Rows that name nobody are reported with their line.
    """
    if [everybody, bool(contact), file is not None].count(True) != 1:
        raise UsageError("say who: exactly one of --all, --contact and --file.")
    trigger = day_option(trigger_date, "--trigger-date")
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import campaigns as store

        with workspace.database.snapshot() as connection:
            types = store.types(connection, workspace.settings.campaign_types)
            campaign = store.with_type(types, store.find(connection, name))
        _check_date(campaign, trigger)
        task = _Task(workspace, campaign, remove, dry_run)
        if file is not None:
            source: Path | Literal["-"] = "-" if file == "-" else Path(file)
            with here.screen.progress("Reading the file") as tell:
                done = task.listed(
                    source, trigger, date_order, lambda n, total: tell("Reading the file", n, total)
                )
        elif contact:
            done = task.contacts(contact, trigger)
        elif trigger is not None:
            done = task.all_there_are(trigger)
        else:
            done = task.all_always()
        if as_json:
            here.screen.json(_document(task, done))
        else:
            _show(here.screen, task, done)
    report = done.report
    if report is not None and report.read and report.read == report.rejected:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Done:
    """What became of the wish."""

    by_date: Mapping[str, int]
    """Targets added or taken away by trigger date; "": whatever their date."""
    unchanged: int = 0
    for_all: bool = False
    """Whether it was about the campaign going to all contacts, and whether that was changed."""
    flagged: bool = False
    report: TargetReport | None = None

    @property
    def changed(self) -> int:
        return sum(self.by_date.values())


@dataclass
class _Task:
    """One change of a campaign's targets. `campaign` is as it is after it."""

    workspace: Workspace
    campaign: Campaign
    remove: bool
    dry_run: bool

    def listed(
        self,
        path: Path | Literal["-"],
        trigger: date | None,
        order: DateOrder,
        progress: Callable[[int, int], None],
    ) -> _Done:
        """Those of a file."""
        from carillon.files.target_run import import_targets

        report = import_targets(
            self.workspace,
            self.campaign.instance.name,
            path,
            trigger=trigger,
            remove=self.remove,
            date_order=order.value,
            dry_run=self.dry_run,
            progress=progress,
        )
        return _Done(report.by_date, report.unchanged, report=report)

    def contacts(self, wanted: Sequence[str], trigger: date | None) -> _Done:
        """Some, by address or id; one that is not there stops all of it."""
        from carillon.store import campaign_targets as store
        from carillon.store import targeting

        def work(connection: Connection) -> store.Outcome:
            ids = [one_contact(connection, one) for one in wanted]
            rows = targeting.rows_of((one, None, None, None) for one in ids)
            if self.remove:
                return targeting.remove_some(connection, self.campaign, rows, trigger)
            now, today = self.workspace.clock.now(), self.workspace.today()
            return targeting.add_some(connection, self.campaign, rows, trigger, today, now)

        outcome = self._write(work)
        return _Done(outcome.by_date, outcome.unchanged)

    def all_there_are(self, trigger: date) -> _Done:
        """All contacts there are now, each by name."""
        from carillon.store import campaign_targets as store

        number = self.campaign.instance.id

        def work(connection: Connection) -> tuple[int, int]:
            if self.remove:
                return store.remove_everybody(connection, number, trigger), 0
            return store.add_everybody(connection, number, trigger, self.workspace.clock.now())

        changed, unchanged = self._write(work)
        return _Done({trigger.isoformat(): changed} if changed else {}, unchanged)

    def all_always(self) -> _Done:
        """All contacts, also those who come later. Taken away, those who were named go as well."""
        from carillon.store import targeting

        wanted, now = not self.remove, self.workspace.clock.now()
        done = self._write(lambda c: targeting.go_to_everybody(c, self.campaign, wanted, now, user_name()))
        self.campaign = done.campaign
        return _Done({"": done.removed} if done.removed else {}, for_all=True, flagged=done.changed)

    def _write(self, work: Callable[[Connection], T]) -> T:
        """`work` in one transaction, which a dry run ends without a trace."""
        found: list[T] = []

        def all_of_it(connection: Connection) -> None:
            found[:] = [work(connection)]
            if self.dry_run:
                raise _RolledBack

        with suppress(_RolledBack):
            write(self.workspace, all_of_it)
        return found[0]


def _check_date(campaign: Campaign, trigger: date | None) -> None:
    from carillon.store.targeting import check_date

    try:
        check_date(campaign, trigger)
    except InputError as error:
        raise UsageError(f"--trigger-date: {error}") from None


def one_contact(connection: Connection, wanted: str) -> int:
    """The id of the one contact meant."""
    from carillon.store import people

    return people.one(connection, wanted)


def _show(screen: Screen, task: _Task, done: _Done) -> None:
    _say_what(screen, task, done)
    facts = [(f"on {day}", number(n), "") for day, n in list(done.by_date.items())[:DATES_SHOWN] if day]
    if done.unchanged:
        facts.append(("were none" if task.remove else "there already", number(done.unchanged), ""))
    report = done.report
    if report is not None and report.rejected:
        facts.append(("rejected", number(report.rejected), f"of {count(report.read, 'row')}"))
    screen.facts(facts)
    if len(done.by_date) > DATES_SHOWN:
        screen.say(f"  [dim]and {count(len(done.by_date) - DATES_SHOWN, 'more date')}[/]")
    if report is not None:
        ignored = sorted(source for source, target in report.columns.items() if not target)
        if ignored:
            screen.say(f"  [dim]Columns not taken:[/] {escape(', '.join(ignored))}")
        for note in report.notes:
            screen.note(escape(note))
        show_problems(screen, report.problems, report.rejected, report.report)
    for text in _late(task, done):
        screen.warn(text)
    warn(screen, task.workspace, task.campaign)
    if (done.changed or done.flagged) and not task.dry_run:
        screen.say("\nNext: [bold]carillon plan[/]")


def _say_what(screen: Screen, task: _Task, done: _Done) -> None:
    name, dry = f"[bold]{escape(task.campaign.instance.name)}[/]", task.dry_run
    if done.flagged and task.remove:
        screen.say(f"{name} {'would go' if dry else 'goes'} to named targets only.")
    elif done.flagged:
        screen.say(f"{name} {'would go' if dry else 'goes'} to all contacts, also those to come.")
    elif done.for_all and not task.remove:
        screen.say(f"{name} goes to all contacts already; nothing was changed.")
    if done.changed or not done.for_all:
        verb = "removed" if task.remove else "added"
        said = f"Would have {verb}" if dry else verb.capitalize()
        screen.say(f"{said} [bold]{count(done.changed, 'target')}[/] of {name}.")


def _late(task: _Task, done: _Done) -> list[str]:
    """What becomes of targets whose dates are too late or outside the campaign's."""
    if task.remove:
        return []
    counts = _outlooks(task, done)
    found = []
    if late := counts.get("missed"):
        found.append(
            f"{count(late, 'target')} came too late: the day to write and what there is to catch up "
            "are past, so that they will be skipped as missed."
        )
    if outside := counts.get("inactive"):
        found.append(
            f"{count(outside, 'target')} would be written to outside the campaign's dates, so that they "
            "will be skipped as campaign_inactive. `carillon campaign set` changes --start and --end."
        )
    return found


def _outlooks(task: _Task, done: _Done) -> dict[str, int]:
    """How many of the added targets have which outlook."""
    from carillon.store.targeting import outlooks

    shift = task.workspace.settings.load_balancing.max_shift_days
    by_date = {day: n for day, n in done.by_date.items() if day}
    return outlooks(task.campaign, by_date, task.workspace.today(), shift)


def _document(task: _Task, done: _Done) -> dict[str, object]:
    document: dict[str, object] = {
        "campaign": task.campaign.instance.name,
        "removed" if task.remove else "added": done.changed,
        "unchanged": done.unchanged,
        "by_date": {day: n for day, n in done.by_date.items() if day},
        "targets_all_contacts": task.campaign.target_all_contacts,
        "dry_run": task.dry_run,
    }
    if not task.remove:
        document["outlook"] = _outlooks(task, done)
    if (report := done.report) is not None:
        document |= {
            "read": report.read,
            "rejected": report.rejected,
            "problems": problem_documents(report.problems),
            "columns": report.columns,
            "notes": report.notes,
            "report": report.report,
        }
    return document
