"""The exclusion windows of one contact, as spans of dates with words for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from carillon.columns import People
from carillon.days import FAR, NO_DAY, date_of
from carillon.settings import Settings, Window
from carillon.windows import Windows
from carillon.words import SkipReason
from carillon.zips import STATES


@dataclass(frozen=True)
class Span:
    """Days on which nothing may go to a contact; without a `last` one it never ends."""

    first: date
    last: date | None
    reason: str
    words: str
    """By which rule."""


class Calendar:
    """Asks the windows about one contact: `people` is a frame of one row. Days are day numbers."""

    def __init__(self, people: People, windows: Windows, settings: Settings) -> None:
        self._people, self._windows = people, windows
        self._rules = settings.state_rules
        self._extension = settings.timing_constants.pre_window_exclusion_days
        index = int(people.state[0])
        self.state = STATES[index - 1] if index else ""

    def spans(self, first: int, last: int) -> list[Span]:
        """What excludes some of the days from `first` to `last`, ascending."""
        days = np.arange(first, last + 1, dtype=np.int32)
        who = np.zeros(len(days), np.int64)
        reasons = self._windows.reasons(self._people, who, days)
        if (reasons == SkipReason.YEAR_ROUND_EXCLUSION).all():
            return [self._endless(first, SkipReason.YEAR_ROUND_EXCLUSION)]
        found = []
        for reason, (start, end) in self._windows.by_kind(self._people, who, days).items():
            held = start != FAR
            for begin, stop in sorted(set(zip(start[held].tolist(), end[held].tolist(), strict=True))):
                found.append(Span(date_of(begin), date_of(stop), reason.word, self._words(reason)))
        old = np.flatnonzero(reasons == SkipReason.AGE_EXCLUSION)
        if len(old):
            found.append(self._endless(int(days[old[0]]), SkipReason.AGE_EXCLUSION))
        return sorted(found, key=lambda span: span.first)

    def blame(self, day: int, reason: SkipReason) -> Span | None:
        """What excludes `day` for this reason; None where nothing does any more."""
        one, who = np.array([day], np.int32), np.zeros(1, np.int64)
        if reason in (SkipReason.YEAR_ROUND_EXCLUSION, SkipReason.AGE_EXCLUSION):
            holds = self._windows.reasons(self._people, who, one)[0] == reason
            return self._endless(day, reason) if holds else None
        start, end = self._windows.by_kind(self._people, who, one)[reason]
        if end[0] == NO_DAY:
            return None
        return Span(date_of(int(start[0])), date_of(int(end[0])), reason.word, self._words(reason))

    def open_after(self, day: int) -> int | None:
        """The first day after the windows that hold `day`; None where none follows."""
        free = self._windows.open_after(self._people, np.zeros(1, np.int64), np.array([day], np.int32))
        return None if free[0] == FAR else int(free[0])

    def _endless(self, first: int, reason: SkipReason) -> Span:
        return Span(date_of(first), None, reason.word, self._words(reason))

    def _words(self, reason: SkipReason) -> str:
        state = self.state
        if reason == SkipReason.YEAR_ROUND_EXCLUSION:
            return f"{state} allows no mail the whole year"
        if reason == SkipReason.AGE_EXCLUSION:
            return f"{state} allows no mail from the age of {self._rules.age_exclusion[state]} on"
        if reason == SkipReason.BIRTHDAY_WINDOW:
            window = self._rules.birthday_windows[state]
            anchor = "the first day of the birthday's month" if window.use_month_start else "the birthday"
            return f"birthday window of {state}: {self._reach(window)} {anchor}"
        window = self._rules.effective_date_windows[state]
        return f"effective-date window of {state}: {self._reach(window)} the anniversary"

    def _reach(self, window: Window) -> str:
        own = window.pre_window_extension_days
        before = window.window_before_days + (self._extension if own is None else own)
        return f"{before} days before to {window.window_after_days} days after"
