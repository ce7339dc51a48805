"""Wall times as instants, against a walk through every minute of the days around."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.local_time import day_bounds, instant_of

ZONES = [
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Havana",
    "Europe/Berlin",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "UTC",
]
DAYS = [
    date(2026, 2, 15),
    date(2026, 3, 8),
    date(2026, 3, 22),
    date(2026, 3, 29),
    date(2026, 4, 5),
    date(2026, 10, 4),
    date(2026, 10, 25),
    date(2026, 11, 1),
    date(2011, 12, 30),
    date(2018, 11, 4),
]


@given(
    st.sampled_from(ZONES),
    st.sampled_from(DAYS) | st.dates(date(2000, 1, 1), date(2036, 1, 1)),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
)
def test_the_first_minute_that_shows_it_or_a_later_one(name: str, day: date, at: time) -> None:
    """Skipping a whole day, as Samoa did, ends where the jump ended."""
    zone, wanted = ZoneInfo(name), datetime.combine(day, at)
    moment = datetime.combine(day, at, UTC) - timedelta(hours=27)
    while moment.astimezone(zone).replace(tzinfo=None) < wanted:
        moment += timedelta(minutes=1)
    assert instant_of(day, at, zone) == moment


@pytest.mark.parametrize(
    ("name", "day", "hours"),
    [
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("America/Havana", date(2026, 3, 8), 23),
        ("Europe/Berlin", date(2026, 7, 1), 24),
        ("Pacific/Apia", date(2011, 12, 30), 0),
    ],
)
def test_days_are_not_all_of_one_length(name: str, day: date, hours: float) -> None:
    begin, end = day_bounds(day, ZoneInfo(name))
    assert end - begin == timedelta(hours=hours)
