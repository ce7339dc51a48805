"""A human-looking day: the moments at which one mailbox may send (02-pace §2).

Pure: the same account, date, shape and number give the same day, so a day can be seen before it happens.
A slot takes `min_gap_seconds`, and slots never overlap: that is how the gap is kept, within a period and
from one to the next. All is reckoned in seconds of real time, so that a night in which clocks are changed
has no slot that is not there and none that is there twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

import numpy as np
import numpy.typing as npt

from carillon.columns import Index
from carillon.local_time import instant_of
from carillon.splitmix import splitmix64
from carillon.words import Activity

MIDNIGHT = time(0)
"""As the end of a period: that of the day."""
_UNSIGNED = (1 << 64) - 1


@dataclass(frozen=True)
class Period:
    """A part of the day, in local time; the end is not part of it."""

    activity: Activity
    begin: time
    end: time


@dataclass(frozen=True)
class DayShape:
    """What the days of an account look like."""

    periods: tuple[Period, ...] = (
        Period(Activity.PEAK, time(9), time(11)),
        Period(Activity.NORMAL, time(11), time(12)),
        Period(Activity.LOW, time(12), time(14)),
        Period(Activity.PEAK, time(14), time(16)),
        Period(Activity.NORMAL, time(16), time(18)),
    )
    """In order; they do not overlap, and what lies between them is no time to send."""
    weights: tuple[tuple[Activity, int], ...] = (
        (Activity.PEAK, 60),
        (Activity.NORMAL, 30),
        (Activity.LOW, 10),
    )
    """Of a day's emails, how many fall to each activity, in proportion."""
    weekdays: frozenset[int] = frozenset(range(5))
    """Working days: 0 is Monday."""
    min_gap_seconds: int = 45
    jitter_seconds: tuple[int, ...] = (180, 30)
    """By how much a moment is shifted at most, one after the other."""


@dataclass(frozen=True)
class Slot:
    """One moment for one email."""

    at: datetime
    """UTC, whole seconds."""
    activity: Activity


def slots(
    account: int,
    day: date,
    zone: tzinfo,
    number: int,
    shape: DayShape,
    is_holiday: Callable[[date], bool],
) -> list[Slot]:
    """The slots of an account on a local day, ascending: `number` of them, or as many as there is room for.

    On a day off there are none.
    """
    if day.weekday() not in shape.weekdays or is_holiday(day):
        return []
    spans = [(instant_of(day, one.begin, zone), _end(day, one, zone)) for one in shape.periods]
    seconds = [max(0, int((end - begin).total_seconds())) for begin, end in spans]
    room = [length // shape.min_gap_seconds for length in seconds]
    found = []
    for place, count in enumerate(shares(number, shape, seconds, room)):
        offsets = _spread(_seed(account, day, place), seconds[place], count, shape)
        begin, activity = spans[place][0], shape.periods[place].activity
        found += [Slot(begin + timedelta(seconds=int(offset)), activity) for offset in offsets]
    return found


def shares(number: int, shape: DayShape, seconds: Sequence[int], room: Sequence[int]) -> list[int]:
    """How many slots each period gets: by weight to each activity, and there by length.

    Exact by largest remainder. What a full period cannot take goes to those that have room, in the same
    proportion.
    """
    counts, left = [0] * len(room), min(number, sum(room))
    while left:
        open_ = [place for place in range(len(room)) if counts[place] < room[place]]
        alive = {shape.periods[place].activity for place in open_}
        weights = [(one, weight) for one, weight in shape.weights if one in alive]
        if not any(weight for _, weight in weights):
            weights = [(one, 1) for one, _ in weights]
        for (activity, _), many in zip(weights, apportion(left, [w for _, w in weights]), strict=True):
            mine = [place for place in open_ if shape.periods[place].activity == activity]
            for place, some in zip(mine, apportion(many, [seconds[one] for one in mine]), strict=True):
                taken = min(some, room[place] - counts[place])
                counts[place] += taken
                left -= taken
    return counts


def apportion(number: int, weights: Sequence[int]) -> list[int]:
    """`number` dealt out in proportion to `weights`, of which one at least is not 0 (largest remainder)."""
    total = sum(weights)
    counts = [number * weight // total for weight in weights]
    rests = [(-(number * weight % total), place) for place, weight in enumerate(weights)]
    for _, place in sorted(rests)[: number - sum(counts)]:
        counts[place] += 1
    return counts


def _end(day: date, period: Period, zone: tzinfo) -> datetime:
    return instant_of(day + timedelta(days=period.end == MIDNIGHT), period.end, zone)


def _spread(seed: int, seconds: int, number: int, shape: DayShape) -> Index:
    """Seconds from the beginning of a period: at random, shifted at random, then moved apart again."""
    gap = shape.min_gap_seconds
    turns = np.arange(number, dtype=np.int64) * gap
    at = np.sort(_below(seed, number, seconds - number * gap)) + turns
    for turn, most in enumerate(shape.jitter_seconds, start=1):
        at += _below(seed + turn, number, 2 * most) - most
    at = np.clip(np.sort(at), 0, None)
    # Apart: whoever is too near the one before moves later, then whoever is too late moves earlier.
    at = np.maximum.accumulate(at - turns) + turns
    last = seconds - gap - turns[::-1]
    return np.minimum(at, last)


def _below(seed: int, number: int, most: int) -> Index:
    """Whole numbers from 0 to `most`, at random."""
    start = (seed << 32) & _UNSIGNED
    keys = np.uint64(start) + np.arange(number, dtype=np.uint64)
    drawn: npt.NDArray[np.uint64] = splitmix64(splitmix64(keys)) % np.uint64(most + 1)
    return drawn.astype(np.int64)


def _seed(account: int, day: date, place: int) -> int:
    key = (account * 1_000_003 + day.toordinal()) & _UNSIGNED
    return int(splitmix64(np.array([key], np.uint64))[0]) ^ (place << 8)
