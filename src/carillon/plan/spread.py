"""Load balancing: effective-date smoothing and the daily cap (01-plan §7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from carillon.columns import Bools, Index, People
from carillon.days import Days
from carillon.keys import is_followup, kind_of
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
    return undecided(rows) & (kind_of(rows.key) == Kind.EFFECTIVE_DATE) & ~is_followup(rows.key)


def smooth(people: People, rows: Rows, rules: Rules, today: int, full: Days, codes: Hashes) -> None:
    """Rule 7: spread the newly placed rows of each crowded ideal day over the days around it.

    `full`: ideal days that hold more effective-date emails than the soft limit.
    """
    moving = np.flatnonzero(smoothed(rows) & rows.fresh & np.isin(rows.ideal, full))
    reach = rules.smoothing_reach
    for begin in range(0, len(moving), CHUNK):
        which = moving[begin : begin + CHUNK]
        day = (rows.ideal[which, None] + np.arange(-reach, reach + 1)).astype(np.int32)
        open_ = (day > today) & (day <= rows.deadline[which, None]) & ~rules.blacked_out(day)
        line, column = np.nonzero(open_)
        reasons = rules.windows.reasons(people, rows.who[which[line]], day[line, column])
        open_[line, column] = reasons == SkipReason.NONE
        count = open_.sum(axis=1)
        some = np.flatnonzero(count)
        which = which[some]
        hashes = chance(people, rows.who[which], rows.key[which], codes)
        nth = (hashes % count[some].astype(np.uint64)).astype(np.int64)
        chosen = np.argmax(open_[some].cumsum(axis=1) > nth[:, None], axis=1)
        rows.send[which] = day[some, chosen]


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
        moved |= _move(ledger, ranked[-excess:], later, tight, book, rules)
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


def _move(ledger: Ledger, victims: Index, days: Days, tight: Bools, book: DayBook, rules: Rules) -> bool:
    """Offer `days` in order to `victims`, best-ranked first. Returns whether anything moved."""
    moved = False
    deadline = ledger.rows.deadline[ledger.row[victims]]
    several = bool((np.bincount(ledger.who[victims]) > 1).any())
    for day in days.tolist():
        if len(victims) == 0 or day > deadline.max():
            break
        at = day - book.today
        room = int(book.cap[at] - book.counts[at])
        going: list[Index] = []
        contacts: list[Index] = []
        begin, step = 0, max(2 * room, 1024)
        while room and begin < len(victims):
            part = np.arange(begin, min(begin + step, len(victims)))
            part = part[deadline[part] >= day]
            part = part[_may_go(ledger, victims[part], day, tight, rules)]
            if several:
                part = _first_of_each(ledger.who[victims[part]], part, contacts)
            part = part[:room]
            going.append(part)
            contacts.append(ledger.who[victims[part]])
            room -= len(part)
            begin += step
        gone = np.concatenate(going) if going else np.zeros(0, np.int64)
        if len(gone) == 0:
            continue
        moved = True
        book.counts[at] += len(gone)
        np.subtract.at(book.counts, ledger.send[victims[gone]] - book.today, 1)
        ledger.send[victims[gone]] = day
        stays = np.ones(len(victims), bool)
        stays[gone] = False
        victims, deadline = victims[stays], deadline[stays]
    return moved


def _first_of_each(who: Index, part: Index, taken: list[Index]) -> Index:
    """Of each contact the best-ranked one, and none of contacts that already go to this day."""
    _, first = np.unique(who, return_index=True)
    first.sort()
    if taken:
        first = first[~np.isin(who[first], np.concatenate(taken))]
    return part[first]


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
