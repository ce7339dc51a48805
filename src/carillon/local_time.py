"""Times on the wall as instants: what a clock shows is sometimes not there, and sometimes there twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

import numpy as np
import numpy.typing as npt

SECOND = timedelta(seconds=1)
Moments = npt.NDArray[np.int64]
"""Milliseconds since 1970 in UTC, shape (n,)."""
MINUTE = 60_000
DAY = 24 * 60 * MINUTE
_REMEMBERED = 100_000
"""Zones and minutes whose offset is kept; since 1972 no offset changes but at a full minute."""


def instant_of(day: date, at: time, zone: tzinfo) -> datetime:
    """The instant, in UTC, at which clocks in `zone` first show `at` on `day`.

    Where they jump over it, the instant of the jump: later wall times never become earlier instants.
    """
    wall = datetime.combine(day, at, zone)
    first = wall.astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return first
    before, after = wall.replace(fold=1).astimezone(UTC), first
    new = after.astimezone(zone).utcoffset()
    while after - before > SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == new:
            after = middle
        else:
            before = middle
    return after.replace(microsecond=0)


def day_bounds(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """When a day begins and ends in `zone`, in UTC: 23, 24 or 25 hours apart, seldom something else."""
    return instant_of(day, time(0), zone), instant_of(day + timedelta(days=1), time(0), zone)


def on_the_wall(moments: Moments, zone: tzinfo) -> Moments:
    """What the clocks in `zone` show at these moments, as if it were UTC."""
    minutes, whose = np.unique(moments // MINUTE, return_inverse=True)
    return moments + np.array([_offset(zone, one) for one in minutes.tolist()], np.int64)[whose]


@lru_cache(_REMEMBERED)
def _offset(zone: tzinfo, minute: int) -> int:
    offset = datetime.fromtimestamp(minute * 60, UTC).astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds() * 1000)
