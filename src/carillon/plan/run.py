"""One run of the planner: the only file of this room that opens the store.

    lease -> snapshot -> gather -> settle -> difference -> one transaction

The store works outside the interpreter lock for most of that transaction: what no row of the plan waits
for (the check of all rules, the figures, the books) is done meanwhile, and is done before it commits.
A dry run ends before the last step and writes nothing at all.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from carillon.clock import Stopwatch
from carillon.days import day_number
from carillon.errors import CarillonError
from carillon.packing import pack_state
from carillon.plan import campaign_books
from carillon.plan.bookkeeping import account, day_counts, new_values, verify
from carillon.plan.campaigns import Campaigns
from carillon.plan.gather import Progress, Read, Request, gather, more
from carillon.plan.prints import Values
from carillon.plan.report import Difference, PlanReport, difference, report
from carillon.plan.settle import Settled, check, settle
from carillon.plan.working import Working
from carillon.store import checkpoints, planning_campaigns
from carillon.store.campaigns import sync_types
from carillon.store.engine import Connection
from carillon.store.lease import only_one
from carillon.store.planning import PlannerState, PlanReader
from carillon.store.swap import BULK_ROWS, BULK_SHARE, PlanRows, PlanWriter, of_contacts
from carillon.workspace import Workspace

__all__ = ["Progress", "Request", "run"]

WAIT_SECONDS = 600
"""How long a second planner waits for the first."""


def run(
    workspace: Workspace, request: Request, progress: Progress, waiting: Callable[[str], None]
) -> PlanReport:
    """Plan for `request.today` and store the outcome, unless it is a dry run.

    `waiting` is told if another planner is under way. Raises Busy if that one holds the lease for too
    long, UsageError for a day before the last run's without a dry run, ChecksumMismatch if `verify` finds
    stored fingerprints that are wrong. After any error the old plan stands as it was.
    """
    if request.dry_run:
        return _Run(workspace, request, progress, "dry-run").tell()
    database, clock = workspace.database, workspace.clock
    with only_one(database, "plan", WAIT_SECONDS, waiting):
        run_id, now = str(uuid.uuid4()), clock.now()
        number = database.write(lambda connection: _begin(connection, workspace, run_id, now, request))
        try:
            told = _Run(workspace, request, progress, run_id).store(number)
            workspace.log.info("plan completed", run_id=run_id, planned=told.planned, **told.summary())
            return told
        except BaseException as error:
            why = str(error) or type(error).__name__
            # Where even this cannot be written (a full disk), the next run logs it as interrupted.
            with suppress(CarillonError):
                database.write(lambda connection: checkpoints.fail(connection, number, clock.now(), why))
            workspace.log.error("plan failed", run_id=run_id, kind=type(error).__name__)
            raise


@dataclass(frozen=True)
class _Plan:
    """A finished plan, and how it came about."""

    read: Read
    settled: Settled
    diff: Difference
    seconds: dict[str, float]


@dataclass(frozen=True)
class _Aside:
    """What is worked out on `thread`, in this order, while the store writes."""

    thread: ThreadPoolExecutor
    checked: Future[None]
    """Raises PlanBreach: nothing may be committed before it was asked."""
    values: Future[Values]
    told: Future[PlanReport]


class _Run:
    def __init__(self, workspace: Workspace, request: Request, progress: Progress, run_id: str) -> None:
        self._workspace, self._request, self._progress = workspace, request, progress
        self._run_id = run_id
        self._today = day_number(request.today)
        self._fingerprint = workspace.settings.planning_fingerprint()

    def tell(self) -> PlanReport:
        """Plan and tell, without writing."""
        plan = self._plan()
        check(plan.settled, plan.read.task)
        return self._report(plan)

    def store(self, number: int) -> PlanReport:
        """Plan and store under the checkpoint `number`."""
        plan = self._plan()
        watch = Stopwatch()
        self._progress("write", 0, 0)
        working = plan.settled.working
        rows = working.rows
        state = pack_state(rows.reason, rows.priority, rows.pinned, rows.tier)
        new = PlanRows(rows.key, rows.send, rows.ideal, state)
        with ThreadPoolExecutor(1) as thread:
            aside = _Aside(
                thread,
                thread.submit(check, plan.settled, plan.read.task),
                thread.submit(new_values, working, new, plan.read.task.rules, self._today),
                thread.submit(self._report, plan),
            )
            self._workspace.database.write(
                lambda connection: self._swap(connection, plan, new, aside, number)
            )
        told = aside.told.result()
        told.seconds["write"] = watch.seconds()
        return told

    def _plan(self) -> _Plan:
        settings, request = self._workspace.settings, self._request
        seconds: dict[str, float] = {}
        with self._workspace.database.snapshot() as connection:
            reader = PlanReader(connection)
            watch = Stopwatch()
            read = gather(reader, request, settings, self._progress)
            seconds["read"] = watch.seconds()
            if request.verify:
                verify(read, read.working, self._fingerprint, self._today)
            watch = Stopwatch()
            self._progress("settle", 0, 0)
            settled = settle(
                read.working,
                read.books,
                read.task,
                lambda days, working: more(reader, read, days, working),
            )
        working = settled.working
        diff = difference(working.rows, working.stored, working.orphans)
        seconds["settle"] = watch.seconds()
        return _Plan(read, settled, diff, seconds)

    def _report(self, plan: _Plan) -> PlanReport:
        return report(self._run_id, self._request, plan.read, plan.settled, plan.diff, plan.seconds)

    def _swap(self, connection: Connection, plan: _Plan, new: PlanRows, aside: _Aside, number: int) -> None:
        """The one transaction. What someone changed since the snapshot is left for the next run."""
        read, working, diff = plan.read, plan.settled.working, plan.diff
        writer = PlanWriter(connection)
        late = writer.changed_since(read.noted)
        accounts = aside.thread.submit(lambda: account(read, working, aside.values.result(), late))
        added, changed, removed = diff.added, diff.changed, diff.removed
        if len(late):
            mine = ~of_contacts(new.key, late)
            added, changed = added & mine, changed & mine
            removed = removed[~of_contacts(removed, late)]

        def apply() -> None:
            writer.remove(removed)
            writer.change(new.take(changed), number)
            writer.add(new if added.all() else new.take(added), number)

        if int(added.sum()) > max(BULK_ROWS, BULK_SHARE * sum(read.totals)):
            whole = read.wanted is None and len(late) == 0
            days = aside.thread.submit(day_counts, working).result if whole else None
            with writer.in_bulk(days):
                apply()
        else:
            apply()

        books = accounts.result()
        writer.store_blocks(books.blocks, books.all_blocks)
        self._store_campaigns(connection, working, read.task.campaigns)
        writer.store_kinds(campaign_books.kinds(self._workspace.settings, read.task.campaigns))
        issues = [(who, code, detail, self._run_id) for who, code, detail in working.issues]
        writer.store_issues(None if read.wanted is None else books.seen, issues)
        left_alone = set(late.tolist())
        writer.mend_contacts(
            [mended for mended in working.mended_seeds if mended[0] not in left_alone],
            [mended for mended in working.mended_states if mended[0] not in left_alone],
        )
        writer.forget_changes(read.noted)
        writer.store_state(
            PlannerState(
                self._fingerprint,
                self._today,
                books.eligible,
                books.contacts_checksum,
                books.after_checksum,
            )
        )
        aside.checked.result()
        told = aside.told.result()
        done = checkpoints.Finished(
            books.contacts_checksum,
            books.before_checksum,
            books.after_checksum,
            told.contacts_read,
            told.planned,
            told.skipped,
            told.summary(),
        )
        checkpoints.complete(connection, number, self._workspace.clock.now(), done)

    def _store_campaigns(self, connection: Connection, working: Working, campaigns: Campaigns) -> None:
        """Statuses of targets, metadata of follow-ups, and what the next run compares instances with."""
        planning_campaigns.store_statuses(connection, campaign_books.statuses(working))
        followed, told = campaign_books.followups(working, campaigns)
        planning_campaigns.store_followups(connection, followed.key, told)
        decided = campaign_books.decisions(working, followed, told)
        now = self._workspace.clock.now()
        planning_campaigns.log_followups(connection, self._run_id, now, decided)
        planning_campaigns.store_campaigns(connection, campaigns.planned_with())


def _begin(connection: Connection, workspace: Workspace, run_id: str, now: datetime, request: Request) -> int:
    """Log the run; from here on the table has the campaign types that the settings define."""
    sync_types(connection, workspace.settings.campaign_types, now)
    return checkpoints.begin(connection, run_id, now, request.today.isoformat())
