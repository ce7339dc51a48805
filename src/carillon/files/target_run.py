"""Target lists into the database. Beside `run` the only file of this room that touches the store.

    file -> cleaned batches on disk -> one transaction (match, add or remove, report) -> what became of it

A list is taken whole or not at all, and running it again is harmless. A dry run does the same and rolls
back. Rows that mean nobody are reported with their line, never dropped in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

import polars as pl

from carillon.campaigns import Campaign, Outlook, outlook, usual_trigger
from carillon.files.dates import DateOrder
from carillon.files.reports import REJECTED, SHOWN, Found, problem_frame, report_place
from carillon.files.sources import problem
from carillon.files.spool import Spool
from carillon.files.targets import TargetReader, read_targets
from carillon.files.writers import write_table
from carillon.store import campaign_targets, campaigns, people
from carillon.store.engine import Connection
from carillon.workspace import Workspace

BATCH_ROWS = 50_000

Progress = Callable[[int, int], None]
"""Told how much is done and how much there is, in any unit."""


@dataclass(frozen=True)
class TargetReport:
    """What became of a target list. Each row read is part of one change, unchanged or rejected."""

    read: int
    by_date: dict[str, int]
    """Targets added, or taken away, by trigger date (ISO)."""
    unchanged: int
    """Rows that were targets already, or when taking away were none."""
    rejected: int
    problems: list[Found]
    """The first of them."""
    columns: dict[str, str]
    """What each column of the file was taken for; "" for one that is ignored."""
    notes: list[str]
    report: Path | None
    """Where every problem stands; None where there is none, and on a dry run."""

    @property
    def changed(self) -> int:
        return sum(self.by_date.values())


class _RolledBack(Exception):
    """Ends the transaction of a dry run."""


def import_targets(
    workspace: Workspace,
    name: str,
    path: Path | Literal["-"],
    *,
    trigger: date | None = None,
    remove: bool = False,
    date_order: DateOrder = "mdy",
    dry_run: bool = False,
    progress: Progress = lambda _done, _total: None,
) -> TargetReport:
    """Make those whom the rows of a file mean targets of the campaign `name`, or take them away.

    `trigger` is the date of rows without one of their own, by default that of an email on the start date
    (else today). Taking away, a row without a date means all targets of that contact. Raises InputError
    where there is no such campaign or the file cannot be read.
    """
    with workspace.database.snapshot() as connection:
        known = campaigns.types(connection, workspace.settings.campaign_types)
        campaign = campaigns.with_type(known, campaigns.find(connection, name))
    if not remove and trigger is None:
        trigger = usual_trigger(campaign, workspace.today())
    reader = read_targets(path, today=workspace.today(), date_order=date_order)
    with closing(reader), Spool() as spool:
        read = _Read(campaign, trigger, remove)
        for batch in reader.batches(BATCH_ROWS, lambda done: progress(done, 2 * reader.total)):
            read.take(batch.frame, [(REJECTED, one) for one in batch.rejected], reader, spool)
        work = _Store(workspace, reader, spool, read, path, dry_run)
        outcome = work.run()
    progress(2, 2)
    return TargetReport(
        read=read.taken + read.rejected,
        by_date=outcome.by_date,
        unchanged=outcome.unchanged,
        rejected=read.rejected + outcome.unknown.height + outcome.unclear.height,
        problems=work.shown,
        columns=reader.columns,
        notes=reader.notes,
        report=work.written,
    )


@dataclass
class _Read:
    """A file on its way into the spool."""

    campaign: Campaign
    trigger: date | None
    remove: bool
    taken: int = 0
    rejected: int = 0
    first: list[Found] = field(default_factory=list)

    def take(self, rows: pl.DataFrame, found: list[Found], reader: TargetReader, spool: Spool) -> None:
        if self.trigger is not None:
            rows = rows.with_columns(pl.col("trigger_date").fill_null(self.trigger.isoformat()))
        if not self.remove:
            rows, beyond = self._possible(rows, reader.source_of.get("trigger_date", ""))
            found = sorted(found + beyond, key=lambda one: one[1].line)
        self.taken += rows.height
        self.rejected += len(found)
        spool.put("rows", rows)
        if found:
            self.first += found[: SHOWN - len(self.first)]
            spool.put("problems", problem_frame(found))

    def _possible(self, rows: pl.DataFrame, column: str) -> tuple[pl.DataFrame, list[Found]]:
        """Without the rows whose trigger date no email can have."""
        never = [
            day
            for day in rows["trigger_date"].unique()
            if outlook(self.campaign, date.fromisoformat(day), date.min, 0) is Outlook.NEVER
        ]
        if not never:
            return rows, []
        wrong = pl.col("trigger_date").is_in(never)
        where = rows.filter(wrong).select("line", "trigger_date")
        reason = "no email can be planned for it; trigger dates lie between 1970 and 2120"
        return rows.filter(~wrong), [
            (REJECTED, problem(line, column, day, reason)) for line, day in where.iter_rows()
        ]


class _Store:
    """The transaction of a target list; may be run again from its beginning."""

    def __init__(
        self,
        workspace: Workspace,
        reader: TargetReader,
        spool: Spool,
        read: _Read,
        path: Path | Literal["-"],
        dry_run: bool,
    ) -> None:
        self._workspace, self._reader, self._spool, self._read = workspace, reader, spool, read
        self._path, self._dry_run = path, dry_run
        self.shown: list[Found] = []
        self.written: Path | None = None

    def run(self) -> campaign_targets.Outcome:
        outcome: list[campaign_targets.Outcome] = []

        def work(connection: Connection) -> None:
            # Found again: what was read of it before the transaction may be gone.
            instance = campaigns.find(connection, self._read.campaign.instance.name).id
            rows = self._spool.get("rows")
            if self._read.remove:
                found = campaign_targets.remove(connection, instance, rows)
            else:
                found = campaign_targets.add(connection, instance, rows, self._workspace.clock.now())
            outcome[:] = [found]
            self._tell(connection, found)
            if self._dry_run:
                raise _RolledBack

        with suppress(_RolledBack):
            self._workspace.database.write(work)
        return outcome[0]

    def _tell(self, connection: Connection, outcome: campaign_targets.Outcome) -> None:
        """Inside the transaction: nothing is stored if what was left out cannot be told."""
        nobodies = self._reader.nobodies(
            outcome.unknown, outcome.unclear, lambda email: people.similar(connection, email)
        )
        late = [(REJECTED, one) for one in nobodies]
        self.shown = sorted(self._read.first + late, key=lambda found: found[1].line)[:SHOWN]
        if not self.shown or self._dry_run:
            return

        def frames() -> Iterator[pl.DataFrame]:
            yield from self._spool.get("problems")
            if late:
                yield problem_frame(late)

        place = report_place(self._workspace, self._path)
        write_table(frames(), place)
        self.written = place
