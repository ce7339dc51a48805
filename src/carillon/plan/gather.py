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
from carillon.plan.campaigns import Campaigns
from carillon.plan.hashing import code_table
from carillon.plan.prints import Prints
from carillon.plan.rules import Rules
from carillon.plan.settle import Books, by_day
from carillon.plan.working import Batch, Task, Working, merge, work_on
from carillon.settings import Settings
from carillon.store import planning_campaigns as store
from carillon.store.campaigns import campaigns as stored_campaigns
from carillon.store.planning import (
    ADDED_COLUMN,
    CONTACT_COLUMNS,
    EVERYBODY,
    STANDING,
    Ints,
    PlannerState,
    PlanReader,
    iter_ranges,
)
from carillon.words import FIRST_CAMPAIGN, Standing

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


def prepare(reader: PlanReader, settings: Settings, today: date, fresh: bool = False) -> Task:
    """What every batch of a run on `today` needs to know."""
    zone, known = settings.workspace.zone, stored_campaigns(reader.connection, settings.campaign_types)
    campaigns = Campaigns.of(known, zone, settings.features.campaigns)
    codes = code_table({FIRST_CAMPAIGN + number: name for number, name in campaigns.names.items()})
    rules, suppressed = Rules.of(settings), reader.suppressed()
    return Task(rules, day_number(today), fresh, suppressed, codes, campaigns, zone)


def gather(reader: PlanReader, request: Request, settings: Settings, progress: Progress) -> Read:
    """Read what the run needs and place every email that does not depend on others.

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
    task = prepare(reader, settings, request.today, request.fresh)
    edited = task.campaigns.changed_since(store.planned_with(reader.connection))
    wanted: Index | None = None
    eligible = 0
    if (
        state is None
        or state.rules != settings.planning_fingerprint()
        or today < state.today
        or (changed <= EVERYBODY).any()
        or request.fresh
        or request.verify
        or edited is None
    ):
        size = settings.processing.batch_size
        working = _everyone(reader, task, size, lambda done: progress("read", done, count))
    else:
        stored = Prints.load(blocks)
        wanted = np.union1d(stored.waking(today), changed)
        if edited:
            since = today - task.rules.followup_lookback_days
            wanted = np.union1d(wanted, store.concerned(reader.connection, edited, since))
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
    people = reader.contacts_of(ids, _columns(task))
    sent = reader.sent_of(ids, task.today - HISTORY_DAYS, task.rules.counts_sequences)
    return work_on(task, _batch(reader, task, people, reader.stored_of(ids), sent, None))


def more(reader: PlanReader, read: Read, days: list[int], working: Working) -> Working | None:
    """Contacts with planned rows on these days that are not in the working set yet."""
    if read.wanted is None:
        return None
    due = np.setdiff1d(reader.contacts_due(days), working.people.id)
    due = np.setdiff1d(due, contact_of(working.orphans.key))
    return load(reader, read.task, due) if len(due) else None


def _columns(task: Task) -> tuple[str, ...]:
    """The day on which a contact came is only read where a campaign writes to everyone."""
    return (*CONTACT_COLUMNS, ADDED_COLUMN) if task.campaigns.targets_all.any() else CONTACT_COLUMNS


def _batch(
    reader: PlanReader, task: Task, people: pl.DataFrame, plan: list[Ints], sent: list[Ints], span: store.Span
) -> Batch:
    """With targets, clicks and answers, as far as there are campaigns and follow-ups."""
    connection, rules = reader.connection, task.rules
    targets = clicks = answers = None
    if task.campaigns.planned and task.campaigns.exists.any():
        targets = store.targets(connection, span)
    if rules.follows_up and (sent[STANDING] == Standing.SENT).any():
        clicks = store.clicks(connection, span, task.today - rules.followup_lookback_days)
        answers = store.answers(connection, span)
    return Batch(people, plan, sent, targets, clicks, answers)


def _everyone(reader: PlanReader, task: Task, batch: int, progress: Callable[[int], None]) -> Working:
    """Batch by batch, several at once: one is read while others are planned."""
    ranges = list(iter_ranges(reader.edges(batch)))
    columns, since = _columns(task), task.today - HISTORY_DAYS

    def fetch(low: int, high: int) -> Batch:
        people = reader.contacts(low, high, columns)
        sent = reader.sent(low, high, since, task.rules.counts_sequences)
        return _batch(reader, task, people, reader.stored(low, high), sent, (low, high))

    if not ranges:
        return load(reader, task, np.zeros(0, np.int64))
    parts, done = [], 0
    with ThreadPoolExecutor(1) as reading, ThreadPoolExecutor(PLANNERS) as planning:
        coming: deque[Future[Working]] = deque()
        for low, high in ranges:
            fetched = reading.submit(fetch, low, high)
            coming.append(planning.submit(lambda batch: work_on(task, batch.result()), fetched))
            # No more batches in memory than are being worked on.
            while len(coming) > PLANNERS or (coming and (low, high) == ranges[-1]):
                parts.append(coming.popleft().result())
                done += len(parts[-1].people)
                progress(done)
    return merge(parts)
