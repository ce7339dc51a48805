"""Days of moments: on which calendar day of the workspace something happened."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from carillon.days import NO_DAY, Days, day_number


def days_of(moments: pl.Series, zone: ZoneInfo) -> Days:
    """Day numbers of moments in ISO form (UTC where they name no zone); `NO_DAY` for all else.

    An import gives thousands of contacts the same moment, so each is worked out once.
    """
    if len(moments) == 0:
        return np.zeros(0, np.int32)
    distinct = moments.unique()
    days = pl.Series([_day(text, zone) for text in distinct.to_list()], dtype=pl.Int32)
    return moments.replace_strict(distinct, days).to_numpy().astype(np.int32)


def _day(text: str, zone: ZoneInfo) -> int:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return day_number(moment.astimezone(zone).date())
    except (ValueError, OverflowError):
        return NO_DAY
