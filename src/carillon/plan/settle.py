"""From placed rows to the finished plan: smoothing, then conflicts, frequency and cap to a fixpoint.

This is the part that needs everybody at once. A nightly run has only the contacts that changed or woke
in its working set and knows of the others how many emails they have each day; where that is not enough,
because a day is above the threshold, it calls for the contacts of that day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from carillon.days import Days, date_of
from carillon.errors import PlanBreach
from carillon.keys import contact_of, is_followup
from carillon.limits import would_exceed
from carillon.plan.choose import choose, crowded
from carillon.plan.ledger import Ledger
from carillon.plan.rows import Rows, Stored
from carillon.plan.rules import Rules
from carillon.plan.spread import Counts, DayBook, balance, smooth, smoothed
from carillon.plan.working import Task, Working, merge
from carillon.words import SkipReason

More = Callable[[list[int], Working], Working | None]
"""Loads the contacts planned on some days that are not in the working set yet; None: there are none."""


@dataclass(frozen=True)
class Books:
    """How many emails there are each day as stored, from today on, shape (days,); and who is eligible.

    `planned`: pre-scheduled rows; `left`: what was released or sent; `smoothing`: effective-date rows by
    ideal day; `eligible_elsewhere`: eligible contacts outside the first working set.
    """

    planned: Counts
    left: Counts
    smoothing: Counts
    eligible_elsewhere: int


@dataclass(frozen=True)
class Settled:
    """A finished plan: its working set, the cap, and the days that stay above the threshold.

    It is not to be stored before `check` has passed it.
    """

    working: Working
    ledger: Ledger
    eligible: int
    cap: int
    over: dict[int, int]


def settle(working: Working, books: Books, task: Task, more: More) -> Settled:
    """Smooth, choose and balance until nothing moves."""
    rules, today = task.rules, task.today
    eligible = books.eligible_elsewhere + int(working.people.eligible.sum())
    cap = rules.daily_cap(eligible)
    _smooth(working, books, task, rules.soft_limit(cap))

    days = _horizon(working, books, rules, today)
    caps = np.full(days, cap, np.int64)
    dark = rules.blacked_out(today + np.arange(days, dtype=np.int32))
    complete: set[int] = set()
    ledger = Ledger(working.people, working.rows, working.sent, task.codes)
    while True:
        reason = choose(ledger, rules)
        book = DayBook(today, _counts(working.before, ledger, books, today, days), caps, dark)
        over = set((book.over(rules) + today).tolist()) - complete
        if over:
            complete |= over
            added = more(sorted(over), working)
            if added is not None:
                ledger.result(reason)
                working = merge([working, added])
                ledger = Ledger(working.people, working.rows, working.sent, task.codes)
                continue
        if not balance(ledger, book, rules):
            break
    ledger.result(reason)
    left_over = {today + int(day): int(book.counts[day]) for day in book.over(rules)}
    return Settled(working, ledger, eligible, cap, left_over)


def check(settled: Settled, task: Task) -> None:
    """The rules once more, over the finished plan. Raises PlanBreach naming the first offender."""
    people, rows, ledger = settled.working.people, settled.working.rows, settled.ledger
    rules, today = task.rules, task.today
    planned = np.flatnonzero(rows.reason == SkipReason.NONE)
    send = rows.send[planned]
    reasons = rules.windows.reasons(people, rows.who[planned], send)
    _refuse(rows, planned[(reasons != SkipReason.NONE) & rows.lawful[planned]], "lies in an exclusion window")
    _refuse(rows, planned[send < today], "lies in the past")
    late = (send > rows.deadline[planned]) & ~rows.pinned[planned]
    _refuse(rows, planned[late], "lies after its deadline")

    # Pinned and sent emails may break the limit among themselves: that is no fault of the plan.
    full = np.zeros(len(people), bool)
    full[crowded(ledger, rules)] = True
    suspects = np.flatnonzero(full[ledger.who] & ledger.kept & ledger.limited & ~ledger.fixed)
    others, _ = ledger.days_nearby(suspects)
    too_many = would_exceed(others, ledger.send[suspects], rules.emails_per_period, rules.period_days)
    _refuse(rows, ledger.row[suspects[too_many]], "exceeds the contact's frequency limit")


def by_day(day: npt.NDArray[np.integer], n: npt.NDArray[np.integer] | None, today: int) -> Counts:
    """Counts from today on, shape (days,), of days (and how many of each)."""
    # Cutting off the days before is cheaper than picking those that come.
    first = int(day.min(initial=today))
    return np.bincount(day - first, weights=n)[today - first :].astype(np.int64)


def _smooth(working: Working, books: Books, task: Task, soft_limit: int) -> None:
    stored = working.before
    was = smoothed(stored)
    elsewhere = minus(books.smoothing, by_day(stored.ideal[was], None, task.today))
    here = by_day(working.rows.ideal[smoothed(working.rows)], None, task.today)
    full: Days = (np.flatnonzero(plus(elsewhere, here) > soft_limit) + task.today).astype(np.int32)
    if len(full):
        smooth(working.people, working.rows, task.rules, task.today, full, task.codes)


def _counts(stored: Stored, ledger: Ledger, books: Books, today: int, days: int) -> Counts:
    """Emails a day: of contacts elsewhere as stored, of the working set as it stands now."""
    was = stored.send[stored.reason == SkipReason.NONE]
    now = ledger.send[ledger.kept & (ledger.row >= 0)]
    elsewhere = minus(books.planned, by_day(was, None, today))
    counts = plus(plus(elsewhere, books.left), by_day(now, None, today))
    return plus(counts, np.zeros(days, np.int64))


def _horizon(working: Working, books: Books, rules: Rules, today: int) -> int:
    """Days from today on that anything planned could be moved to or lie on."""
    last = max(
        int(working.rows.deadline.max(initial=today)),
        int(working.rows.send.max(initial=today)),
        today + len(books.planned) + rules.max_shift_days,
        today + len(books.left),
    )
    return last - today + 1


def plus(one: Counts, other: Counts) -> Counts:
    """Day counts added up, as long as the longer of the two."""
    total = np.zeros(max(len(one), len(other)), np.int64)
    total[: len(one)] += one
    total[: len(other)] += other
    return total


def minus(one: Counts, other: Counts) -> Counts:
    """Day counts without others."""
    return plus(one, -other)


def _refuse(rows: Rows, which: npt.NDArray[np.int64], why: str) -> None:
    if len(which) == 0:
        return
    key, day = rows.key[which[:1]], date_of(int(rows.send[which[0]]))
    kind = "follow-up" if is_followup(key)[0] else "email"
    raise PlanBreach(
        f"the new plan was not stored: the {kind} of contact {contact_of(key)[0]} on {day} {why} "
        f"({len(which)} such rows). This is a defect in Carillon; the plan of the last run still holds."
    )
