"""Dates as stored, which are text, as day numbers: whatever else the text is has no day."""

from __future__ import annotations

import numpy as np
import polars as pl

from carillon.columns import Bools
from carillon.days import FIRST_YEAR, LAST_YEAR, NO_DAY, Days


def days_of(texts: pl.Series) -> tuple[Days, Bools]:
    """ISO dates as day numbers, `NO_DAY` where there is none or a bad one; and which are bad."""
    dates = texts.str.to_date("%Y-%m-%d", strict=False)
    years = dates.dt.year()
    fine = ((years >= FIRST_YEAR) & (years <= LAST_YEAR) & (texts.str.len_bytes() == 10)).fill_null(False)
    days = dates.to_physical().fill_null(NO_DAY).to_numpy()
    good = fine.to_numpy()
    return np.where(good, days, NO_DAY).astype(np.int32), ~good & ~blank(texts, ~good)


def blank(texts: pl.Series, asked: Bools) -> Bools:
    """Which of the rows `asked` about hold nothing but blanks."""
    rows = np.flatnonzero(asked)
    blank = np.zeros(len(texts), bool)
    blank[rows] = (texts.gather(rows).str.strip_chars() == "").to_numpy()
    return blank
