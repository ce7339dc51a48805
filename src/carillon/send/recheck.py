"""The last check before an email leaves: its contact's windows and frequency limit, once more.

The planner kept both when it chose the day. What came since (a corrected birth date, another email that was
delayed) is only seen here. Everything that can change in the last second (suppression, pauses) is asked
again by the statement that writes the intent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carillon.columns import Bools, Index, People
from carillon.limits import would_exceed
from carillon.windows import Reasons, Windows


@dataclass(frozen=True)
class Letters:
    """Emails about to leave, arrays of shape (n,): index of the contact, whether windows bind it, whether
    the frequency limit does."""

    who: Index
    lawful: Bools
    limited: Bools


def excluded(people: People, letters: Letters, windows: Windows, today: int) -> Reasons:
    """Why an email must not leave today, shape (n,); `SkipReason.NONE` where it may."""
    days = np.full(len(letters.who), today, np.int32)
    reasons = windows.reasons(people, letters.who, days)
    return np.where(letters.lawful, reasons, 0).astype(np.uint8)


def too_many(
    letters: Letters, sent_to: Index, sent_on: np.ndarray, today: int, limit: int, period_days: int
) -> Bools:
    """Emails that would be one more than the limit, counting only what has been sent, shape (n,).

    `sent_to`, `sent_on`: index of the contact and day of each email sent lately. Of several emails to one
    contact in `letters`, each is judged as if the ones before it had been sent.
    """
    result = np.zeros(len(letters.who), bool)
    history: dict[int, list[int]] = {}
    for who, day in zip(sent_to.tolist(), sent_on.tolist(), strict=True):
        history.setdefault(who, []).append(day)
    for at in np.flatnonzero(letters.limited).tolist():
        days = history.setdefault(int(letters.who[at]), [])
        if len(days) >= limit:
            others = np.array([days], np.int32)
            result[at] = would_exceed(others, np.array([today], np.int32), limit, period_days)[0]
        if not result[at]:
            days.append(today)
    return result
