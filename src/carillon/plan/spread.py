"""Load balancing: effective-date smoothing and the daily cap (01-plan §7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from carillon.columns import Bools, Index, People
from carillon.days import Days
from carillon.keys import is_kind
from carillon.limits import would_exceed
from carillon.plan.hashing import Hashes
from carillon.plan.ledger import Ledger, undecided
from carillon.plan.place import chance
from carillon.plan.rows import Rows, Stored
from carillon.plan.rules import Rules
from carillon.words import Kind, SkipReason

Counts = npt.NDArray[np.int64]

CHUNK = 250_000
"""Rows looked at together where each needs a small table: bounds memory, not the outcome."""


@dataclass
class DayBook:
    """Emails a day, from `today` on: what is planned or has left, and how many there may be."""

    today: int
    counts: Counts
    cap: Counts
    dark: Bools
    """Days on which planner mail never goes: nothing may be moved there."""

    def over(self, rules: Rules) -> Index:
        """Offsets from today of the days above the threshold."""
        return np.flatnonzero(rules.over(self.counts, self.cap))


def smoothed(rows: Rows | Stored) -> Bools:
    """Effective-date rows that make their ideal day full, wherever they are placed by now."""
    return undecided(rows) & is_kind(rows.key, Kind.EFFECTIVE_DATE)


def smooth(people: People, rows: Rows, rules: Rules, today: int, full: Days, codes: Hashes) -> None:
    """Rule 7: spread the newly placed rows of each crowded ideal day over the days around it.

    `full`: ideal days that hold more effective-date emails than the soft limit.
    """
    moving = np.flatnonzero(smoothed(rows) & rows.fresh)
    moving = moving[np.isin(rows.ideal[moving], full)]
    shifts = range(-rules.smoothing_reach, rules.smoothing_reach + 1)
    for begin in range(0, len(moving), CHUNK):
        which = moving[begin : begin + CHUNK]
        who, ideal, deadline = rows.who[which], rows.ideal[which], rows.deadline[which]
        open_ = np.empty((len(shifts), len(which)), bool)
        for at, shift in enumerate(shifts):
            day = ideal + np.int32(shift)
            open_[at] = (day > today) & (day <= deadline) & ~rules.blacked_out(day)
            open_[at] &= rules.windows.reasons(people, who, day) == SkipReason.NONE
        count = open_.sum(axis=0)
        hashes = chance(people, who, rows.key[which], codes)
        # The nth open day, where there is any.
        nth = (hashes % np.maximum(count, 1).astype(np.uint64)).astype(np.int64)
        for at, shift in enumerate(shifts):
            chosen = np.flatnonzero(open_[at] & (nth == 0))
            rows.send[which[chosen]] = ideal[chosen] + shift
            nth -= open_[at]


def balance(ledger: Ledger, book: DayBook, rules: Rules) -> bool:
    """Bring every day above the threshold back to its cap, as far as that can be.

    Days in order; `book.counts` and `ledger.send` are changed. Returns whether anything moved.
    """
    moved = False
    for offset in range(len(book.counts)):
        if not rules.over(book.counts[offset : offset + 1], book.cap[offset : offset + 1])[0]:
            continue
        day = book.today + offset
        here = np.flatnonzero((ledger.send == day) & ledger.kept & ~ledger.fixed)
        room = (book.counts < book.cap) & ~book.dark
        later = (np.flatnonzero(room[offset + 1 :]) + day + 1).astype(np.int32)
        tight = _tight(ledger, here, day, rules)
        movable = here[_can_move(ledger, here, later, tight, rules)]
        excess = int(book.counts[offset] - book.cap[offset])
        ranked = movable[np.argsort(_rank(ledger, movable), kind="stable")]
        moved |= _move(ledger, ranked[-excess:], offset, later, tight, book, rules)
    return moved


def _rank(ledger: Ledger, entries: Index) -> npt.NDArray[np.uint64]:
    """Who stays rather than go: lower priority number, sticky, lower hash; best first."""
    row = ledger.row[entries]
    rank = ledger.priority[entries].astype(np.uint64) << np.uint64(56)
    rank |= (~ledger.rows.sticky[row]).astype(np.uint64) << np.uint64(55)
    return rank | (ledger.chance(entries) >> np.uint64(9))


def _tight(ledger: Ledger, entries: Index, day: int, rules: Rules) -> Bools:
    """By person: whether other emails could stand in the way of a move from `day`.

    Those who have too few in reach of any day that their email could go to need no closer look.
    """
    reach = rules.period_days - 1
    last = int(ledger.rows.deadline[ledger.row[entries]].max(initial=day))
    tight = ledger.crowd(day - reach, last + reach) > rules.emails_per_period
    tight[ledger.who[entries[ledger.campaign[entries]]]] = True
    return tight


def _can_move(ledger: Ledger, entries: Index, days: Days, tight: Bools, rules: Rules) -> Bools:
    """Which entries may go to at least one of `days` (ascending)."""
    can = np.zeros(len(entries), bool)
    deadline = ledger.rows.deadline[ledger.row[entries]]
    last = deadline.max(initial=0)
    for day in days[days <= last].tolist():
        asking = np.flatnonzero(~can & (deadline >= day))
        if len(asking) == 0 and can.all():
            break
        can[asking] = _may_go(ledger, entries[asking], day, tight, rules)
    return can


def _move(
    ledger: Ledger, victims: Index, source: int, days: Days, tight: Bools, book: DayBook, rules: Rules
) -> bool:
    """Offer `days` in order to `victims`, best-ranked first. Returns whether anything moved.

    `source`: the offset of the day that all of them lie on.
    """
    moved = False
    deadline = ledger.rows.deadline[ledger.row[victims]]
    several = np.bincount(ledger.who[victims], minlength=len(ledger.people)) > 1
    for day in days.tolist():
        if len(victims) == 0 or day > deadline.max():
            break
        at = day - book.today
        room = int(book.cap[at] - book.counts[at])
        going: list[Index] = []
        taken = np.zeros(len(ledger.people), bool)
        end = 0
        while room and end < len(victims):
            # Somewhat more than there is room for, because not all may go.
            begin, end = end, min(end + max(room + room // 4, 1024), len(victims))
            part = begin + np.flatnonzero(deadline[begin:end] >= day)
            part = part[_may_go(ledger, victims[part], day, tight, rules)]
            part = _first_of_each(ledger.who[victims[part]], part, several, taken)[:room]
            going.append(part)
            taken[ledger.who[victims[part]]] = True
            room -= len(part)
        gone = np.concatenate(going) if going else np.zeros(0, np.int64)
        if len(gone) == 0:
            continue
        moved = True
        book.counts[at] += len(gone)
        book.counts[source] -= len(gone)
        ledger.send[victims[gone]] = day
        victims, deadline = np.delete(victims, gone), np.delete(deadline, gone)
    return moved


def _first_of_each(who: Index, part: Index, several: Bools, taken: Bools) -> Index:
    """Of each contact the best-ranked one, and none of contacts that already go to this day.

    By person, `several`: who has more than one victim, and `taken`: who already goes.
    """
    again = np.flatnonzero(several[who])
    if len(again) == 0:
        return part
    _, first = np.unique(who[again], return_index=True)
    keep = np.ones(len(part), bool)
    keep[again] = False
    keep[again[first]] = True
    return part[keep & ~taken[who]]


def _may_go(ledger: Ledger, entries: Index, day: int, tight: Bools, rules: Rules) -> Bools:
    """Whether each entry may go to `day`: outside windows, no frequency or conflict breach."""
    who = ledger.who[entries]
    shut = rules.windows.reasons(ledger.people, who, np.full(len(who), day, np.int32)) != SkipReason.NONE
    shut &= ledger.rows.lawful[ledger.row[entries]]
    asking = np.flatnonzero(tight[who] & ledger.limited[entries] & ~shut)
    for begin in range(0, len(asking), CHUNK):
        part = asking[begin : begin + CHUNK]
        mine = entries[part]
        limited, campaigns = ledger.days_nearby(mine)
        days = np.full(len(part), day, np.int32)
        breach = would_exceed(limited, days, rules.emails_per_period, rules.period_days)
        shut[part] = breach | (ledger.campaign[mine] & (campaigns == day).any(axis=1))
    return ~shut
