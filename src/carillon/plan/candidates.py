"""Which emails people's data call for, before any rule has looked at them.

One function per source of candidates; each returns `Wanted` rows in any order. A new source is a new
function here and a new line in `engines.plan_batch`.
"""

from __future__ import annotations

import numpy as np

from carillon.columns import Bools, Index, People
from carillon.days import FAR, NO_DAY, Days, anniversary, date_of, year_of
from carillon.keys import KIND_SHIFT, Keys, contact_of, event_of, is_followup, kind_of, pack
from carillon.plan.rows import Rows, Sent, Stored, Wanted, find
from carillon.plan.rules import Rules, is_configured
from carillon.words import Kind, SkipReason

SAME_EVENT_DAYS = 180
"""An anniversary email sent within so many days of an event counts as sent for it."""


def anniversaries(people: People, rules: Rules, today: int) -> Wanted:
    """The next birthday, effective-date anniversary and AEP date of everyone eligible."""
    year = date_of(today).year
    parts = []
    who = np.flatnonzero(people.eligible & (people.birth_code != 0))
    codes = people.birth_code[who]
    event = anniversary(codes, year)
    event = np.where(event > today, event, anniversary(codes, year + 1))
    parts.append(_wanted(people, rules, Kind.BIRTHDAY, who, event))

    who = np.flatnonzero(people.eligible & (people.effective_code != 0))
    codes = people.effective_code[who]
    event = anniversary(codes, year)
    event = np.where(event > today, event, anniversary(codes, year + 1))
    first = anniversary(codes, people.effective_year[who] + np.int16(1))
    parts.append(_wanted(people, rules, Kind.EFFECTIVE_DATE, who, np.maximum(event, first)))

    upcoming = rules.aep_days[rules.aep_days >= today]
    if len(upcoming):
        who = np.flatnonzero(people.eligible)
        parts.append(_wanted(people, rules, Kind.AEP, who, np.full(len(who), upcoming[0], np.int32)))
    return Wanted.concat(parts)


def held(people: People, stored: Stored, owner: Index, rules: Rules) -> Wanted:
    """Stored rows whose event has passed or is not the next one, as long as their cause holds.

    `owner`: for each stored row the index of its contact in `people`, shape (n,).
    """
    kind, event = kind_of(stored.key), event_of(stored.key)
    birth, effective = people.birth_code[owner], people.effective_code[owner]
    year = year_of(event)
    cause = (kind == Kind.BIRTHDAY) & (anniversary(birth, year) == event)
    later = year > people.effective_year[owner]
    cause |= (kind == Kind.EFFECTIVE_DATE) & (anniversary(effective, year) == event) & later
    cause |= (kind == Kind.AEP) & is_configured(event, rules.aep_days)
    cause &= people.eligible[owner] & ~is_followup(stored.key)
    rows = np.flatnonzero(cause)
    return Wanted.concat(
        [
            _wanted(people, rules, of, owner[rows[kind[rows] == of]], event[rows[kind[rows] == of]])
            for of in (Kind.BIRTHDAY, Kind.EFFECTIVE_DATE, Kind.AEP)
        ]
    )


def after_windows(people: People, skipped: Rows, sent: Sent, rules: Rules) -> Wanted:
    """One post-window email for each chain of windows that kept an email from being sent."""
    by_window = (skipped.reason == SkipReason.BIRTHDAY_WINDOW) | (
        skipped.reason == SkipReason.EFFECTIVE_DATE_WINDOW
    )
    by_window &= ~skipped.followup & (skipped.kind != Kind.POST_WINDOW)
    cause = skipped.take(np.flatnonzero(by_window & people.eligible[skipped.who]))
    start, end = rules.windows.around(people, cause.who, cause.send)
    still = end != NO_DAY
    cause, start = cause.take(still), start[still]
    free = rules.windows.open_after(people, cause.who, cause.send)
    due = (free != FAR) & (start > _last_sent(people, sent, Kind.POST_WINDOW)[cause.who])
    chain = _wanted(people, rules, Kind.POST_WINDOW, cause.who[due], free[due] - 1)
    _, first = np.unique(chain.key, return_index=True)
    return chain.take(first)


def not_sent_yet(wanted: Wanted, stored: Stored, sent: Sent, rules: Rules, today: int) -> Wanted:
    """Without the emails that were already sent for their event, or for the event it was before.

    Settled skips stay: they tell what happened.
    """
    if len(sent) == 0 or len(wanted) == 0:
        return wanted
    done, _ = find(wanted.key, sent.key)
    kind = np.where(is_followup(wanted.key), -1, kind_of(wanted.key))
    told = sent.take(sent.counts & (event_of(sent.key) != 0))
    moved = ~is_configured(event_of(told.key), rules.aep_days)
    personal = (kind == Kind.BIRTHDAY) | (kind == Kind.EFFECTIVE_DATE)
    for some, history in ((personal, told), (kind == Kind.AEP, told.take(moved))):
        rows = np.flatnonzero(some)
        done[rows] |= _sent_nearby(wanted.key[rows], history)
    settled = stored.take((stored.reason != SkipReason.NONE) & (stored.send < today))
    kept, _ = find(wanted.key, settled.key)
    return wanted.take(~done | kept)


def _sent_nearby(keys: Keys, sent: Sent) -> Bools:
    """Whether an email of the same contact and type was sent within `SAME_EVENT_DAYS` of the event."""
    series, sent_series = keys >> KIND_SHIFT, sent.key >> KIND_SHIFT
    low = np.searchsorted(sent_series, series, "left")
    high = np.searchsorted(sent_series, series, "right")
    event = event_of(keys)
    near = np.zeros(len(keys), bool)
    for step in range(int((high - low).max(initial=0))):
        some = np.flatnonzero(low + step < high)
        near[some] |= np.abs(sent.send[low[some] + step] - event[some]) <= SAME_EVENT_DAYS
    return near


def _last_sent(people: People, sent: Sent, kind: Kind) -> Days:
    """By person: the last day on which an email of this kind was sent; `NO_DAY` if none was."""
    last = np.full(len(people), NO_DAY, np.int32)
    some = sent.take((kind_of(sent.key) == kind) & ~is_followup(sent.key) & sent.counts)
    found, at = find(contact_of(some.key), people.id)
    np.maximum.at(last, at[found], some.send[found])
    return last


def _wanted(people: People, rules: Rules, kind: Kind, who: Index, event: Days) -> Wanted:
    event = event.astype(np.int32)
    ideal = event - np.int32(rules.days_before[kind])
    return Wanted(
        key=pack(people.id[who], int(kind), event),
        who=who,
        ideal=ideal,
        deadline=rules.deadline(event, ideal),
        priority=np.full(len(who), rules.priorities[kind]),
        lawful=np.ones(len(who), bool),
        verdict=np.zeros(len(who), np.uint8),
        held_up=np.zeros(len(who), bool),
        tier=np.zeros(len(who), np.uint8),
    )
