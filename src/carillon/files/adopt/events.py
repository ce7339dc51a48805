"""Which event an email was about that does not say: the nearest one to its day plus its type's offset.

Pure functions of arrays of day numbers; `NO_DAY` is "none", in and out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from carillon.days import NO_DAY, Codes, Days, Years, anniversary, year_of

REACH = 45
"""An event further away than this many days is another one (01b)."""

Numbers = npt.NDArray[np.int64]


def nearest_anniversary(codes: Codes, first_year: Years, wanted: Days) -> Days:
    """The anniversary of each date (month-and-day code) that is nearest to a wanted day; shapes (n,).

    `first_year`: no anniversary is in an earlier year. `NO_DAY` where none is within `REACH`.
    """
    known = (wanted != NO_DAY) & (codes != 0)
    day = np.where(known, wanted, 0).astype(np.int32)
    best = np.full(len(wanted), NO_DAY, np.int32)
    year = year_of(day).astype(np.int32)
    for step in (-1, 0, 1):
        event = anniversary(codes, (year + step).astype(np.int16))
        fits = known & (year + step >= first_year) & (np.abs(event - day) <= REACH)
        best = np.where(fits & (np.abs(event - day) < np.abs(best - day)), event, best)
    return best.astype(np.int32)


def nearest_of(configured: Days, wanted: Days) -> Days:
    """The nearest of some ascending days; of two as near the earlier one."""
    return nearest_owned(owned(np.zeros(len(configured), np.int64), configured), np.int64(0), wanted)


_BITS = 20
_SHIFT = 1 << (_BITS - 1)
"""Added to a day, so that days before 1970 sort as well."""


def owned(owner: Numbers | np.int64, day: Days) -> Numbers:
    """Days of owners (numbers of 43 bits) as numbers that sort by owner, then day."""
    return (owner << np.int64(_BITS)) + day + _SHIFT


def nearest_owned(events: Numbers, owner: Numbers | np.int64, wanted: Days) -> Days:
    """For each owner the one of its own days nearest to a wanted day; of two as near the earlier one.

    `events`: ascending, made by `owned`. `NO_DAY` where none is within `REACH`.
    """
    best = np.full(len(wanted), NO_DAY, np.int32)
    if len(events) == 0:
        return best
    at = np.searchsorted(events, owned(owner, wanted))
    for step in (-1, 0):
        place = np.clip(at + step, 0, len(events) - 1)
        day = ((events[place] & ((1 << _BITS) - 1)) - _SHIFT).astype(np.int32)
        fits = (events[place] >> _BITS == owner) & (wanted != NO_DAY) & (np.abs(day - wanted) <= REACH)
        best = np.where(fits & (np.abs(day - wanted) < np.abs(best - wanted)), day, best)
    return best.astype(np.int32)
