"""Candidates of campaigns: who was targeted, by name or with everyone (01-plan §5, decision 0003).

What the planner reads of an instance stands in `Campaigns`, its columns indexed by instance id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

from carillon.campaigns import FIRST_DAY, LAST_DAY, Campaign
from carillon.columns import Bools, Frame, Index, People
from carillon.days import FAR, NO_DAY, Days, day_number
from carillon.keys import Keys, contact_of, kind_of, pack
from carillon.packing import Small
from carillon.plan.moments import days_of
from carillon.plan.rows import Sent, Wanted, find
from carillon.plan.rules import Rules
from carillon.words import FIRST_CAMPAIGN, LAST_INSTANCE, SkipReason

_FIRST, _LAST = day_number(FIRST_DAY), day_number(LAST_DAY)


@dataclass(frozen=True)
class Campaigns:
    """All instances; arrays of shape (highest id + 1,). Ids that are not there do not `exist`."""

    exists: Bools
    """Neither gone nor archived."""
    held_up: Bools
    """Paused, or of a type that is not active."""
    days_before: Days
    priority: Small
    lawful: Bools
    """Whether exclusion windows bind it."""
    followups: Bools
    targets_all: Bools
    start: Days
    end: Days
    known: Days
    """The day on which it was created."""
    all: tuple[Campaign, ...]
    """Those that have a place in a plan, ascending by id."""
    planned: bool
    """Whether there are campaign emails at all (`features.campaigns`)."""
    types: dict[int, str]
    names: dict[int, str]
    prints: dict[int, str]
    """By id, a fingerprint of all that a plan depends on."""

    @classmethod
    def of(cls, campaigns: Sequence[Campaign], zone: ZoneInfo, planned: bool = True) -> Campaigns:
        """`zone`: the workspace's, in which days begin; `planned`: false for no emails but follow-ups."""
        campaigns = [one for one in campaigns if 0 < one.instance.id <= LAST_INSTANCE]
        size = max((one.instance.id for one in campaigns), default=0) + 1
        made = cls(
            exists=np.zeros(size, bool),
            held_up=np.zeros(size, bool),
            days_before=np.zeros(size, np.int32),
            priority=np.zeros(size, np.uint8),
            lawful=np.zeros(size, bool),
            followups=np.zeros(size, bool),
            targets_all=np.zeros(size, bool),
            start=np.full(size, NO_DAY, np.int32),
            end=np.full(size, FAR, np.int32),
            known=np.full(size, NO_DAY, np.int32),
            all=tuple(campaigns),
            planned=planned,
            types={},
            names={},
            prints={},
        )
        for one in campaigns:
            at, fields, instance = one.instance.id, one.effective, one.instance
            made.exists[at] = not one.is_archived
            made.held_up[at] = not one.is_open
            made.days_before[at] = fields.days_before_event
            made.priority[at] = fields.priority
            made.lawful[at] = fields.respect_exclusion_windows
            made.followups[at] = fields.enable_followups
            made.targets_all[at] = planned and fields.target_all_contacts and not one.is_archived
            made.start[at] = _day(instance.start, NO_DAY)
            made.end[at] = _day(instance.end, FAR)
            if instance.created is not None:
                made.known[at] = day_number(instance.created.astimezone(zone).date())
            made.types[at], made.names[at] = instance.campaign_type, instance.name
            made.prints[at] = _print(one, int(made.known[at]))
        return made

    def __len__(self) -> int:
        return len(self.exists)

    def changed_since(self, planned_with: Mapping[int, tuple[str, bool]]) -> list[int] | None:
        """Instances that are not as the stored plan knew them; None where that concerns everyone.

        `planned_with`: by instance id, fingerprint and whether it targeted all.
        """
        now = self.planned_with()
        changed = [one for one in sorted({*now, *planned_with}) if now.get(one) != planned_with.get(one)]
        broad = any(known.get(one, ("", False))[1] for known in (now, planned_with) for one in changed)
        return None if broad else changed

    def planned_with(self) -> dict[int, tuple[str, bool]]:
        """What is stored of the instances that a plan is made with."""
        return {one: (mark, bool(self.targets_all[one])) for one, mark in self.prints.items()}

    def of_kinds(self, kinds: npt.NDArray[np.int32]) -> tuple[Index, Bools]:
        """Instance ids of campaign kinds, and which of them exist; 0 where it is no campaign's."""
        instance = np.where(kinds >= FIRST_CAMPAIGN, kinds - FIRST_CAMPAIGN, 0)
        instance = np.where(instance < len(self), instance, 0)
        return instance, self.exists[instance]


