"""The contacts one run looks at, with everything known about them: grows batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from carillon.columns import Index, People
from carillon.days import NO_DAY, Days
from carillon.keys import CONTACT_SHIFT, EVENT_MASK, FOLLOWUP_BIT, KIND_SHIFT, contact_of
from carillon.packing import unpack_state
from carillon.plan import contacts
from carillon.plan.hashing import Hashes
from carillon.plan.rows import Rows, Sent, Stored, Wanted, find
from carillon.plan.rules import Rules
from carillon.plan.stages import in_order, plan_batch
from carillon.words import SkipReason


def no_extra(_people: People, _sent: Sent) -> Wanted:
    """No candidates beside the anniversary emails."""
    return Wanted.none()


@dataclass(frozen=True)
class Task:
    """What every batch of one run needs to know."""

    rules: Rules
    today: int
    fresh: bool
    """Whether stored days are forgotten (`plan --fresh`)."""
    suppressed: Index
    codes: Hashes
    """See `hashing.code_table`."""
    extra: Callable[[People, Sent], Wanted] = no_extra
    """Where candidates of campaigns and follow-ups come from."""


@dataclass(frozen=True)
class Working:
    """People ascending by id; their stored rows, history and new rows ascending by key.

    `orphans`: stored rows whose contact is gone. Other fields as in `contacts.Read`.
    """

    people: People
    born: Days
    stored: Stored
    sent: Sent
    rows: Rows
    orphans: Stored
    issues: list[contacts.Issue]
    mended_seeds: list[tuple[int, int]]
    mended_states: list[tuple[int, str]]

    @property
    def before(self) -> Stored:
        """All that was stored for the working set, also of contacts that are gone."""
        return Stored.concat([self.stored, self.orphans]) if len(self.orphans) else self.stored


def work_on(
    task: Task, frame: pl.DataFrame, plan: Sequence[np.ndarray], outbox: Sequence[np.ndarray]
) -> Working:
    """One batch through all stages that need no one else: the pure heart of a run.

    `frame`, `plan` and `outbox` as `store.planning.PlanReader` gives them, of the same contacts.
    """
    read = contacts.read(frame, task.suppressed, task.rules, task.today)
    stored, orphans = _stored(plan, read.people)
    sent = _sent(outbox)
    extra = task.extra(read.people, sent)
    kept = _forgotten(stored, task.today) if task.fresh else stored
    rows = plan_batch(read.people, kept, sent, extra, task.rules, task.today, task.codes)
    return Working(
        read.people,
        read.born,
        stored,
        sent,
        rows,
        orphans,
        read.issues,
        read.mended_seeds,
        read.mended_states,
    )


def merge(parts: list[Working]) -> Working:
    """One working set of several of different contacts; at least one is needed."""
    if len(parts) == 1:
        return parts[0]
    offsets = np.cumsum([0, *(len(part.people) for part in parts)])
    rows = Rows.concat(
        [
            replace(part.rows, who=part.rows.who + offset)
            for part, offset in zip(parts, offsets[:-1], strict=True)
        ]
    )
    people = People.concat([part.people for part in parts])
    born = np.concatenate([part.born for part in parts])
    if len(people) > 1 and (people.id[1:] < people.id[:-1]).any():
        order = np.argsort(people.id)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        people, born = people.take(order), born[order]
        rows = in_order(replace(rows, who=rank[rows.who]))
    stored = Stored.concat([part.stored for part in parts])
    sent = Sent.concat([part.sent for part in parts])
    return Working(
        people,
        born,
        in_order(stored),
        in_order(sent),
        rows,
        Stored.concat([part.orphans for part in parts]),
        [issue for part in parts for issue in part.issues],
        [seed for part in parts for seed in part.mended_seeds],
        [state for part in parts for state in part.mended_states],
    )


def _stored(plan: Sequence[np.ndarray], people: People) -> tuple[Stored, Stored]:
    """Rows of contacts that are there, and of those that are gone."""
    key, send, ideal, state = plan
    reason, priority, pinned = unpack_state(state.astype(np.int32))
    known, _ = find(contact_of(key), people.id)
    stored = Stored(key, send.astype(np.int32), ideal.astype(np.int32), reason, priority, pinned)
    return in_order(stored.take(known)), stored.take(~known)


def _forgotten(stored: Stored, today: int) -> Stored:
    """Without the days that may be chosen anew: an ideal day that cannot be is one that changed."""
    settled = (stored.reason != SkipReason.NONE) & (stored.send < today)
    ideal = np.where(settled | stored.pinned, stored.ideal, NO_DAY).astype(np.int32)
    return replace(stored, ideal=ideal)


def _sent(outbox: Sequence[np.ndarray]) -> Sent:
    _, contact, kind, followup, event, send, counts = outbox
    key = (contact << CONTACT_SHIFT) | (kind << KIND_SHIFT) | (event & EVENT_MASK)
    key |= np.where(followup != 0, FOLLOWUP_BIT, 0)
    return in_order(Sent(key, send.astype(np.int32), counts != 0))
