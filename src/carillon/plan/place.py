"""Verdict and place: for each wanted email, whether it may go, and on which day.

The rules stand in `docs/decisions/0001-how-the-planner-reads-its-rules.md` under the numbers used here.
Everything is looked at by itself; what depends on other rows (smoothing, conflicts, frequency, cap)
comes later, in `spread` and `choose`.
"""

from __future__ import annotations

import numpy as np

from carillon.columns import Bools, Index, People
from carillon.days import NO_DAY, Days
from carillon.keys import Keys, event_of, is_followup
from carillon.plan.hashing import Hashes, choice, codes_of
from carillon.plan.rows import Rows, Stored, Wanted, find
from carillon.plan.rules import Rules
from carillon.words import FIRST_CAMPAIGN, SkipReason

LAST_EXCLUSION = SkipReason.AGE_EXCLUSION
"""Reasons up to this one are exclusions of a day."""


def place(people: People, wanted: Wanted, stored: Stored, rules: Rules, today: int, codes: Hashes) -> Rows:
    """Rows for all of `wanted`, in their order, less those that were due before anyone knew of them.

    `codes`: see `hashing.code_table`.
    """
    found, at = find(wanted.key, stored.key)
    forgotten = ~found & is_followup(wanted.key) & (wanted.deadline < today)
    if forgotten.any():
        wanted, found, at = wanted.take(~forgotten), found[~forgotten], at[~forgotten]
    rows = _carried(wanted, stored, found, at, today)
    open_ = ~rows.final
    _keep_pinned(rows, wanted, open_ & rows.pinned, people, rules)
    open_ &= ~rows.pinned

    which = np.flatnonzero(open_)
    verdict = _reasons(rows, people, rules, which, rows.ideal[which])
    verdict = np.where(verdict != SkipReason.NONE, verdict, wanted.verdict[which])
    shut = which[verdict != SkipReason.NONE]
    rows.reason[shut] = verdict[verdict != SkipReason.NONE]
    rows.send[shut] = rows.ideal[shut]

    free = which[verdict == SkipReason.NONE]
    if len(stored):
        in_time = _in_time(rows, stored, found, at, today, free)
        keeps = _still_valid(rows, in_time, people, rules, today, free)
        rows.sticky[free[keeps]] = True
        rows.reason[free[keeps]] = SkipReason.NONE
        free, in_time = free[~keeps], in_time[~keeps]
        free = free[~_still_skipped(rows, in_time, people, rules, free)]
    following = rows.followup[free]
    ahead = rows.ideal[free] >= np.where(following, today + 1, today)
    _place_ahead(rows, free[ahead], people, rules)
    late = free[~ahead & (rows.deadline[free] < today)]
    known = _miss(rows, late, found)
    in_time = ~ahead & (rows.deadline[free] >= today)
    _catch_up(rows, free[in_time & ~following], people, rules, today, codes)
    _go_tomorrow(rows, free[in_time & following], people, rules, today)
    return rows if known.all() else rows.take(known)


def keep_history(stored: Stored, owner: Index, known: Bools, today: int) -> Rows:
    """Rule 1: settled rows of past events, which stay whatever becomes of their contact or cause.

    Settled follow-ups stay whatever their event: the email they answer is soon forgotten.
    `owner`: index of each stored row's contact; `known`: stored rows already carried.
    """
    stays = is_followup(stored.key) | (event_of(stored.key) <= today)
    settled = (stored.reason != SkipReason.NONE) & (stored.send < today)
    which = np.flatnonzero(settled & stays & ~known)
    kept, some = stored.take(which), len(which)
    return Rows(
        key=kept.key,
        who=owner[which],
        ideal=kept.ideal,
        deadline=kept.ideal,
        priority=kept.priority,
        lawful=np.ones(some, bool),
        send=kept.send,
        reason=kept.reason,
        pinned=kept.pinned,
        sticky=np.ones(some, bool),
        final=np.ones(some, bool),
        fresh=np.zeros(some, bool),
        tier=kept.tier,
    )


def chance(people: People, who: Index, key: Keys, codes: Hashes) -> Hashes:
    """The number by which an email is placed and ranked."""
    return choice(people.seed[who], codes_of(key, codes), event_of(key))


