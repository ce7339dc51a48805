"""When a delay ends: minutes and hours go by, days and working days are those of the contact's calendar.

Pure. Moments are milliseconds since 1970 in UTC, arrays of shape (n,). A delay counts from the moment the
step before it happened, so that lateness does not add up.

A day more keeps the time on the clock; for times that are not there or there twice see `local_time`. A
working day counts from the last one before: one working day after a Saturday is Monday. With a time of day
and no days it is the next such time, today or on the next (working) day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from functools import cache, lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from carillon.columns import Index
from carillon.local_time import DAY, MINUTE, Moments, instant_of, on_the_wall
from carillon.sequences import DelaySettings, SequenceSettings
from carillon.settings_checks import WEEKDAYS
from carillon.words import DelayUnit

_REMEMBERED = 100_000
"""Zones and minutes of which it is kept when they are."""
_FIXED = {DelayUnit.MINUTES: MINUTE, DelayUnit.HOURS: 60 * MINUTE}
_YEARS_AHEAD = 3
_EPOCH = datetime(1970, 1, 1)


def ends(
    base: Moments, delay: DelaySettings, zone: Index, zones: Sequence[ZoneInfo], settings: SequenceSettings
) -> Moments:
    """When delays that count from `base` end. `zone`: the place of each contact's among `zones`."""
    if delay.unit in _FIXED:
        return base + delay.amount * _FIXED[delay.unit]
    found = base.copy()
    for place in np.unique(zone).tolist():
        mine = np.flatnonzero(zone == place)
        found[mine] = _in_zone(base[mine], delay, zones[place], settings)
    return found


def day_in(zone: ZoneInfo, moments: Moments) -> Moments:
    """The calendar day, since 1970-01-01, that it is there at these moments."""
    return on_the_wall(moments, zone) // DAY


def on_day(zone: ZoneInfo, moments: Moments, days: Moments) -> Moments:
    """The same times of day there, on other days."""
    return _utc(days * DAY + on_the_wall(moments, zone) % DAY, zone)


def _in_zone(base: Moments, delay: DelaySettings, zone: ZoneInfo, settings: SequenceSettings) -> Moments:
    local = on_the_wall(base, zone)
    clock = local % DAY if delay.at is None else np.full(len(base), _since_midnight(delay.at))
    working = delay.unit == DelayUnit.WORKING_DAYS
    day = _later(local // DAY, delay.amount, settings if working else None)
    found = _utc(day * DAY + clock, zone)
    # Only a delay of no days has a time that is over.
    over = found < base
    if over.any():
        next_day = _later(day[over], 1, settings if working else None)
        found[over] = _utc(next_day * DAY + clock[over], zone)
    return np.maximum(found, base)


def _later(day: Moments, amount: int, settings: SequenceSettings | None) -> Moments:
    """So many days later, or working days where there are settings that say which those are."""
    if settings is None or not len(day):
        return day + amount
    last = int(day.max()) // 365 + 1970 + _YEARS_AHEAD
    first = int(day.min()) // 366 + 1970 - 1
    calendar = _calendar(settings.working_days, settings.holidays, first, last)
    roll: Literal["backward", "forward"] = "backward" if amount else "forward"
    moved = np.busday_offset(day.astype("datetime64[D]"), amount, roll, busdaycal=calendar)
    return np.asarray(moved).astype(np.int64)


@cache
def _calendar(working: tuple[str, ...], country: str | None, first: int, last: int) -> np.busdaycalendar:
    off: list[np.datetime64] = []
    if country is not None:
        from holidays import country_holidays

        code, _, region = country.partition("-")
        found = country_holidays(code, subdiv=region or None, years=range(first, last + 1))
        off = [np.datetime64(day) for day in found]
    return np.busdaycalendar([name in working for name in WEEKDAYS], off)


def _since_midnight(at: time) -> int:
    return (at.hour * 60 + at.minute) * MINUTE + at.second * 1000


def _utc(local: Moments, zone: ZoneInfo) -> Moments:
    minutes, whose = np.unique(local // MINUTE, return_inverse=True)
    return np.array([_instant(zone, one) for one in minutes.tolist()], np.int64)[whose] + local % MINUTE


@lru_cache(_REMEMBERED)
def _instant(zone: ZoneInfo, minute: int) -> int:
    wall = _EPOCH + timedelta(minutes=minute)
    return int(instant_of(wall.date(), wall.time(), zone).timestamp() * 1000)
