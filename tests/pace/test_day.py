"""Days of slots, over random accounts, zones and dates."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carillon.pace.day import MIDNIGHT, DayShape, Period, Slot, apportion, slots
from carillon.words import Activity

ZONES = [
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "America/St_Johns",
    "America/Santiago",
    "Atlantic/Azores",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
]
SHAPE = DayShape()
NIGHT = DayShape(
    periods=(
        Period(Activity.LOW, time(0), time(1, 30)),
        Period(Activity.PEAK, time(1, 30), time(3, 15)),
        Period(Activity.NORMAL, time(22), MIDNIGHT),
    ),
    weekdays=frozenset(range(7)),
)
"""All in the hours in which clocks are changed."""


def no_holiday(_day: date) -> bool:
    return False


def nights_of_change(name: str) -> list[date]:
    zone, year = ZoneInfo(name), [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    noon = [datetime.combine(day, time(12), zone).utcoffset() for day in year]
    return [day for day, (before, after) in zip(year[1:], pairwise(noon), strict=True) if before != after]


def in_period(slot: Slot, shape: DayShape, day: date, zone: ZoneInfo) -> bool:
    """By what a clock on the wall shows; an hour that comes twice belongs to the period that held its end."""
    moment = slot.at
    assert moment.astimezone(zone).date() == day
    while moment.astimezone(zone).fold:
        moment -= timedelta(minutes=1)
    now = moment.astimezone(zone).time()
    return any(
        one.activity == slot.activity and one.begin <= now and (now < one.end or one.end == MIDNIGHT)
        for one in shape.periods
    )


@given(
    st.integers(1, 1 << 40),
    st.sampled_from(ZONES),
    st.dates(date(2020, 1, 1), date(2035, 12, 31)),
    st.integers(0, 900),
    st.sampled_from([SHAPE, NIGHT]),
)
@example(1, "America/New_York", date(2026, 3, 8), 400, NIGHT)
@example(1, "America/New_York", date(2026, 11, 1), 400, NIGHT)
def test_a_day(account: int, name: str, day: date, number: int, shape: DayShape) -> None:
    zone = ZoneInfo(name)
    found = slots(account, day, zone, number, shape, no_holiday)
    if day.weekday() not in shape.weekdays:
        assert found == []
        return
    assert found == sorted(found, key=lambda one: one.at)
    assert all(later.at - earlier.at >= timedelta(seconds=45) for earlier, later in pairwise(found))
    assert all(one.at.tzinfo == UTC and one.at.microsecond == 0 for one in found)
    assert all(in_period(one, shape, day, zone) for one in found)
    assert found == slots(account, day, zone, number, shape, no_holiday)
    if shape is SHAPE:
        assert len(found) == min(number, 9 * 80)


@given(st.integers(0, 400), st.sampled_from(ZONES), st.dates(date(2026, 1, 5), date(2026, 1, 9)))
def test_shares_are_exact(number: int, name: str, day: date) -> None:
    """60, 30 and 10 % to within less than one email, and no email is lost."""
    found = Counter(one.activity for one in slots(7, day, ZoneInfo(name), number, SHAPE, no_holiday))
    assert sum(found.values()) == number
    for activity, percent in SHAPE.weights:
        assert abs(found[activity] - Fraction(number * percent, 100)) < 1


@given(st.integers(0, 10_000), st.lists(st.integers(0, 500), min_size=1, max_size=8).filter(any))
def test_the_largest_remainders_get_what_is_left(number: int, weights: list[int]) -> None:
    counts = apportion(number, weights)
    exact = [Fraction(number * weight, sum(weights)) for weight in weights]
    assert sum(counts) == number
    up = {place for place, (got, due) in enumerate(zip(counts, exact, strict=True)) if got > due}
    for place, (got, due) in enumerate(zip(counts, exact, strict=True)):
        assert got in (int(due), int(due) + 1)
        if got < due:
            assert all(exact[other] % 1 >= due % 1 for other in up if other != place)


@pytest.mark.parametrize("name", ZONES)
def test_both_nights_of_change(name: str) -> None:
    """As many slots as the real hours have room for, none where clocks jump."""
    zone = ZoneInfo(name)
    for day in nights_of_change(name):
        found = slots(3, day, zone, 2_000, NIGHT, no_holiday)
        walls = {one.at.astimezone(zone).replace(tzinfo=None) for one in found}
        assert all(in_period(one, NIGHT, day, zone) for one in found)
        assert all(
            datetime.combine(day, wall.time(), zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
            == wall
            for wall in walls
        )
        assert len({one.at for one in found}) == len(found)


def test_the_clock_changes_make_days_longer_and_shorter() -> None:
    zone = ZoneInfo("America/New_York")
    counts = [
        len(slots(3, day, zone, 2_000, NIGHT, no_holiday))
        for day in (date(2026, 3, 8), date(2026, 3, 9), date(2026, 11, 1))
    ]
    assert counts == [420 - 80, 420, 420 + 80]


def test_days_off_have_no_slots() -> None:
    zone, sunday, holiday = ZoneInfo("Asia/Tokyo"), date(2026, 1, 4), date(2026, 1, 12)
    assert slots(1, sunday, zone, 10, SHAPE, no_holiday) == []
    assert slots(1, holiday, zone, 10, SHAPE, lambda day: day == holiday) == []
    assert len(slots(1, date(2026, 1, 13), zone, 10, SHAPE, lambda day: day == holiday)) == 10


def test_other_accounts_and_other_days_look_otherwise() -> None:
    zone, day = ZoneInfo("Europe/Berlin"), date(2026, 1, 5)
    looks = {
        tuple(one.at.astimezone(zone).time() for one in slots(account, on, zone, 20, SHAPE, no_holiday))
        for account in range(1, 30)
        for on in (day, day + timedelta(days=1))
    }
    assert len(looks) == 58


def test_slots_fall_all_over_their_period() -> None:
    """Over many days each tenth of a period gets about as many."""
    zone, day = ZoneInfo("UTC"), date(2026, 1, 5)
    tenths: Counter[int] = Counter()
    for account in range(1, 400):
        for one in slots(account, day, zone, 20, SHAPE, no_holiday):
            begin = one.at.replace(hour=9, minute=0, second=0)
            if one.at.hour < 11:
                tenths[int((one.at - begin).total_seconds()) // 720] += 1
    assert len(tenths) == 10
    assert max(tenths.values()) < 1.35 * min(tenths.values())