def _carried(wanted: Wanted, stored: Stored, found: Bools, at: Index, today: int) -> Rows:
    """Rows as stored where they are stored; those not stored have no send day yet."""
    size = len(wanted)
    send = np.full(size, NO_DAY, np.int32)
    reason = np.zeros(size, np.uint8)
    pinned = np.zeros(size, bool)
    ideal, priority, tier = wanted.ideal.copy(), wanted.priority.copy(), wanted.tier.copy()
    if len(stored):
        rows, at = np.flatnonzero(found), at[found]
        send[rows], reason[rows] = stored.send[at], stored.reason[at]
        pinned[rows] = stored.pinned[at] & (send[rows] >= today)
    # A campaign that is held up may go on: its skips are never final, those of its follow-ups are.
    settles = (reason != SkipReason.CAMPAIGN_INACTIVE) | is_followup(wanted.key)
    final = (reason != SkipReason.NONE) & settles & (send < today) & (send != NO_DAY)
    if final.any():
        settled = final[rows]
        ideal[rows[settled]] = stored.ideal[at[settled]]
        priority[rows[settled]] = stored.priority[at[settled]]
        pinned[rows[settled]] = stored.pinned[at[settled]]
        tier[rows[settled]] = stored.tier[at[settled]]
    return Rows(
        key=wanted.key,
        who=wanted.who,
        ideal=ideal,
        deadline=wanted.deadline,
        priority=priority,
        lawful=wanted.lawful,
        send=send,
        reason=reason,
        pinned=pinned,
        sticky=final.copy(),
        final=final,
        fresh=np.zeros(size, bool),
        tier=tier,
    )


def _reasons(rows: Rows, people: People, rules: Rules, which: Index, day: Days) -> Days:
    reasons = rules.windows.reasons(people, rows.who[which], day)
    return np.where(rows.lawful[which], reasons, SkipReason.NONE).astype(np.uint8)


def _keep_pinned(rows: Rows, wanted: Wanted, pinned: Bools, people: People, rules: Rules) -> None:
    """Rule 2: moved by hand, only checked against windows and a campaign that is held up."""
    which = np.flatnonzero(pinned)
    reasons = _reasons(rows, people, rules, which, rows.send[which])
    held_up = wanted.held_up[which] & (reasons == SkipReason.NONE)
    rows.reason[which] = np.where(held_up, SkipReason.CAMPAIGN_INACTIVE, reasons)
    rows.sticky[which] = True


def _in_time(rows: Rows, stored: Stored, found: Bools, at: Index, today: int, which: Index) -> Bools:
    """Stored with the same ideal day, on a day that is neither past nor after the deadline."""
    send = rows.send[which]
    same = found[which] & (stored.ideal[at[which]] == rows.ideal[which])
    return same & (send >= today) & (send <= rows.deadline[which])


def _still_valid(rows: Rows, in_time: Bools, people: People, rules: Rules, today: int, which: Index) -> Bools:
    """Rule 4: rows that keep the day they were stored with."""
    send, reason = rows.send[which], rows.reason[which]
    by_choice = (reason == SkipReason.FREQUENCY_LIMIT) | (reason == SkipReason.CAMPAIGN_CONFLICT)
    keeps = in_time & ((reason == SkipReason.NONE) | by_choice)
    moved = np.flatnonzero(keeps & (send != rows.ideal[which]))
    keeps[moved] = _reasons(rows, people, rules, which[moved], send[moved]) == SkipReason.NONE
    return keeps & ~rules.blacked_out(np.where(keeps, send, today))


def _still_skipped(rows: Rows, in_time: Bools, people: People, rules: Rules, which: Index) -> Bools:
    """Rule 4, last sentence: skips of an earlier catch-up whose window still stands."""
    send, reason = rows.send[which], rows.reason[which]
    skipped = in_time & (reason != SkipReason.NONE) & (reason <= LAST_EXCLUSION)
    asked = np.flatnonzero(skipped)
    found_now = _reasons(rows, people, rules, which[asked], send[asked])
    rows.reason[which[asked]] = found_now
    skipped[asked] = found_now != SkipReason.NONE
    return skipped


