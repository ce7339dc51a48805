"""When delays end: against the wall calendar, in every zone there is, over clock changes and holidays."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.advance.delays import day_in, ends, on_day
from carillon.sequences import DelaySettings, SequenceSettings
from tests.advance import reference

ZONES = sorted(available_timezones() - {"localtime"})
CHICAGO = ZoneInfo("America/Chicago")
PLAIN = SequenceSettings()

moments = st.datetimes(datetime(2024, 1, 1), datetime(2031, 12, 31), timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
delays = st.one_of(
    st.builds(DelaySettings, amount=st.integers(1, 500), unit=st.sampled_from(["minutes", "hours"])),
    st.builds(
        DelaySettings,
        amount=st.integers(0, 40),
        unit=st.sampled_from(["days", "working_days"]),
        at=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    ),
    st.builds(DelaySettings, amount=st.integers(1, 40), unit=st.sampled_from(["days", "working_days"])),
)
weeks = st.sampled_from(
    [PLAIN, SequenceSettings(holidays="US"), SequenceSettings(working_days=("saturday",), holidays="DE")]
)


def milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def end(at: datetime, delay: DelaySettings, zone: ZoneInfo, settings: SequenceSettings = PLAIN) -> datetime:
    (found,) = ends(np.array([milliseconds(at)]), delay, np.zeros(1, np.int64), [zone], settings).tolist()
    return datetime.fromtimestamp(found / 1000, UTC)


@given(st.lists(st.tuples(moments, st.sampled_from(ZONES)), min_size=1, max_size=8), delays, weeks)
def test_as_the_calendar_on_the_wall_says(
    starts: list[tuple[datetime, str]], delay: DelaySettings, settings: SequenceSettings
) -> None:
    zones = [ZoneInfo(name) for name in dict.fromkeys(name for _, name in starts)]
    place = np.array([zones.index(ZoneInfo(name)) for _, name in starts])
    base = np.array([milliseconds(at) for at, _ in starts])
    found = ends(base, delay, place, zones, settings).tolist()
    slow = [reference.ends(at, delay, ZoneInfo(name), settings) for at, name in starts]
    assert found == [milliseconds(at) for at in slow]
    assert all(after >= before for after, before in zip(found, base.tolist(), strict=True))


@pytest.mark.parametrize("name", ["America/St_Johns", "Antarctica/Casey", "Australia/Lord_Howe", "Asia/Gaza",
                                  "Europe/Dublin", "Pacific/Apia", "America/Chicago"])  # fmt: skip
def test_each_quarter_of_an_hour_of_years(name: str) -> None:
    """Nothing lies between the moments at which clocks change."""
    zone = ZoneInfo(name)
    years = [milliseconds(datetime(year, 1, 1, tzinfo=UTC)) for year in (2021, 2023)]
    base = np.arange(*years, 15 * 60_000)
    day = DelaySettings(amount=1, unit="days")
    found = ends(base, day, np.zeros(len(base), np.int64), [zone], PLAIN)
    some = range(0, len(base), 29)
    slow = [reference.ends(datetime.fromtimestamp(base[at] / 1000, UTC), day, zone, PLAIN) for at in some]
    assert found[list(some)].tolist() == [milliseconds(at) for at in slow]


def test_a_time_that_is_not_there_and_one_that_is_there_twice() -> None:
    before = datetime(2026, 3, 7, 2, 30, tzinfo=CHICAGO)
    assert end(before, DelaySettings(amount=1, unit="days"), CHICAGO) == datetime(2026, 3, 8, 8, tzinfo=UTC)
    autumn = datetime(2026, 10, 31, 1, 30, tzinfo=CHICAGO)
    assert end(autumn, DelaySettings(amount=1, unit="days"), CHICAGO) == datetime(
        2026, 11, 1, 6, 30, tzinfo=UTC
    )
    second = datetime(2026, 11, 1, 1, 30, tzinfo=CHICAGO, fold=1)
    nine = DelaySettings(amount=0, unit="days", at=time(1, 30))
    assert end(second, nine, CHICAGO) == datetime(2026, 11, 2, 1, 30, tzinfo=CHICAGO)


def test_working_days() -> None:
    saturday = datetime(2026, 7, 4, 10, tzinfo=CHICAGO)
    one = DelaySettings(amount=1, unit="working_days")
    assert end(saturday, one, CHICAGO) == datetime(2026, 7, 6, 10, tzinfo=CHICAGO)
    thursday = datetime(2026, 7, 2, 10, tzinfo=CHICAGO)
    independence = SequenceSettings(holidays="US")
    assert end(thursday, one, CHICAGO, independence) == datetime(2026, 7, 6, 10, tzinfo=CHICAGO)
    assert end(thursday, one, CHICAGO) == datetime(2026, 7, 3, 10, tzinfo=CHICAGO)
    next_nine = DelaySettings(amount=0, unit="working_days", at=time(9))
    assert end(saturday, next_nine, CHICAGO) == datetime(2026, 7, 6, 9, tzinfo=CHICAGO)


def test_a_day_is_that_of_the_zone() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    evening = np.array([milliseconds(datetime(2026, 3, 1, 20, tzinfo=UTC))])
    assert day_in(tokyo, evening) - day_in(CHICAGO, evening) == 1
    assert on_day(CHICAGO, evening, day_in(CHICAGO, evening) + 14) == milliseconds(
        datetime(2026, 3, 15, 14, tzinfo=CHICAGO)
    )
