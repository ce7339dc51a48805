"""The only place that asks what time it is.

Everything that needs "now" or "today" is given a `Clock`. Leases and rate rows, which must follow
real time, ask the database instead.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """Where "now" comes from."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


def today(clock: Clock, zone: ZoneInfo) -> date:
    """The calendar date it is now in `zone`."""
    return clock.now().astimezone(zone).date()


def whole_minute(moment: datetime) -> datetime:
    """The minute that a moment lies in.

    What begins "now" begins with it: then it is due also for a command whose clock was set to the same
    moment (`--now`) and is a little behind.
    """
    return moment.replace(second=0, microsecond=0)


class SystemClock:
    """The computer's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class OffsetClock:
    """Starts at a given instant and runs on at real speed (`--now`)."""

    def __init__(self, start: datetime) -> None:
        self._start = start.astimezone(UTC)
        self._began = time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._began)


class ManualClock:
    """Stands still until moved: for simulation and tests."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move on by `by`; a clock never goes back, so a negative `by` raises ValueError."""
        if by < timedelta(0):
            raise ValueError("a clock cannot be moved back")
        self._now += by


def monotonic() -> float:
    """Seconds that only ever grow, whatever is done to the computer's clock: what deadlines are made of."""
    return time.monotonic()


class Stopwatch:
    """Seconds of real time since it was made, for reports about speed."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def seconds(self) -> float:
        return time.perf_counter() - self._began
