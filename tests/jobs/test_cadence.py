"""When jobs are due, against someone who looks at the clock on the wall every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carillon.jobs.cadence import DAY, Cadence, Daily, Every, Hourly
from carillon.jobs.table import JOBS

MINUTE = timedelta(minutes=1)
ZONES = ["America/Chicago", "Asia/Tokyo", "Europe/London", "Asia/Kolkata", "Africa/Cairo", "UTC"]
SPRING_IN_CHICAGO = datetime(2026, 3, 8, 7, 59, tzinfo=UTC)
NOWS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)).map(
    lambda moment: moment.replace(second=0, microsecond=0, tzinfo=UTC)
)


def slow_daily(at: time, now: datetime, zone: ZoneInfo) -> datetime:
    """The first minute of the latest day on which the wall shows `at` or later, at or before now."""
    day = now.astimezone(zone).date()
    for one in (day, day - DAY):
        moment = datetime.combine(one, time(0), zone).astimezone(UTC)
        while moment.astimezone(zone).date() <= one and moment <= now:
            wall = moment.astimezone(zone)
            if wall.date() == one and wall.time() >= at:
                return moment
            moment += MINUTE
    raise AssertionError("there is always one")


@given(NOWS, st.sampled_from(ZONES), st.times().map(lambda t: t.replace(second=0, microsecond=0)))
@example(SPRING_IN_CHICAGO, "America/Chicago", time(2, 30))
@example(SPRING_IN_CHICAGO + timedelta(minutes=61), "America/Chicago", time(2, 30))
@example(datetime(2026, 11, 1, 6, 45, tzinfo=UTC), "America/Chicago", time(1, 30))
@example(datetime(2026, 11, 1, 7, 45, tzinfo=UTC), "America/Chicago", time(1, 30))
@example(datetime(2026, 4, 24, 0, 5, tzinfo=UTC), "Africa/Cairo", time(0, 10))
def test_daily(now: datetime, name: str, at: time) -> None:
    zone = ZoneInfo(name)
    found = Daily(at).last(now, zone)
    assert found <= now
    expected = slow_daily(at, now, zone)
    # A time that is leapt over may be counted up to the leap later than the first minute after it.
    assert timedelta(0) <= found - expected <= timedelta(hours=1) or found == slow_daily(
        at, expected - MINUTE, zone
    )
    wall = found.astimezone(zone)
    if (wall.hour, wall.minute) == (at.hour, at.minute):
        assert found == expected


@pytest.mark.parametrize("name", ZONES)
def test_a_day_has_one_occasion(name: str) -> None:
    """Over a year with both changes of the clocks."""
    zone, cadence = ZoneInfo(name), Daily(time(0, 10))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    seen = {cadence.last(start + timedelta(minutes=20 * step), zone) for step in range(3 * 24 * 365)}
    days = [one.astimezone(zone).date() for one in sorted(seen)]
    assert len(days) == len(set(days))
    assert days == [days[0] + DAY * n for n in range(len(days))]
    assert days[-1] in (date(2026, 12, 31), date(2027, 1, 1))


@given(NOWS, st.sampled_from(ZONES), st.integers(0, 59))
def test_hourly(now: datetime, name: str, minute: int) -> None:
    zone, slow = ZoneInfo(name), now
    while slow.astimezone(zone).minute != minute:
        slow -= MINUTE
    assert Hourly(minute).last(now, zone) == slow


@given(NOWS, st.integers(1, 24 * 60))
def test_every(now: datetime, minutes: int) -> None:
    period = timedelta(minutes=minutes)
    found = Every(period).last(now, ZoneInfo("UTC"))
    assert found <= now < found + period
    assert (found - datetime(1970, 1, 1, tzinfo=UTC)) % period == timedelta(0)


@pytest.mark.parametrize("cadence", [job.cadence for job in JOBS], ids=[job.name for job in JOBS])
@given(NOWS, st.integers(0, 3000))
def test_occasions_only_go_forward(cadence: Cadence, now: datetime, minutes: int) -> None:
    zone = ZoneInfo("America/Chicago")
    first = cadence.last(now, zone)
    assert first <= cadence.last(now + minutes * MINUTE, zone)
    assert cadence.last(first, zone) == first
    assert first.tzinfo is UTC


def test_jobs_come_after_what_stands_before_them() -> None:
    names = [job.name for job in JOBS]
    assert len(set(names)) == len(names)
    for place, job in enumerate(JOBS):
        assert set(job.after) <= set(names[:place])
