"""Who has to be looked at, and everything known about them.

A first plan, new rules and `--fresh` look at everyone; every other run only at contacts that changed
and those whose wake day has come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from carillon.columns import Index
from carillon.days import date_of, day_number
from carillon.errors import UsageError
from carillon.keys import contact_of
from carillon.plan.hashing import code_table
from carillon.plan.prints import Prints
from carillon.plan.rules import Rules
from carillon.plan.settle import Books, by_day
from carillon.plan.working import Task, Working, merge, work_on
from carillon.store.planning import EVERYBODY, Ints, PlannerState, PlanReader, iter_ranges

HISTORY_DAYS = 400
"""How far back sent emails are read: beyond the last event, the frequency period and 180 days."""

PLANNERS = 2
"""Batches planned at the same time: arrays are worked on outside the interpreter lock."""

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
class Read:
    """What a run took from its snapshot."""

    task: Task
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


def gather(
    reader: PlanReader, request: Request, rules: Rules, fingerprint: str, batch: int, progress: Progress
) -> Read:
    """Read what the run needs and place every email that does not depend on others.

    `fingerprint`: of the configuration; `batch`: contacts at a time, which changes nothing but memory.
    Raises UsageError for a day before the last run's, unless it is a dry run.
    """
    today = day_number(request.today)
    state = reader.state()
    if state is not None and today < state.today and not request.dry_run:
        raise UsageError(
            f"the last plan was made for {date_of(state.today)}; planning for {request.today}, "
            "a day before it, would bring back what has passed. Add --dry-run to only look."
        )
    noted, changed = reader.changes()
    blocks, count = reader.blocks(), reader.count()
    task = Task(rules, today, request.fresh, reader.suppressed(), code_table(reader.instance_names()))
    wanted: Index | None = None
    eligible = 0
    if (
        state is None
        or state.rules != fingerprint
        or today < state.today
        or (changed <= EVERYBODY).any()
        or request.fresh
        or request.verify
    ):
        working = _everyone(reader, task, batch, lambda done: progress("read", done, count))
    else:
        stored = Prints.load(blocks)
        wanted = np.union1d(stored.waking(today), changed)
        working = load(reader, task, wanted)
        eligible = state.eligible - int(stored.of(wanted)["eligible"].sum())
    books = Books(
        by_day(*reader.planned_days(today), today),
        by_day(*reader.left_days(today), today),
        by_day(*reader.smoothing_days(today), today),
        eligible,
    )
    return Read(task, working, wanted, noted, changed, state, books, blocks, count, reader.totals())


def load(reader: PlanReader, task: Task, ids: Index) -> Working:
    """These contacts, as far as they still exist."""
    since = task.today - HISTORY_DAYS
    return work_on(task, reader.contacts_of(ids), reader.stored_of(ids), reader.sent_of(ids, since))


def more(reader: PlanReader, read: Read, days: list[int], working: Working) -> Working | None:
    """Contacts with planned rows on these days that are not in the working set yet."""
    if read.wanted is None:
        return None
    due = np.setdiff1d(reader.contacts_due(days), working.people.id)
    due = np.setdiff1d(due, contact_of(working.orphans.key))
    return load(reader, read.task, due) if len(due) else None


def _everyone(reader: PlanReader, task: Task, batch: int, progress: Callable[[int], None]) -> Working:
    """Batch by batch, several at once: one is read while others are planned."""
    ranges = list(iter_ranges(reader.edges(batch)))
    since = task.today - HISTORY_DAYS

    def fetch(low: int, high: int) -> tuple[pl.DataFrame, list[Ints], list[Ints]]:
        return reader.contacts(low, high), reader.stored(low, high), reader.sent(low, high, since)

    if not ranges:
        return load(reader, task, np.zeros(0, np.int64))
    parts, done = [], 0
    with ThreadPoolExecutor(1) as reading, ThreadPoolExecutor(PLANNERS) as planning:
        coming: deque[Future[Working]] = deque()
        for low, high in ranges:
            fetched = reading.submit(fetch, low, high)
            coming.append(planning.submit(lambda batch: work_on(task, *batch.result()), fetched))
            # No more batches in memory than are being worked on.
            while len(coming) > PLANNERS or (coming and (low, high) == ranges[-1]):
                parts.append(coming.popleft().result())
                done += len(parts[-1].people)
                progress(done)
    return merge(parts)
