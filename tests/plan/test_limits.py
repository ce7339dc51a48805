"""The frequency limit on arrays against counting on fingers, and quiet hours against a clock on the wall."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from carillon.days import FAR, NO_DAY
from carillon.limits import QuietHours, would_exceed


def by_hand(others: list[int], day: int, limit: int, period: int) -> bool:
    """Whether any `period` consecutive days that hold `day` hold more than `limit` emails with it."""
    return any(
        1 + sum(start <= other < start + period for other in others) > limit
        for start in range(day - period + 1, day + 1)
    )


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 30), max_size=6), st.integers(0, 30)), min_size=1, max_size=30
    ),
    st.integers(0, 4),
    st.integers(1, 20),
)
def test_it_is_what_counting_says(cases: list[tuple[list[int], int]], limit: int, period: int) -> None:
    """For any days, limits and periods; padding of either kind does not count."""
    width = max(len(others) for others, _ in cases) + 2
    padded = np.full((len(cases), width), FAR, np.int32)
    padded[:, 0] = NO_DAY
    for row, (others, _) in enumerate(cases):
        padded[row, 1 : len(others) + 1] = others
    day = np.array([one for _, one in cases], np.int32)
    expected = [by_hand(others, one, limit, period) for others, one in cases]
    assert would_exceed(padded, day, limit, period).tolist() == expected


def test_the_last_allowed_day_and_the_one_before() -> None:
    """Two in fourteen days: a third on the fifteenth is fine, on the fourteenth it is not."""
    others = np.array([[100, 105], [100, 105], [100, 100]], np.int32)
    day = np.array([114, 113, 100], np.int32)
    assert would_exceed(others, day, 2, 14).tolist() == [False, True, True]


ZONES = ("America/Chicago", "Asia/Tokyo", "Pacific/Pago_Pago", "UTC", "Europe/Berlin")
MINUTES = st.integers(0, 24 * 60 - 1)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),
    MINUTES,
    MINUTES,
    st.sampled_from([ZoneInfo(name) for name in ZONES]),
)
def test_quiet_hours_as_one_reads_them_off_a_clock(
    moment: datetime, begin: int, end: int, zone: ZoneInfo
) -> None:
    assume(begin != end)
    now = moment.replace(tzinfo=UTC)
    quiet = QuietHours(time(begin // 60, begin % 60), time(end // 60, end % 60))

    def is_quiet(at: datetime) -> bool:
        wall = at.astimezone(zone).time()
        if quiet.begin < quiet.end:
            return quiet.begin <= wall < quiet.end
        return wall >= quiet.begin or wall < quiet.end

    found, change = quiet.at(now, zone)
    offsets = {(now + timedelta(hours=hours)).astimezone(zone).utcoffset() for hours in range(-36, 61, 12)}
    assume(len(offsets) == 1)  # where clocks are put on or back, `local_time` says what they show
    assert found == is_quiet(now)
    assert now < change <= now + timedelta(days=1)
    assert is_quiet(change) != found
    assert is_quiet(change - timedelta(microseconds=1)) == found


def test_quiet_hours_end_when_the_clock_shows_it_also_in_the_night_it_is_put_on() -> None:
    chicago, night = ZoneInfo("America/Chicago"), QuietHours.of("21:00-02:30")
    before = datetime(2026, 3, 8, 7, 0, tzinfo=UTC)
    # There is no half past two on that day: from two it is three at once.
    assert night.at(before, chicago) == (True, datetime(2026, 3, 8, 8, 0, tzinfo=UTC))
