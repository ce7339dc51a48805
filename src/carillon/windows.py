"""Exclusion windows: the days on which a state forbids marketing email. The invariant lives here.

The planner, the check right before sending and the explanations all ask this module and no other.
A window is [anchor - before - extension, anchor + after], both ends included, around the anchor of
every year (01-plan §3). It reaches at most 364 days to one side (settings see to that), so a day can
only lie in windows whose anchor is in the year before, the same year or the year after.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from carillon.columns import Bools, Index, People
from carillon.days import FAR, NO_DAY, Codes, Days, anniversary, month_start, year_of
from carillon.settings import StateRules
from carillon.words import SkipReason
from carillon.zips import STATES

Reasons = npt.NDArray[np.uint8]

MAX_CHAIN_DAYS = 730
"""Windows that follow one another for longer than this are as good as a year-round exclusion."""


@dataclass(frozen=True)
class _Spans:
    """One kind of window, by state index: days before (with the extension) and after the anchor."""

    on: Bools
    before: Days
    after: Days
    from_month_start: Bools


class Windows:
    """The state rules of one configuration, ready to be asked about many contacts at once.

    Every method takes `people` and two arrays of equal shape (n,): `who`, indices into `people`, and
    `day`, day numbers.
    """

    def __init__(self, rules: StateRules, pre_window_days: int) -> None:
        """`pre_window_days`: the extension of windows that do not bring their own."""
        size = len(STATES) + 1
        self._year_round = np.zeros(size, bool)
        self._age = np.zeros(size, np.int16)
        for state in rules.year_round_exclusion:
            self._year_round[_index(state)] = True
        for state, age in rules.age_exclusion.items():
            self._age[_index(state)] = age
        self._birthday = _empty_spans(size)
        self._effective = _empty_spans(size)
        for spans, windows in (
            (self._birthday, rules.birthday_windows),
            (self._effective, rules.effective_date_windows),
        ):
            for state, window in windows.items():
                own = window.pre_window_extension_days
                at = _index(state)
                spans.on[at] = True
                spans.before[at] = window.window_before_days + (pre_window_days if own is None else own)
                spans.after[at] = window.window_after_days
                spans.from_month_start[at] = window.use_month_start
        self._ruled = self._year_round | (self._age > 0) | self._birthday.on | self._effective.on

    def reasons(self, people: People, who: Index, day: Days) -> Reasons:
        """Why each contact may not be written to on each day; `SkipReason.NONE` where it may."""
        result = np.zeros(len(who), np.uint8)
        rows = np.flatnonzero(self._ruled[people.state[who]])
        if len(rows) == 0:
            return result
        who, day = who[rows], day[rows]
        state = people.state[who]
        found = np.zeros(len(rows), np.uint8)
        # The first reason in this order is the one named, so it is written last.
        found[self._too_old(people, who, day, state)] = SkipReason.AGE_EXCLUSION
        for spans, codes, reason in (
            (self._effective, people.effective_code, SkipReason.EFFECTIVE_DATE_WINDOW),
            (self._birthday, people.birth_code, SkipReason.BIRTHDAY_WINDOW),
        ):
            some = np.flatnonzero(spans.on[state])
            start, _ = _hold(spans, codes[who[some]], state[some], day[some])
            found[some[start != FAR]] = reason
        found[self._year_round[state]] = SkipReason.YEAR_ROUND_EXCLUSION
        result[rows] = found
        return result

    def open_after(self, people: People, who: Index, day: Days) -> Days:
        """The first day after the chain of windows that holds `day`; `FAR` where none follows.

        A day in no window is returned as it is. A year-round or age exclusion ends the search.
        """
        reached = day.copy()
        moving = np.arange(len(who))
        while len(moving):
            _, end = self.around(people, who[moving], reached[moving])
            inside = end != NO_DAY
            moving, end = moving[inside], end[inside]
            reached[moving] = end + 1
            too_late = end + 1 > day[moving] + MAX_CHAIN_DAYS
            reached[moving[too_late]] = FAR
            moving = moving[~too_late]
        found = np.flatnonzero(reached != FAR)
        shut = self.reasons(people, who[found], reached[found]) != SkipReason.NONE
        reached[found[shut]] = FAR
        return reached

    def around(self, people: People, who: Index, day: Days) -> tuple[Days, Days]:
        """Earliest start and latest end of the windows that hold each day; (`FAR`, `NO_DAY`) if none."""
        held = self.by_kind(people, who, day).values()
        return np.minimum(*(start for start, _ in held)), np.maximum(*(end for _, end in held))

    def by_kind(self, people: People, who: Index, day: Days) -> dict[SkipReason, tuple[Days, Days]]:
        """The same for each kind of window alone."""
        state = people.state[who]
        return {
            SkipReason.BIRTHDAY_WINDOW: _hold(self._birthday, people.birth_code[who], state, day),
            SkipReason.EFFECTIVE_DATE_WINDOW: _hold(self._effective, people.effective_code[who], state, day),
        }

    def lacks_anchor(self, people: People) -> Bools:
        """Contacts whose state has a window but whose date for it is unknown."""
        return (self._birthday.on[people.state] & (people.birth_code == 0)) | (
            self._effective.on[people.state] & (people.effective_code == 0)
        )

    def _too_old(self, people: People, who: Index, day: Days, state: npt.NDArray[np.uint8]) -> Bools:
        age = self._age[state]
        some = np.flatnonzero((age > 0) & (people.birth_code[who] != 0))
        result = np.zeros(len(who), bool)
        born = who[some]
        reached = anniversary(people.birth_code[born], people.birth_year[born] + age[some])
        result[some] = day[some] >= reached
        return result


def _index(state: str) -> int:
    return STATES.index(state) + 1


def _empty_spans(size: int) -> _Spans:
    return _Spans(
        np.zeros(size, bool), np.zeros(size, np.int32), np.zeros(size, np.int32), np.zeros(size, bool)
    )


def _hold(spans: _Spans, codes: Codes, state: npt.NDArray[np.uint8], day: Days) -> tuple[Days, Days]:
    start = np.full(len(day), FAR, np.int32)
    end = np.full(len(day), NO_DAY, np.int32)
    if not spans.on.any():
        return start, end
    codes = np.where(spans.on[state], codes, np.uint16(0))
    if spans.from_month_start.any():
        codes = np.where(spans.from_month_start[state], month_start(codes), codes)
    before, after = spans.before[state], spans.after[state]
    years = year_of(day)
    for shift in (-1, 0, 1):
        anchor = anniversary(codes, years + np.int16(shift))
        first, last = anchor - before, anchor + after
        inside = (first <= day) & (day <= last) & (codes != 0)
        start = np.where(inside, np.minimum(start, first), start)
        end = np.where(inside, np.maximum(end, last), end)
    return start, end
