"""One run of the planner: read, plan, compare, swap. The only file of this room that touches the store.

    lease -> snapshot -> who has to be looked at -> batches -> settle -> difference -> one transaction

A dry run ends before the last step and writes nothing at all.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

import numpy as np
from sqlalchemy import Connection

from carillon.clock import Stopwatch
from carillon.columns import Index
from carillon.days import FAR, date_of, day_number
from carillon.errors import ChecksumMismatch, UsageError
from carillon.keys import KIND_MASK, KIND_SHIFT, contact_of
from carillon.plan import prints
from carillon.plan.hashing import code_table
from carillon.plan.prints import LAYOUT, MODULUS, Prints
from carillon.plan.report import (
    Difference,
    PlanReport,
    count_issues,
    count_reasons,
    count_types,
    dated,
    difference,
)
from carillon.plan.rules import Rules
from carillon.plan.settle import Books, Settled, by_day, settle
from carillon.plan.spread import smoothed
from carillon.plan.working import Task, Working, merge, work_on
from carillon.store import checkpoints
from carillon.store.lease import only_one
from carillon.store.packing import pack_state
from carillon.store.planning import EVERYBODY, Ints, PlannerState, PlanReader, iter_ranges
from carillon.store.swap import BULK_ROWS, BULK_SHARE, DayCounts, PlanRows, PlanWriter, of_contacts
from carillon.words import Kind, SkipReason
from carillon.workspace import Workspace

HISTORY_DAYS = 400
"""How far back sent emails are read: beyond the last event, the frequency period and 180 days."""
WAIT_SECONDS = 600
"""How long a second planner waits for the first."""

Progress = Callable[[str, int, int], None]
"""Told of the stage, what is done of it and how much there is."""


@dataclass(frozen=True)
class Request:
    """What the caller wants of a run."""

    today: date
    dry_run: bool = False
    fresh: bool = False
    verify: bool = False


@dataclass(frozen=True)
class _Read:
    """What a run took from its snapshot."""

    working: Working
    wanted: Index | None
    """Contacts that had to be looked at; None: everyone."""
    noted: Ints
    """Numbers of the changes it accounts for."""
    changed: Ints
    """Ids of the contacts they are about."""
    state: PlannerState | None
    books: Books
    blocks: dict[int, bytes]
    contacts: int
    totals: tuple[int, int]
    """Planned and skipped rows as stored, of everyone."""


def run(
    workspace: Workspace, request: Request, progress: Progress, waiting: Callable[[str], None]
) -> PlanReport:
    """Plan for `request.today` and store the outcome, unless it is a dry run.

    Raises Busy if another planner holds the lease for too long, UsageError for a day before the last
    run's without a dry run, ChecksumMismatch if `verify` finds stored fingerprints that are wrong. After
    any error the old plan stands as it was.
    """
    if request.dry_run:
        return _Run(workspace, request, progress, "dry-run").report()
    with only_one(workspace.database, "plan", WAIT_SECONDS, waiting):
        run_id = str(uuid.uuid4())
        now = workspace.clock.now()
        number = workspace.database.write(
            lambda connection: checkpoints.begin(connection, run_id, now, request.today.isoformat())
        )
        try:
            return _Run(workspace, request, progress, run_id).store(number)
        except BaseException as error:
            why = str(error) or type(error).__name__
            workspace.database.write(
                lambda connection: checkpoints.fail(connection, number, workspace.clock.now(), why)
            )
            raise


class _Run:
    def __init__(self, workspace: Workspace, request: Request, progress: Progress, run_id: str) -> None:
        self._workspace, self._request, self._progress = workspace, request, progress
        self._run_id = run_id
        self._today = day_number(request.today)
        self._rules = Rules.of(workspace.settings)
        self._fingerprint = workspace.settings.planning_fingerprint()
        self._seconds: dict[str, float] = {}

    def report(self) -> PlanReport:
        """Plan and tell, without writing."""
        read, settled, diff = self._plan()
        return self._report(read, settled, diff)

    def store(self, number: int) -> PlanReport:
        """Plan and store under the checkpoint `number`."""
        read, settled, diff = self._plan()
        watch = Stopwatch()
        self._progress("write", 0, 0)
        report = self._report(read, settled, diff)
        self._workspace.database.write(
            lambda connection: self._swap(connection, read, settled, diff, report, number)
        )
        report.seconds["write"] = watch.seconds()
        return report

    def _plan(self) -> tuple[_Read, Settled, Difference]:
        with self._workspace.database.snapshot() as connection, ThreadPoolExecutor(1) as thread:
            reader = PlanReader(connection)
            watch = Stopwatch()
            read, task = self._read(reader, thread)
            self._seconds["read"] = watch.seconds()
            watch = Stopwatch()
            self._progress("settle", 0, 0)
            settled = settle(
                read.working, read.books, task, lambda days, working: _more(reader, task, days, working)
            )
            if self._request.verify:
                self._verify(read, settled.working)
        diff = difference(settled.working.rows, settled.working.stored, settled.working.orphans)
        self._seconds["settle"] = watch.seconds()
        return read, settled, diff

    def _read(self, reader: PlanReader, thread: ThreadPoolExecutor) -> tuple[_Read, Task]:
        state = reader.state()
        self._refuse_the_past(state)
        noted, changed = reader.changes()
        blocks = reader.blocks()
        everyone = state is None or state.rules != self._fingerprint or EVERYBODY in changed
        everyone |= self._request.fresh or self._request.verify
        everyone |= state is not None and self._today < state.today
        codes = code_table(reader.instance_names())
        task = Task(self._rules, self._today, self._request.fresh, reader.suppressed(), codes)
        planned, left = reader.planned_days(self._today), reader.left_days(self._today)
        count = reader.count()
        eligible = 0
        wanted: Index | None = None
        if everyone:
            working = self._read_all(reader, task, thread, count)
        else:
            assert state is not None
            stored_prints = Prints.load(blocks)
            wanted = np.union1d(stored_prints.waking(self._today), changed[changed != EVERYBODY])
            working = _load(reader, task, wanted)
            eligible = state.eligible - int(stored_prints.of(wanted)["eligible"].sum())
        books = Books(
            by_day(*planned, self._today),
            by_day(*left, self._today),
            by_day(*reader.smoothing_days(self._today), self._today),
            eligible,
        )
        return _Read(working, wanted, noted, changed, state, books, blocks, count, reader.totals()), task

    def _read_all(self, reader: PlanReader, task: Task, thread: ThreadPoolExecutor, count: int) -> Working:
        """Everyone, batch by batch: the next one is read while this one is planned."""
        size = self._workspace.settings.processing.batch_size
        ranges = list(iter_ranges(reader.edges(size)))
        if not ranges:
            return _load(reader, task, np.zeros(0, np.int64))
        since = self._today - HISTORY_DAYS

        def fetch(low: int, high: int) -> tuple[object, ...]:
            return reader.contacts(low, high), reader.stored(low, high), reader.sent(low, high, since)

        parts, done = [], 0
        coming = thread.submit(fetch, *ranges[0])
        for after in [*ranges[1:], None]:
            fetched = coming.result()
            if after is not None:
                coming = thread.submit(fetch, *after)
            parts.append(work_on(task, *fetched))  # type: ignore[arg-type]
            done += len(parts[-1].people)
            self._progress("read", done, count)
        return merge(parts)

    def _refuse_the_past(self, state: PlannerState | None) -> None:
        if state is not None and self._today < state.today and not self._request.dry_run:
            raise UsageError(
                f"the last plan was made for {date_of(state.today)}; planning for {self._request.today}, "
                "a day before it, would bring back what has passed. Add --dry-run to only look."
            )

    def _verify(self, read: _Read, working: Working) -> None:
        """Compare stored fingerprints with what a full read finds, for everyone that nobody has changed."""
        people, stored = working.people, working.stored
        were = Prints.load(read.blocks).of(people.id)
        state = pack_state(stored.reason, stored.priority, stored.pinned)
        row = prints.row_prints(stored.key, stored.send, stored.ideal, state)
        owner = np.searchsorted(people.id, contact_of(stored.key))
        settled = (were["person"] != 0) & ~np.isin(people.id, read.changed) & (were["wake"] > self._today)
        wrong = settled & (prints.sum_by_person(owner, row, len(people)) != were["rows"])
        if read.state is not None and read.state.rules == self._fingerprint:
            wrong |= settled & (prints.people_prints(people) != were["person"])
        if wrong.any():
            raise ChecksumMismatch(
                f"{int(wrong.sum())} contacts or their planned emails are not as the last run left them, "
                f"although no change of them was noted (the first: contact {people.id[wrong][0]}). Something "
                "wrote to the database past its triggers. Nothing was changed; `carillon plan --fresh` plans "
                "them anew."
            )

    def _swap(
        self,
        connection: Connection,
        read: _Read,
        settled: Settled,
        diff: Difference,
        report: PlanReport,
        number: int,
    ) -> None:
        """The one transaction. What someone changed since the snapshot is left for the next run."""
        writer = PlanWriter(connection)
        late = writer.changed_since(read.noted)
        working = settled.working
        rows = working.rows
        new = PlanRows(rows.key, rows.send, rows.ideal, pack_state(rows.reason, rows.priority, rows.pinned))
        added, changed, removed = diff.added, diff.changed, diff.removed
        if len(late):
            mine = ~of_contacts(rows.key, late)
            added, changed = added & mine, changed & mine
            removed = removed[~of_contacts(removed, late)]

        def apply() -> None:
            writer.remove(removed)
            writer.change(new.take(changed), number)
            writer.add(new.take(added) if not added.all() else new, number)

        if int(added.sum()) > max(BULK_ROWS, BULK_SHARE * sum(read.totals)):
            whole = _day_counts(working) if read.wanted is None and len(late) == 0 else None
            with writer.in_bulk(whole):
                apply()
        else:
            apply()
        self._store_books(writer, read, settled, new, late, report, number)

    def _store_books(
        self,
        writer: PlanWriter,
        read: _Read,
        settled: Settled,
        new: PlanRows,
        late: Ints,
        report: PlanReport,
        number: int,
    ) -> None:
        working, people = settled.working, settled.working.people
        book = Prints.load(read.blocks)
        seen = people.id if read.wanted is None else np.union1d(read.wanted, people.id)
        before = book.of(seen)
        # A contact that was deleted keeps zeros.
        after = np.zeros(len(seen), LAYOUT)
        row = prints.row_prints(new.key, new.send, new.ideal, new.state)
        after[np.searchsorted(seen, people.id)] = prints.values(
            people, working.born, working.rows, row, self._rules, self._today
        )
        if len(late):
            stale = np.isin(seen, late)
            after[stale] = before[stale]
        if read.wanted is None:
            book = Prints({})
        book.put(seen, after)

        contacts_sum, rows_sum = prints.checksum(after["person"]), prints.checksum(after["rows"])
        schedules_before = 0 if read.state is None else read.state.schedules_checksum
        if read.wanted is not None and read.state is not None:
            contacts_sum += read.state.contacts_checksum - prints.checksum(before["person"])
            rows_sum += read.state.schedules_checksum - prints.checksum(before["rows"])
        contacts_sum, rows_sum = contacts_sum % MODULUS, rows_sum % MODULUS

        writer.store_blocks(book.touched(seen), everyone=read.wanted is None)
        writer.store_kinds(self._kinds())
        writer.store_issues(
            read.wanted, [(who, code, detail, self._run_id) for who, code, detail in working.issues]
        )
        writer.mend_contacts(working.mended_seeds, working.mended_states)
        writer.forget_changes(read.noted)
        writer.store_state(
            PlannerState(self._fingerprint, self._today, settled.eligible, contacts_sum, rows_sum)
        )
        checkpoints.complete(
            writer.connection,
            number,
            self._workspace.clock.now(),
            checkpoints.Finished(
                contacts_sum,
                schedules_before,
                rows_sum,
                len(people),
                report.planned,
                report.skipped,
                {"mode": report.mode, "cap": report.cap, "eligible": report.eligible, "added": report.added,
                 "moved": report.moved, "removed": report.removed},
            ),
        )  # fmt: skip

    def _kinds(self) -> list[tuple[int, str, str, str | None, str]]:
        templates = self._workspace.settings.email_templates
        send_time = self._workspace.settings.timing_constants.send_time.strftime("%H:%M")
        named = [(kind, getattr(templates, kind.email_type)) for kind in Kind]
        return [(int(kind), kind.email_type, own.email, own.sms, send_time) for kind, own in named]

    def _report(self, read: _Read, settled: Settled, diff: Difference) -> PlanReport:
        working, rows = settled.working, settled.working.rows
        stored = working.stored
        planned = rows.reason == SkipReason.NONE
        was = np.zeros(len(rows), bool)
        send_before = rows.send
        if len(stored):
            at = np.minimum(np.searchsorted(stored.key, rows.key), len(stored) - 1)
            was = (stored.reason[at] == SkipReason.NONE) & ~diff.added
            send_before = stored.send[at]
        known = ~diff.added
        was_planned = int((stored.reason == SkipReason.NONE).sum())
        if read.wanted is None:
            elsewhere = (0, 0)
        else:
            elsewhere = (read.totals[0] - was_planned, read.totals[1] - (len(stored) - was_planned))
        here = by_day(rows.send[planned], None, self._today)
        there = by_day(stored.send[stored.reason == SkipReason.NONE], None, self._today)
        before = _sum(read.books.planned, read.books.left)
        return PlanReport(
            run_id=self._run_id,
            today=self._request.today,
            mode="full" if read.wanted is None else "changes",
            contacts=read.contacts,
            contacts_read=len(working.people),
            eligible=settled.eligible,
            cap=settled.cap,
            planned=elsewhere[0] + int(planned.sum()),
            skipped=elsewhere[1] + int((~planned).sum()),
            added=int(diff.added.sum()),
            moved=int((planned & was & (rows.send != send_before)).sum()),
            newly_skipped=int((~planned & was & known).sum()),
            newly_planned=int((planned & ~was & known).sum()),
            removed=len(diff.removed),
            by_type=count_types(rows.take(diff.added & planned)),
            skips_by_reason=count_reasons(rows.reason[(diff.added | diff.changed) & ~planned]),
            per_day=dated(_sum(_sum(before, -there), here), self._today),
            per_day_before=dated(before, self._today),
            over_cap={date_of(day): n for day, n in sorted(settled.over.items())},
            issues=count_issues(working.issues),
            seconds=self._seconds,
            dry_run=self._request.dry_run,
        )


def _load(reader: PlanReader, task: Task, ids: Index) -> Working:
    since = task.today - HISTORY_DAYS
    return work_on(task, reader.contacts_of(ids), reader.stored_of(ids), reader.sent_of(ids, since))


def _more(reader: PlanReader, task: Task, days: list[int], working: Working) -> Working | None:
    """Contacts with planned rows on these days that are not in the working set yet."""
    due = np.setdiff1d(reader.contacts_due(days), working.people.id)
    return _load(reader, task, due) if len(due) else None


def _day_counts(working: Working) -> DayCounts:
    """What the day tables hold when the working set is everyone."""
    rows = working.rows
    if len(rows) == 0:
        return DayCounts([np.zeros(0, np.int64)] * 4, [np.zeros(0, np.int64)] * 2)
    sort = (rows.key >> KIND_SHIFT) & (2 * KIND_MASK + 1)
    kinds = np.flatnonzero(np.bincount(sort))
    place = np.zeros(int(kinds.max()) + 1, np.int64)
    place[kinds] = np.arange(len(kinds))
    first, reasons = int(rows.send.min()), len(SkipReason)
    cell = ((rows.send - first) * len(kinds) + place[sort]) * reasons + rows.reason
    n = np.bincount(cell)
    cells = np.flatnonzero(n)
    day, rest = cells // (len(kinds) * reasons) + first, cells % (len(kinds) * reasons)
    ideal = rows.ideal[smoothed(rows)]
    counts = np.bincount(ideal - ideal.min(initial=FAR)) if len(ideal) else np.zeros(0, np.int64)
    full = np.flatnonzero(counts)
    return DayCounts(
        [day, kinds[rest // reasons], rest % reasons, n[cells]], [full + ideal.min(initial=FAR), counts[full]]
    )


def _sum(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    total = np.zeros(max(len(one), len(other)), np.int64)
    total[: len(one)] += one
    total[: len(other)] += other
    return total
