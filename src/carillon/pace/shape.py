"""What the days of one account are like: its own figures, and where it has none those of the workspace.

Pure. Figures of an account that cannot be read, because another program stored them, are as if they were not
there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, tzinfo
from functools import lru_cache

from pydantic import ValidationError

from carillon.accounts import Account
from carillon.holiday_days import holidays_of
from carillon.pace.day import DayShape, Period, Slot, slots
from carillon.ramp import number_a_day, zone_of
from carillon.rates import SECOND, limits_of
from carillon.settings import Settings
from carillon.settings_checks import WEEKDAYS
from carillon.settings_pacing import DayPattern, clock_time, day_pattern
from carillon.words import Activity


def pattern_of(account: Account, settings: Settings) -> DayPattern:
    """An account's hours, periods, weights and working days."""
    try:
        return day_pattern(settings.pacing, account.pacing)
    except ValidationError:
        return settings.pacing


def shape_of(account: Account, settings: Settings) -> DayShape:
    """The same as `day.slots` takes it.

    The account's own limits widen the gap: with 6 emails an hour at most it is 10 minutes, so that no hour,
    wherever it begins, has more.
    """
    pattern = pattern_of(account, settings)
    hourly = -(-3600 // account.max_per_hour) if account.max_per_hour else 0
    limited = max(hourly, -(-limits_of(account).interval // SECOND))
    return DayShape(
        periods=tuple(
            Period(activity, clock_time(part.begin), clock_time(part.end)) for activity, part in pattern.parts
        ),
        weights=tuple((activity, getattr(pattern.weights, activity.value)) for activity in Activity),
        weekdays=frozenset(WEEKDAYS.index(name) for name in pattern.working_days),
        min_gap_seconds=max(pattern.min_gap_seconds, limited),
        jitter_seconds=pattern.jitter_seconds,
    )


def day_off(account: Account, settings: Settings, day: date) -> str:
    """Why nothing is sent on a day, in words; empty on a working day."""
    if day.weekday() not in shape_of(account, settings).weekdays:
        return f"{day:%A} is no working day"
    return f"it is a holiday in {account.holidays}" if holidays_of(account.holidays)(day) else ""


def day_of(account: Account, settings: Settings, day: date, warmup_day: int) -> Sequence[Slot]:
    """The slots of an account's local day, ascending."""
    return _slots(
        account.id,
        day,
        zone_of(account, settings),
        number_a_day(account, settings, warmup_day),
        shape_of(account, settings),
        account.holidays,
    )


@lru_cache(maxsize=8192)
def _slots(
    account: int, day: date, zone: tzinfo, number: int, shape: DayShape, holidays: str | None
) -> tuple[Slot, ...]:
    # Asked for every hour, to see whether a stored day is still what it would be.
    return tuple(slots(account, day, zone, number, shape, holidays_of(holidays)))
