"""Dates as people and spreadsheets write them.

What belongs here: reading a date, and saying why one cannot be read. Nothing is guessed: slash dates are
month first unless the caller says otherwise, and one that is impossible that way is a fault of its row,
not a reason to read the others differently. A date that cannot be read is kept as it was written,
so that it can be found and put right in the database too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Literal

import polars as pl

DateOrder = Literal["mdy", "dmy"]
Century = Callable[[int, int, int], int]
"""(two-digit year, month, day) -> the whole year."""

FIRST, LAST = date(1850, 1, 1), date(2120, 12, 31)

_EXCEL_EPOCH = date(1899, 12, 30)
_TIME = r"(?:[t ]+\d{1,2}:\d{2}.*)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){_TIME}", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_SLASHES = re.compile(rf"(\d{{1,2}})[/-](\d{{1,2}})[/-](\d{{4}}|\d{{2}}){_TIME}", re.ASCII)
_DOTS = re.compile(rf"(\d{{1,2}})\. ?(\d{{1,2}})\. ?(\d{{4}}|\d{{2}}){_TIME}", re.ASCII)
_MONTH_FIRST = re.compile(r"([a-z]{3,9})[. -]+(\d{1,2})(?:st|nd|rd|th)?[, -]+(\d{4}|\d{2})", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[. -]+([a-z]{3,9})[., -]+(\d{4}|\d{2})", re.ASCII)
_SERIAL = re.compile(r"(\d{5})(?:\.\d+)?", re.ASCII)
_USUAL_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_USUAL_SLASHES = r"^[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}$"
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip


class DateFault(ValueError):
    """Why a text is no date; the text of the error is for the report."""


def never_future(today: date) -> Century:
    """A birth date "5/1/43" is of 1943 until 2043."""

    def century(year: int, month: int, day: int) -> int:
        recent = today.year - today.year % 100 + year
        return recent if (recent, month, day) <= (today.year, today.month, today.day) else recent - 100

    return century


def nearest(today: date) -> Century:
    """A policy's "5/1/43" lies between 80 years ago and 20 years ahead."""

    def century(year: int, month: int, day: int) -> int:
        latest = (today.year + 20, today.month, today.day)
        recent = latest[0] - latest[0] % 100 + year
        return recent if (recent, month, day) <= latest else recent - 100

    return century


def read_date(text: str, order: DateOrder, century: Century) -> date:
    """The date a text says, or DateFault."""
    text = text.strip().lower()
    if found := _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text):
        year, month, day = (int(part) for part in found.groups())
    elif found := _SLASHES.fullmatch(text):
        month, day = int(found[1]), int(found[2])
        if order == "dmy":
            month, day = day, month
        year = _year(found[3], month, day, century)
        if month > 12 >= day:
            other = "dmy" if order == "mdy" else "mdy"
            raise DateFault(
                f"there is no month {month}; for day and month the other way: --date-order {other}"
            )
    elif found := _DOTS.fullmatch(text):
        day, month = int(found[1]), int(found[2])
        year = _year(found[3], month, day, century)
    elif found := _MONTH_FIRST.fullmatch(text):
        month, day = _month(found[1]), int(found[2])
        year = _year(found[3], month, day, century)
    elif found := _DAY_FIRST.fullmatch(text):
        day, month = int(found[1]), _month(found[2])
        year = _year(found[3], month, day, century)
    elif found := _SERIAL.fullmatch(text):
        return _in_range(_EXCEL_EPOCH + timedelta(days=int(found[1])))
    else:
        raise DateFault("not a date; write it as 1980-01-31")
    try:
        return _in_range(date(year, month, day))
    except ValueError as error:
        if isinstance(error, DateFault):
            raise
        raise DateFault("there is no such day in the calendar") from None


def _year(text: str, month: int, day: int, century: Century) -> int:
    return int(text) if len(text) == 4 else century(int(text), month, day)


def _month(name: str) -> int:
    for number, month in enumerate(_MONTHS, 1):
        if month.startswith(name):
            return number
    raise DateFault(f'there is no month "{name}"')


def _in_range(day: date) -> date:
    if not FIRST <= day <= LAST:
        raise DateFault(f"the year {day.year} is outside {FIRST.year} to {LAST.year}")
    return day


class DateColumn:
    """Reads one date column, batch after batch.

    The two usual forms are read as columns; every other text once, however often it occurs.
    """

    def __init__(self, order: DateOrder, century: Century) -> None:
        self._order: DateOrder = order
        self._century = century

    def read(self, texts: pl.Series) -> tuple[pl.Series, dict[str, str]]:
        """The texts with every readable date in ISO form, and the fault of each that is none."""
        slashes = "%m/%d/%Y" if self._order == "mdy" else "%d/%m/%Y"
        text = pl.col("text")
        usual = pl.coalesce(
            pl.when(text.str.contains(_USUAL_ISO)).then(text).str.to_date("%Y-%m-%d", strict=False),
            pl.when(text.str.contains(_USUAL_SLASHES)).then(text).str.to_date(slashes, strict=False),
        )
        read = (
            texts.alias("text")
            .to_frame()
            .select(text, day=pl.when(usual.is_between(FIRST, LAST)).then(usual))
        )
        odd = read.filter(pl.col("day").is_null() & text.is_not_null())["text"].unique()
        faults: dict[str, str] = {}
        iso: dict[str, str] = {}
        for each in odd:
            try:
                iso[each] = read_date(each, self._order, self._century).isoformat()
            except DateFault as fault:
                faults[each] = str(fault)
        days = read["day"].dt.to_string("%Y-%m-%d")
        unusual = read["text"].replace(list(iso), list(iso.values())) if iso else read["text"]
        return days.fill_null(unusual).alias(texts.name), faults