@dataclass(frozen=True)
class Targets(Frame):
    """Named targets: contact and instance ids, trigger day, the day it was added, stored status."""

    contact: Index
    instance: Index
    event: Days
    added: Days
    status: npt.NDArray[np.object_]

    @classmethod
    def none(cls) -> Targets:
        ids, days = np.zeros(0, np.int64), np.zeros(0, np.int32)
        return cls(ids, ids, days, days, np.zeros(0, np.object_))

    @property
    def key(self) -> Keys:
        """The identity of each target's email, shape (n,)."""
        return pack(self.contact, (self.instance + FIRST_CAMPAIGN).astype(np.int32), self.event)


def targets(frame: pl.DataFrame, campaigns: Campaigns, zone: ZoneInfo) -> Targets:
    """From `store.planning_campaigns.TARGET_COLUMNS` as text; less those that no email can be about."""
    instance = frame["campaign_instance_id"].cast(pl.Int64).to_numpy()
    event = frame["trigger_date"].str.to_date("%Y-%m-%d", strict=False).to_physical()
    day = event.fill_null(NO_DAY).to_numpy().astype(np.int32)
    added = days_of(frame["created_at"], zone)
    found = Targets(
        frame["contact_id"].cast(pl.Int64).to_numpy(), instance, day, added, frame["status"].to_numpy()
    )
    # The parser takes 2026-3-1 as well, which the target's row would not be found by again.
    written = (frame["trigger_date"].str.len_bytes() == 10).to_numpy()
    known = (instance > 0) & (instance < len(campaigns)) & (day >= _FIRST) & (day <= _LAST)
    return found.take(known & written)


def named(people: People, targets: Targets, campaigns: Campaigns, rules: Rules) -> Wanted:
    """One candidate a target, whenever its day was or will be."""
    found, who = find(targets.contact, people.id)
    rows = np.flatnonzero(found & campaigns.exists[targets.instance])
    instance, event = targets.instance[rows], targets.event[rows]
    ideal = event - campaigns.days_before[instance]
    known = np.maximum(targets.added[rows], campaigns.known[instance])
    wanted = _wanted(people, campaigns, rules, who[rows], instance, event, ideal, known)
    return wanted.take((ideal >= _FIRST) & (ideal <= _LAST))


def everyone(
    people: People, reachable: Bools, added: Days, sent: Sent, campaigns: Campaigns, rules: Rules
) -> Wanted:
    """For each instance that targets all, everyone `reachable` whom it has not written to yet.

    `added`: by person, the day on which the contact came; `NO_DAY` where that is not known.
    """
    parts = []
    for instance in np.flatnonzero(campaigns.targets_all).tolist():
        mine = sent.take(kind_of(sent.key) == instance + FIRST_CAMPAIGN)
        done, at = find(contact_of(mine.key), people.id)
        fresh = reachable.copy()
        fresh[at[done]] = False
        who = np.flatnonzero(fresh)
        known, start = campaigns.known[instance], campaigns.start[instance]
        day = known if start == NO_DAY else start
        ideal = np.maximum(day, added[who] + 1).astype(np.int32)
        event = ideal + campaigns.days_before[instance]
        possible = (np.minimum(ideal, event) >= _FIRST) & (np.maximum(ideal, event) <= _LAST)
        instances = np.full(len(who), instance)
        known_to = np.maximum(known, added[who])
        wanted = _wanted(people, campaigns, rules, who, instances, event, ideal, known_to)
        parts.append(wanted.take(possible))
    return Wanted.concat(parts) if parts else Wanted.none()


def came_too_late(ideal: Days, event: Days, known: Days) -> Bools:
    """Whether day and event were both past when the email could first have been planned."""
    return (ideal < known) & (event < known)


def _wanted(
    people: People,
    campaigns: Campaigns,
    rules: Rules,
    who: Index,
    instance: Index,
    event: Days,
    ideal: Days,
    known: Days,
) -> Wanted:
    """`known`: since when the email could have been planned; what was past by then came too late."""
    late = came_too_late(ideal, event, known)
    held_up = campaigns.held_up[instance]
    closed = held_up | (ideal < campaigns.start[instance]) | (ideal > campaigns.end[instance])
    verdict = np.where(closed, SkipReason.CAMPAIGN_INACTIVE, np.where(late, SkipReason.MISSED, 0))
    return Wanted(
        key=pack(people.id[who], (instance + FIRST_CAMPAIGN).astype(np.int32), event),
        who=who,
        ideal=ideal,
        deadline=np.minimum(rules.deadline(event, ideal), campaigns.end[instance]),
        priority=campaigns.priority[instance],
        lawful=campaigns.lawful[instance],
        verdict=verdict.astype(np.uint8),
        held_up=held_up,
        tier=np.zeros(len(who), np.uint8),
    )


def _day(value: date | None, otherwise: int) -> int:
    return otherwise if value is None else day_number(value)


def _print(campaign: Campaign, known: int) -> str:
    instance, fields = campaign.instance, asdict(campaign.effective)
    read = (sorted(fields.items()), instance.name, instance.status, instance.start, instance.end, known)
    return hashlib.sha256(repr(read).encode()).hexdigest()[:16]