def _place_ahead(rows: Rows, which: Index, people: People, rules: Rules) -> None:
    """Rule 5: the ideal day, or the first open one after it where it is blacked out."""
    rows.reason[which] = SkipReason.NONE
    rows.send[which] = rows.ideal[which]
    rows.fresh[which] = True
    dark = which[rules.blacked_out(rows.ideal[which])]
    while len(dark):
        rows.send[dark] += 1
        late = rows.send[dark] > rows.deadline[dark]
        missed = dark[late]
        rows.send[missed] = rows.ideal[missed]
        rows.reason[missed] = SkipReason.MISSED
        rows.fresh[missed] = False
        dark = dark[~late]
        closed = rules.blacked_out(rows.send[dark])
        closed |= _reasons(rows, people, rules, dark, rows.send[dark]) != SkipReason.NONE
        dark = dark[closed]


def _miss(rows: Rows, which: Index, found: Bools) -> Bools:
    """Past its deadline. Returns the rows to keep: stored ones, and targets of campaigns in any case."""
    campaign = (rows.kind[which] >= FIRST_CAMPAIGN) & ~rows.followup[which]
    new = which[campaign & ~found[which]]
    rows.send[new] = rows.ideal[new]
    rows.reason[which] = SkipReason.MISSED
    known = np.ones(len(rows), bool)
    known[which] = campaign | found[which]
    return known


def _catch_up(rows: Rows, which: Index, people: People, rules: Rules, today: int, codes: Hashes) -> None:
    """Rule 6: an open day of the coming ones for what is late."""
    if len(which) == 0:
        return
    day = today + np.arange(1, rules.catch_up_days + 1, dtype=np.int32)
    open_ = np.zeros((len(which), len(day)), bool)
    for column, value in enumerate(day):
        in_time = np.flatnonzero(value <= rows.deadline[which])
        open_[in_time, column] = _open(rows, people, rules, which[in_time], int(value))
    count = open_.sum(axis=1)
    some = np.flatnonzero(count)
    hashes = chance(people, rows.who[which[some]], rows.key[which[some]], codes)
    nth = (hashes % count[some].astype(np.uint64)).astype(np.int64)
    rows.send[which[some]] = day[_nth_true(open_[some], nth)]
    rows.reason[which[some]] = SkipReason.NONE

    rest = which[count == 0]
    now = _open(rows, people, rules, rest, today)
    rows.send[rest[now]] = today
    rows.reason[rest[now]] = SkipReason.NONE
    rest = rest[~now]
    first = np.where(rows.deadline[rest] > today, today + 1, today).astype(np.int32)
    blame = _reasons(rows, people, rules, rest, first)
    rows.reason[rest] = np.where(blame != SkipReason.NONE, blame, SkipReason.MISSED)
    rows.send[rest] = np.where(blame != SkipReason.NONE, first, rows.ideal[rest])


def _go_tomorrow(rows: Rows, which: Index, people: People, rules: Rules, today: int) -> None:
    """Late follow-ups go on the next day that is not blacked out, or not at all."""
    day = np.full(len(which), today + 1, np.int32)
    while (dark := rules.blacked_out(day) & (day <= rows.deadline[which])).any():
        day[dark] += 1
    late = day > rows.deadline[which]
    rows.send[which] = np.where(late, rows.ideal[which], day)
    rows.reason[which] = np.where(late, SkipReason.MISSED, _reasons(rows, people, rules, which, day))


def _open(rows: Rows, people: People, rules: Rules, which: Index, day: int) -> Bools:
    """Rows for which `day` is neither excluded nor blacked out."""
    days = np.full(len(which), day, np.int32)
    if rules.blacked_out(days[:1]).any():
        return np.zeros(len(which), bool)
    return _reasons(rows, people, rules, which, days) == SkipReason.NONE


def _nth_true(table: Bools, nth: Index) -> Index:
    """The column of the nth (from 0) true value of each row; each row has more than nth of them."""
    return np.argmax(table.cumsum(axis=1) > nth[:, None], axis=1)
