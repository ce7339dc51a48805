"""The part of `carillon demo` that gives the workspace a past: lists, campaigns, sequences, weeks of mail."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from carillon.cli import demo_accounts, demo_campaigns, demo_history, demo_sequences, demo_weeks, init
from carillon.cli.demo_weeks import Weeks
from carillon.cli.output import Screen, count, listed, number, title
from carillon.cli.session import Session, moment_option
from carillon.clock import ManualClock, SystemClock

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from carillon.workspace import Workspace

CUSTOMERS, PARTNERS = "contacts.csv", "partners.csv"
STATES = ("TX", "OH", "PA", "IL")
"""Where the customers live that sequences write to: no windows there."""


def make(there: Session) -> None:
    """Make the workspace as it would have been some weeks ago, and let them pass until now."""
    screen, folder = there.screen, there.folder
    now, zone = _now(there)
    today = now.astimezone(zone).date()
    begin = datetime.combine(today - timedelta(days=demo_weeks.DAYS), demo_weeks.BEGINS, zone)
    title(screen, f"1. A workspace in {folder}")
    init.make(replace(there, now=begin.isoformat()), folder, None)
    clock = ManualClock(begin)
    with _open(folder, clock) as workspace:
        demo_accounts.settle(workspace)
    with _open(folder, clock) as workspace:
        taken, partners = _lists(screen, workspace, today)
        customers = _customers(workspace)
        demo_history.bring_in(workspace, taken)
        made = demo_campaigns.make(workspace, today)
        demo_accounts.make(workspace)
        demo_sequences.make(workspace, partners, customers)
        screen.say(
            f"Made {count(made, 'campaign')} and {len(demo_sequences.said('sequences.yaml'))} sequences that "
            "write to some of them: `carillon campaign list`, `carillon sequence list`."
        )
        title(screen, f"3. The last {demo_weeks.DAYS} days, as they would have passed")
        later: dict[str, Sequence[str | int]] = {
            "Year's end": customers[110:170],
            "Referrals": partners["partners"][:10],
        }
        weeks = Weeks(workspace, clock, later)
        with screen.progress("Letting them pass") as tell:
            weeks.live(now, lambda done, total: tell("Letting them pass", done, total))
        _summary(screen, weeks)


def _now(there: Session) -> tuple[datetime, ZoneInfo]:
    from carillon.settings import Settings

    zone = Settings().workspace.zone
    if there.now is None:
        return SystemClock().now(), zone
    return moment_option(there.now, "--now", lambda: zone), zone


@contextmanager
def _open(folder: Path, clock: ManualClock) -> Iterator[Workspace]:
    from carillon.workspace import open_workspace

    workspace = open_workspace(folder, os.environ, clock)
    try:
        yield workspace
    finally:
        workspace.close()


def _lists(screen: Screen, workspace: Workspace, today: date) -> tuple[int, dict[str, list[str]]]:
    """Import both lists. Returns how many the first one brought, and the addresses of the second, by tag."""
    from carillon.files.run import import_contacts
    from carillon.files.sample import write_sample
    from carillon.files.sample_partners import write_partners

    first, second = workspace.folder / CUSTOMERS, workspace.folder / PARTNERS
    rows = write_sample(first, today)
    title(screen, f"2. {count(rows, 'made-up contact')} from {first}")
    with screen.progress("Reading the file") as tell:
        taken = import_contacts(
            workspace,
            first,
            mapping={"Policy ID": "external_id"},
            progress=lambda done, total: tell("Reading the file", done, total),
        )
    screen.say(
        f"Took {number(taken.read - taken.rejected)}; {number(taken.rejected)} rows rejected and "
        f"{number(taken.warnings)} values doubtful, as in any real list."
    )
    if taken.report is not None:
        screen.say(f"Every one stands in {escape(str(taken.report))}")
    partners = write_partners(second)
    others = import_contacts(workspace, second, mapping={})
    screen.say(f"Took {number(others.created)} people at other firms from {escape(str(second))}")
    return taken.created, partners


def _customers(workspace: Workspace) -> list[int]:
    """Contacts in those states, by id."""
    from carillon.store import contact_search

    with workspace.database.snapshot() as connection:
        return [
            one
            for state in STATES
            for one in contact_search.numbers(connection, contact_search.Wanted(state=state))
        ]


def _summary(screen: Screen, weeks: Weeks) -> None:
    counts = dict(weeks.readers.counts)
    sent = counts.pop("sent", 0)
    screen.say(f"Sent {count(sent, 'email')}; what came back: {listed(counts, screen.glyphs.dot)}.")
