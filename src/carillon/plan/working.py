"""The contacts one run looks at, with everything known about them: grows batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from carillon.columns import People
from carillon.days import NO_DAY, Days
from carillon.keys import (
    CONTACT_SHIFT,
    EVENT_MASK,
    FOLLOWUP_BIT,
    KIND_SHIFT,
    contact_of,
    is_followup,
    kind_of,
)
from carillon.packing import unpack_state
from carillon.plan import contacts, followups
from carillon.plan.campaigns import Campaigns, Targets, everyone, named
from carillon.plan.campaigns import targets as targets_of
from carillon.plan.followups import Answers, Followed
from carillon.plan.hashing import Hashes
from carillon.plan.moments import days_of
from carillon.plan.rows import Rows, Sent, Stored, Wanted, find
from carillon.plan.rules import Rules
from carillon.plan.stages import in_order, plan_batch
from carillon.store.planning import ADDED_COLUMN, Suppressed
from carillon.words import REGULATORY_NOTICE, SkipReason


@dataclass(frozen=True)
class Task:
    """What every batch of one run needs to know."""

    rules: Rules
    today: int
    fresh: bool
    """Whether stored days are forgotten (`plan --fresh`)."""
    suppressed: Suppressed
    codes: Hashes
    """See `hashing.code_table`."""
    campaigns: Campaigns
    zone: ZoneInfo
    """The workspace's, in which days begin."""


@dataclass(frozen=True)
class Batch:
    """What the store holds of some contacts, as `store.planning` and `store.planning_campaigns` give it."""

    people: pl.DataFrame
    plan: Sequence[np.ndarray]
    outbox: Sequence[np.ndarray]
    targets: pl.DataFrame | None = None
    clicks: np.ndarray | None = None
    answers: pl.DataFrame | None = None


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
    targets: Targets
    followed: Followed
    orphans: Stored
    issues: list[contacts.Issue]
    mended_seeds: list[tuple[int, int]]
    mended_states: list[tuple[int, str]]

    @property
    def before(self) -> Stored:
        """All that was stored for the working set, also of contacts that are gone."""
        return Stored.concat([self.stored, self.orphans]) if len(self.orphans) else self.stored


def work_on(task: Task, batch: Batch) -> Working:
    """One batch through all stages that need no one else: the pure heart of a run."""
    batch = replace(batch, people=contacts.in_id_order(batch.people))
    read = contacts.read(batch.people, task.suppressed, task.rules, task.today)
    stored, orphans = _stored(batch.plan, read.people)
    sent = _sent(batch.outbox)
    targets, followed, extra = _extra(task, batch, read, sent)
    kept = _forgotten(stored, task.today) if task.fresh else stored
    rows = plan_batch(read.people, kept, sent, extra, task.rules, task.today, task.codes)
    return Working(
        read.people,
        read.born,
        stored,
        sent,
        rows,
        targets,
        followed,
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
        Targets.concat([part.targets for part in parts]),
        in_order(Followed.concat([part.followed for part in parts])),
        Stored.concat([part.orphans for part in parts]),
        [issue for part in parts for issue in part.issues],
        [seed for part in parts for seed in part.mended_seeds],
        [state for part in parts for state in part.mended_states],
    )


def _extra(task: Task, batch: Batch, read: contacts.Read, sent: Sent) -> tuple[Targets, Followed, Wanted]:
    """Candidates of campaigns and follow-ups, and what they are made of."""
    campaigns, rules, zone, people = task.campaigns, task.rules, task.zone, read.people
    targets, wanted = Targets.none(), []
    if batch.targets is not None and len(batch.targets):
        targets = targets_of(batch.targets, campaigns, zone)
        wanted.append(named(people, targets, campaigns, rules))
    if campaigns.targets_all.any():
        added = days_of(batch.people[ADDED_COLUMN], zone)
        wanted.append(everyone(people, read.reachable, added, sent, campaigns, rules))
    initial = followups.initial_emails(sent, campaigns, rules, task.today)
    clicks = np.zeros(0, np.int64) if batch.clicks is None else batch.clicks
    answers = Answers.none() if batch.answers is None else followups.answers(batch.answers, zone)
    followed = followups.follow(initial, clicks, answers)
    if len(initial):
        wanted.append(followups.candidates(people, initial, followed, campaigns, rules))
    return targets, followed, _welcome(Wanted.concat(wanted), read, campaigns) if wanted else Wanted.none()


def _welcome(wanted: Wanted, read: contacts.Read, campaigns: Campaigns) -> Wanted:
    """Only what its contact may get."""
    allowed = read.people.eligible[wanted.who]
    followup = is_followup(wanted.key)
    instance, _ = campaigns.of_kinds(kind_of(wanted.key))
    for topic in {REGULATORY_NOTICE, *read.refused}:
        of_topic = np.isin(instance, [one for one, name in campaigns.types.items() if name == topic])
        for answers in (False, True):
            mine = np.flatnonzero(of_topic & (followup == answers))
            allowed[mine] = read.open_to(topic, answers)[wanted.who[mine]]
    return wanted.take(allowed)


def _stored(plan: Sequence[np.ndarray], people: People) -> tuple[Stored, Stored]:
    """Rows of contacts that are there, and of those that are gone."""
    key, send, ideal, state = plan
    reason, priority, pinned, tier = unpack_state(state.astype(np.int32))
    known, _ = find(contact_of(key), people.id)
    stored = Stored(key, send.astype(np.int32), ideal.astype(np.int32), reason, priority, pinned, tier)
    return in_order(stored.take(known)), stored.take(~known)


def _forgotten(stored: Stored, today: int) -> Stored:
    """Without the days that may be chosen anew: an ideal day that cannot be is one that changed."""
    settled = (stored.reason != SkipReason.NONE) & (stored.send < today)
    ideal = np.where(settled | stored.pinned, stored.ideal, NO_DAY).astype(np.int32)
    return replace(stored, ideal=ideal)


def _sent(outbox: Sequence[np.ndarray]) -> Sent:
    contact, kind, followup, event, send, standing, priority = outbox
    key = (contact << CONTACT_SHIFT) | (kind << KIND_SHIFT) | (event & EVENT_MASK)
    key |= np.where(followup != 0, FOLLOWUP_BIT, 0)
    return in_order(Sent(key, send.astype(np.int32), standing.astype(np.uint8), priority.astype(np.uint8)))
