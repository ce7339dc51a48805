"""One run of the planner: the only file of this room that opens the store.

    lease -> snapshot -> gather -> settle -> difference -> one transaction

A dry run ends before the last step and writes nothing at all.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from carillon.clock import Stopwatch
from carillon.days import day_number
from carillon.errors import CarillonError
from carillon.packing import pack_state
from carillon.plan.bookkeeping import account, day_counts, new_values, verify
from carillon.plan.gather import Progress, Read, Request, gather, more
from carillon.plan.prints import Values
from carillon.plan.report import Difference, PlanReport, difference, report
from carillon.plan.rules import Rules
from carillon.plan.settle import Settled, settle
from carillon.store import checkpoints
from carillon.store.engine import Connection
from carillon.store.lease import only_one
from carillon.store.planning import PlannerState, PlanReader
from carillon.store.swap import BULK_ROWS, BULK_SHARE, PlanRows, PlanWriter, of_contacts
from carillon.words import Kind
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
        number = database.write(
            lambda connection: checkpoints.begin(connection, run_id, now, request.today.isoformat())
        )
        try:
            return _Run(workspace, request, progress, run_id).store(number)
        except BaseException as error:
            why = str(error) or type(error).__name__
            # Where even this cannot be written (a full disk), the next run logs it as interrupted.
            with suppress(CarillonError):
                database.write(lambda connection: checkpoints.fail(connection, number, clock.now(), why))
            raise


class _Run:
    def __init__(self, workspace: Workspace, request: Request, progress: Progress, run_id: str) -> None:
        self._workspace, self._request, self._progress = workspace, request, progress
        self._run_id = run_id
        self._today = day_number(request.today)
        self._rules = Rules.of(workspace.settings)
        self._fingerprint = workspace.settings.planning_fingerprint()

    def tell(self) -> PlanReport:
        """Plan and tell, without writing."""
        return self._plan()[-1]

    def store(self, number: int) -> PlanReport:
        """Plan and store under the checkpoint `number`."""
        read, settled, diff, told = self._plan()
        watch = Stopwatch()
        self._progress("write", 0, 0)
        rows = settled.working.rows
        state = pack_state(rows.reason, rows.priority, rows.pinned)
        new = PlanRows(rows.key, rows.send, rows.ideal, state)
        with ThreadPoolExecutor(1) as thread:
            values = thread.submit(new_values, settled.working, new, self._rules, self._today)
            self._workspace.database.write(
                lambda connection: self._swap(connection, read, settled, diff, new, values, told, number)
            )
        told.seconds["write"] = watch.seconds()
        return told

    def _plan(self) -> tuple[Read, Settled, Difference, PlanReport]:
        settings, request = self._workspace.settings, self._request
        seconds: dict[str, float] = {}
        with self._workspace.database.snapshot() as connection:
            reader = PlanReader(connection)
            watch = Stopwatch()
            batch = settings.processing.batch_size
            read = gather(reader, request, self._rules, self._fingerprint, batch, self._progress)
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
        told = report(self._run_id, request, read, settled, diff, seconds)
        seconds["settle"] = watch.seconds()
        return read, settled, diff, told

    def _swap(
        self,
        connection: Connection,
        read: Read,
        settled: Settled,
        diff: Difference,
        new: PlanRows,
        values: Future[Values],
        told: PlanReport,
        number: int,
    ) -> None:
        """The one transaction. What someone changed since the snapshot is left for the next run."""
        writer = PlanWriter(connection)
        late = writer.changed_since(read.noted)
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
            whole = day_counts(settled.working) if read.wanted is None and len(late) == 0 else None
            with writer.in_bulk(whole):
                apply()
        else:
            apply()

        working = settled.working
        books = account(read, working, values.result(), late)
        writer.store_blocks(books.blocks, everyone=read.wanted is None)
        writer.store_kinds(self._kinds())
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

    def _kinds(self) -> list[tuple[int, str, str, str | None, str]]:
        """What the view shows of each anniversary type."""
        templates = self._workspace.settings.email_templates
        send_time = self._workspace.settings.timing_constants.send_time.strftime("%H:%M")
        named = [(kind, getattr(templates, kind.email_type)) for kind in Kind]
        return [(int(kind), kind.email_type, own.email, own.sms, send_time) for kind, own in named]
