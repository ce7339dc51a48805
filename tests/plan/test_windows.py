"""Exclusion windows on arrays against the reference, contact by contact and day by day."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carillon.columns import People
from carillon.days import FAR, NO_DAY, date_of, day_number
from carillon.settings import StateRules
from carillon.windows import Windows
from carillon.words import SkipReason
from carillon.zips import STATES
from tests.plan import reference
from tests.plan.bridge import settings_of
from tests.plan.reference import Contact, Rules, WindowRule, default_rules, post_window_event
from tests.plan.worlds import STATES as RULED
from tests.plan.worlds import rules

AWKWARD = ["02-29", "02-28", "03-01", "12-31", "01-01", "11-30", "10-31", "05-15"]
DAY = timedelta(days=1)


def windows_of(of: Rules) -> Windows:
    made = settings_of(of)
    return Windows(made.state_rules, made.timing_constants.pre_window_exclusion_days)


def people_of(contacts: list[tuple[str, str | None, str | None]]) -> People:
    """From state, birth date and effective date."""

    def days(place: int) -> np.ndarray:
        dates = [reference.parse_date(one[place]) for one in contacts]  # type: ignore[arg-type]
        return np.array([NO_DAY if day is None else day_number(day) for day in dates], np.int32)

    n = len(contacts)
    state = np.array([STATES.index(one[0]) + 1 for one in contacts], np.uint8)
    ids = np.arange(1, n + 1, dtype=np.int64)
    return People.of(ids, ids.astype(np.uint64), state, days(1), days(2), np.ones(n, bool))


def assert_same(of: Rules, people: list[tuple[str, str | None, str | None]], days: list[date]) -> None:
    """Reason, first and last day, and end of the chain, for every person on every day."""
    windows, frame = windows_of(of), people_of(people)
    who = np.repeat(np.arange(len(people)), len(days))
    day = np.tile(np.array([day_number(one) for one in days], np.int32), len(people))
    reasons = windows.reasons(frame, who, day)
    start, end = windows.around(frame, who, day)
    after = windows.open_after(frame, who, day)
    place = 0
    for state, birth, effective in people:
        contact = Contact(1, "a@example.com", 1, birth_date=birth, effective_date=effective)
        for one in days:
            reason = reference.excluded(contact, state, one, of)
            got = (SkipReason(int(reasons[place])).word if reasons[place] else None, one)
            assert got == (reason, one), (state, birth, effective)
            holding = reference.windows_holding(contact, state, one, of)
            if holding:
                assert date_of(int(start[place])) == min(first for _, first, _ in holding)
                assert date_of(int(end[place])) == max(last for _, _, last in holding)
                event = post_window_event(contact, state, one, [], of)
                assert (None if after[place] == FAR else date_of(int(after[place])) - DAY) == event
            else:
                assert (start[place], end[place]) == (FAR, NO_DAY)
            place += 1


@pytest.mark.parametrize("year", range(1990, 2061, 10))
def test_every_state_and_every_awkward_day_of_a_decade(year: int) -> None:
    """The default rules, with an age limit: all days of one year, some of each of the ten."""
    of = replace(default_rules(), age_exclusion={"CA": 76, "TX": 76, "MO": 76})
    chance = random.Random(year)
    born_in = [1944, 1960, year - 76, year - 70]
    people: list[tuple[str, str | None, str | None]]
    people = [
        (state, f"{chance.choice(born_in)}-{born}", f"2000-{chance.choice(AWKWARD)}")
        for state in ("CA", "ID", "NV", "MD", "OR", "MO", "TX", "NY")
        for born in AWKWARD
    ]  # fmt: skip
    people = [(s, b if reference.parse_date(b) else f"{b[:4]}-02-28", e) for s, b, e in people if b]
    days = [date(year + n, 1, 1) + chance.randrange(365) * DAY for n in range(10) for _ in range(4)]
    days += [date(year + n, *md) for n in range(10) for md in ((12, 31), (1, 1), (2, 28), (3, 1))]
    days += [date(leap, 2, 29) for leap in range(year, year + 10) if leap % 4 == 0]
    assert_same(of, people, days)


def test_every_day_of_four_years_at_the_edges() -> None:
    """Day by day through a leap year: no day before the first or after the last is taken."""
    people: list[tuple[str, str | None, str | None]] = [
        (state, birth, "2010-02-28")
        for state in ("CA", "NV", "MO", "VA")
        for birth in ("1980-02-29", "1981-01-15", "1950-12-31")
    ]
    assert_same(default_rules(), people, [date(2023, 1, 1) + n * DAY for n in range(4 * 365 + 1)])


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rules(date(2026, 3, 1)),
    st.lists(
        st.tuples(
            st.sampled_from(RULED),
            st.none() | st.dates(date(1930, 1, 1), date(2015, 12, 31)).map(date.isoformat),
            st.none() | st.dates(date(1990, 1, 1), date(2030, 12, 31)).map(date.isoformat),
        ),
        min_size=1,
        max_size=6,
    ),
    st.lists(st.dates(date(1990, 1, 1), date(2060, 12, 31)), min_size=1, max_size=12),
)
def test_any_rules_any_dates(
    of: Rules, people: list[tuple[str, str | None, str | None]], days: list[date]
) -> None:
    """Windows nearly a year long, several at once, month starts, ages: all as the reference says."""
    assert_same(of, people, days)


def test_chains_of_windows_end_after_the_last() -> None:
    """Two kinds of window in one state that follow each other give one end; without one there is none."""
    of = replace(
        default_rules(),
        birthday_windows={"OR": WindowRule(0, 30, extension=0)},
        effective_date_windows={"OR": WindowRule(0, 40, extension=0)},
    )
    windows = windows_of(of)
    people = people_of([("OR", "1980-03-01", "2010-03-25"), ("OR", "1980-03-01", "2010-06-01")])
    day = np.array([day_number(date(2026, 3, 10))] * 2, np.int32)
    after = windows.open_after(people, np.arange(2), day)
    assert [date_of(int(one)) for one in after] == [date(2026, 5, 5), date(2026, 4, 1)]


def test_unknown_anchors_are_named() -> None:
    """Only where a window of that state needs the date."""
    windows = Windows(StateRules.model_validate(settings_of(default_rules()).state_rules.model_dump()), 60)
    people = people_of([("CA", None, None), ("CA", "1980-01-01", None), ("MO", "1980-01-01", None),
                        ("TX", None, None)])  # fmt: skip
    assert windows.lacks_anchor(people).tolist() == [True, False, True, False]
