"""The frequency limit (how many emails one contact may get in any run of consecutive days) and quiet hours.

The planner and the check right before sending ask this module. Shapes as in `windows`: one contact
is a frame of one row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

import numpy as np
import numpy.typing as npt

from carillon.columns import Bools
from carillon.days import Days
from carillon.local_time import instant_of

FOLLOWUP_GRACE_DAYS = 10
"""Days after its own day on which a follow-up may still go (01-plan §9)."""
NO_CAP = 1_000_000_000
"""A daily cap that no day reaches; multiplied by every threshold there can be it still fits into 64 bits."""


def would_exceed(others: npt.NDArray[np.int32], day: Days, limit: int, period_days: int) -> Bools:
    """Whether one more email on `day` makes more than `limit` in some `period_days` consecutive days.

    `others` has shape (n, w): the days of each contact's other emails, padded with `days.FAR` or
    `days.NO_DAY`; `day` has shape (n,). It is enough to look at the runs of days that begin with one
    of the emails: a fuller run could always be moved to begin with its first.
    """
    result = np.zeros(len(day), bool)
    new = day[:, None]
    near = (np.abs(others - new) < period_days).sum(axis=1) >= limit
    if not near.any():
        return result
    some = np.flatnonzero(near)
    others, new = others[some], new[some]
    over = np.zeros(len(some), bool)
    for begin in np.concatenate([others, new], axis=1).T:
        holds_new = (begin <= new[:, 0]) & (new[:, 0] < begin + period_days)
        count = ((others >= begin[:, None]) & (others < begin[:, None] + period_days)).sum(axis=1)
        over |= holds_new & (count >= limit)
    result[some] = over
    return result


@dataclass(frozen=True)
class QuietHours:
    """Hours of the day in which nobody is written to, by the recipient's clock; they may go over midnight."""

    begin: time
    end: time

    @classmethod
    def of(cls, text: str) -> QuietHours:
        """As the setting is written: `21:00-08:00`."""
        begin, _, end = text.partition("-")
        return cls(time.fromisoformat(begin), time.fromisoformat(end))

    def at(self, now: datetime, zone: tzinfo) -> tuple[bool, datetime]:
        """Whether it is quiet at a moment in a zone, and when (UTC) that changes."""
        today = now.astimezone(zone).date()
        nights = timedelta(days=self.end <= self.begin)
        for day in (today - timedelta(days=1), today):
            begin = instant_of(day, self.begin, zone)
            end = instant_of(day + nights, self.end, zone)
            if now < begin:
                return False, begin
            if now < end:
                return True, end
        return False, instant_of(today + timedelta(days=1), self.begin, zone)
