"""How often a job is due, as a question about the calendar: which was its last occasion?

Pure. An occasion is an aware moment in UTC; who was away over several of them has missed the last one only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Cadence(Protocol):
    """When a job is due."""

    @property
    def period(self) -> timedelta:
        """From one occasion to the next, as a rule."""

    def last(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The latest occasion that is not after `now`; `zone` is the workspace's."""


@dataclass(frozen=True)
class Daily:
    """Once a day, at a time of the workspace's zone; a time that the clocks leap over counts as if they did
    not, one that comes twice counts the first time."""

    at: time
    period = DAY

    def last(self, now: datetime, zone: ZoneInfo) -> datetime:
        day = now.astimezone(zone).date()
        today = datetime.combine(day, self.at, zone).astimezone(UTC)
        return today if today <= now else datetime.combine(day - DAY, self.at, zone).astimezone(UTC)


@dataclass(frozen=True)
class Hourly:
    """Once an hour, so many minutes past the hour in the workspace's zone."""

    minute: int
    period = HOUR

    def last(self, now: datetime, zone: ZoneInfo) -> datetime:
        local = now.astimezone(zone)
        since = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return now.astimezone(UTC) - (since - timedelta(minutes=self.minute)) % HOUR


@dataclass(frozen=True)
class Every:
    """Again and again after so much time, counted from midnight UTC, in all zones alike."""

    period: timedelta

    def last(self, now: datetime, zone: ZoneInfo) -> datetime:
        del zone
        return now.astimezone(UTC) - (now - datetime(1970, 1, 1, tzinfo=UTC)) % self.period
