"""Calendar days as integers, and anniversaries by table look-up.

A day is the number of days since 1970-01-01, in arrays of int32. A month and day are packed into a
code (month * 32 + day; 0 is "no date"), so that the anniversary of any date in any year is one
look-up. 29 February is 28 February in other years (01-plan §2).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache

import numpy as np
import numpy.typing as npt

Days = npt.NDArray[np.int32]
Codes = npt.NDArray[np.uint16]
Years = npt.NDArray[np.int16]

EPOCH = date(1970, 1, 1)
NO_DAY = -1_000_000
"""Earlier than any date: an anniversary of nothing, a row without a stored day."""
FAR = 1_000_000
"""Later than any date."""

FIRST_YEAR, LAST_YEAR = 1850, 2120
"""Dates outside are data errors."""
_TABLE_FROM, _TABLE_TO = FIRST_YEAR - 5, LAST_YEAR + 150
"""Some years to spare: windows reach into the year before, an age limit a lifetime ahead."""


def day_number(value: date) -> int:
    """Days since 1970-01-01."""
    return (value - EPOCH).days


def date_of(day: int) -> date:
    """The date a day number stands for."""
    return EPOCH + timedelta(days=int(day))


def code_of(month: int, day: int) -> int:
    """Month and day in one small integer."""
    return month * 32 + day


@cache
def _anniversaries() -> npt.NDArray[np.int32]:
    first, years = _years()
    days = np.arange(first, first + len(years), dtype=np.int32)
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    month = months.astype(np.int64) % 12 + 1
    day = (days.astype("datetime64[D]") - months).astype(np.int64) + 1
    table = np.full((_TABLE_TO - _TABLE_FROM + 1, code_of(12, 31) + 1), NO_DAY, np.int32)
    table[years - _TABLE_FROM, month * 32 + day] = days
    leap_day, before = code_of(2, 29), code_of(2, 28)
    common = table[:, leap_day] == NO_DAY
    table[common, leap_day] = table[common, before]
    return table


@cache
def _years() -> tuple[int, npt.NDArray[np.int16]]:
    first = day_number(date(_TABLE_FROM, 1, 1))
    last = day_number(date(_TABLE_TO + 1, 1, 1))
    days = np.arange(first, last).astype("datetime64[D]")
    return first, (days.astype("datetime64[Y]").astype(np.int16) + np.int16(1970))


def anniversary(codes: Codes, years: Years | int) -> Days:
    """The day of each code in each year; `NO_DAY` for code 0.

    Shapes: (n,) and (n,) or a single year; the result is (n,).
    """
    return _anniversaries()[np.asarray(years, np.int32) - _TABLE_FROM, codes]


def year_of(days: Days) -> Years:
    """The calendar year of each day."""
    first, years = _years()
    return years[np.clip(days - first, 0, len(years) - 1)]


def split(days: Days) -> tuple[Codes, Years]:
    """Month-and-day codes and years of days; code 0 and year 0 for `NO_DAY`."""
    known = days != NO_DAY
    moments = np.where(known, days, 0).astype("datetime64[D]")
    months = moments.astype("datetime64[M]")
    month = months.astype(np.int64) % 12 + 1
    day = (moments - months).astype(np.int64) + 1
    years = months.astype("datetime64[Y]").astype(np.int64) + 1970
    codes = np.where(known, month * 32 + day, 0).astype(np.uint16)
    return codes, np.where(known, years, 0).astype(np.int16)


def month_start(codes: Codes) -> Codes:
    """Codes of the first day of each code's month; 0 stays 0."""
    return np.where(codes == 0, 0, (codes & ~np.uint16(31)) | np.uint16(1)).astype(np.uint16)


def as_days(values: Iterable[date]) -> Days:
    """Dates as an array of day numbers, ascending and without repetition."""
    return np.array(sorted({day_number(value) for value in values}), np.int32)
