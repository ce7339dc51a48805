"""Day numbers and anniversaries against `datetime`, for every day there is."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from carillon.days import (
    FIRST_YEAR,
    LAST_YEAR,
    NO_DAY,
    anniversary,
    as_days,
    code_of,
    date_of,
    day_number,
    month_start,
    split,
    year_of,
)

FIRST, LAST = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)
ALL = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
NUMBERS = np.array([(one - date(1970, 1, 1)).days for one in ALL], np.int32)


def in_year(origin: date, year: int) -> date:
    try:
        return origin.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def test_numbers_and_dates_agree() -> None:
    """There and back, for every day of 271 years."""
    assert [day_number(one) for one in ALL] == NUMBERS.tolist()
    assert [date_of(int(one)) for one in NUMBERS] == ALL


def test_years_and_codes_of_every_day() -> None:
    codes, years = split(NUMBERS)
    assert years.tolist() == [one.year for one in ALL]
    assert year_of(NUMBERS).tolist() == [one.year for one in ALL]
    assert codes.tolist() == [one.month * 32 + one.day for one in ALL]
    assert month_start(codes).tolist() == [one.month * 32 + 1 for one in ALL]


def test_no_date_has_no_code_and_no_anniversary() -> None:
    codes, years = split(np.array([NO_DAY, 0], np.int32))
    assert codes.tolist() == [0, code_of(1, 1)]
    assert years.tolist() == [0, 1970]
    assert month_start(codes).tolist() == [0, code_of(1, 1)]
    assert anniversary(codes, 2024).tolist() == [NO_DAY, day_number(date(2024, 1, 1))]


@pytest.mark.parametrize("year", [*range(1990, 2061), 1850, 1900, 2000, 2100, 2120, 2196])
def test_anniversaries_of_every_day_in_a_year(year: int) -> None:
    """29 February is 28 February in other years, and itself in leap years."""
    leap_year = [date(2024, 1, 1) + timedelta(days=n) for n in range(366)]
    codes = np.array([code_of(one.month, one.day) for one in leap_year], np.uint16)
    expected = [day_number(in_year(one, year)) for one in leap_year]
    assert anniversary(codes, year).tolist() == expected
    each = np.full(len(codes), year, np.int16)
    assert anniversary(codes, each).tolist() == expected


def test_as_days_sorts_and_drops_repetitions() -> None:
    assert as_days([date(1970, 1, 3), date(1970, 1, 1), date(1970, 1, 3)]).tolist() == [0, 2]
    assert as_days([]).tolist() == []
