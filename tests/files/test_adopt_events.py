"""The nearest event, against a slow obvious search; and what old words mean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.days import NO_DAY, as_days, date_of, day_number, split
from carillon.files.adopt import words
from carillon.files.adopt.events import REACH, nearest_anniversary, nearest_of, nearest_owned, owned
from carillon.words import ContactStatus, Kind, Status

DAYS = st.dates(date(1930, 1, 1), date(2100, 12, 31))


def search(wanted: date, is_event: Callable[[date], bool]) -> date | None:
    """Look at one day after the other, the earlier of two first."""
    for away in range(REACH + 1):
        for day in (wanted - timedelta(days=away), wanted + timedelta(days=away)):
            if is_event(day):
                return day
    return None


def is_anniversary(day: date, of: date) -> bool:
    leap = day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0)
    meant = (2, 28) if (of.month, of.day) == (2, 29) and not leap else (of.month, of.day)
    return (day.month, day.day) == meant and day.year > of.year


def as_date(day: np.int32) -> date | None:
    return None if day == NO_DAY else date_of(int(day))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(DAYS | st.just(date(1960, 2, 29)), DAYS), min_size=1, max_size=20))
def test_the_nearest_anniversary(cases: list[tuple[date, date]]) -> None:
    codes, years = split(np.array([day_number(of) for of, _ in cases], np.int32))
    wanted = np.array([day_number(day) for _, day in cases], np.int32)
    found = nearest_anniversary(codes, (years + 1).astype(np.int16), wanted)
    for (of, day), event in zip(cases, found, strict=True):
        assert as_date(event) == search(day, lambda one, of=of: is_anniversary(one, of))  # type: ignore[misc]


@settings(max_examples=400, deadline=None)
@given(st.lists(DAYS, max_size=12), st.lists(st.integers(-100, 100), min_size=1, max_size=10), DAYS)
def test_the_nearest_of_some_days(configured: list[date], offsets: list[int], around: date) -> None:
    close = [*configured, *(around + timedelta(days=n * 17) for n in range(-2, 3))]
    days = [around + timedelta(days=n) for n in offsets]
    found = nearest_of(as_days(close), np.array([day_number(day) for day in days], np.int32))
    for day, event in zip(days, found, strict=True):
        assert as_date(event) == search(day, lambda one: one in close)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 120)), max_size=25),
    st.lists(st.tuples(st.integers(0, 3), st.integers(-60, 180)), min_size=1, max_size=10),
    DAYS,
)
def test_the_nearest_of_ones_own_days(
    events: list[tuple[int, int]], asked: list[tuple[int, int]], start: date
) -> None:
    """The highest owner a workspace can have is among them."""
    begin, high = day_number(start), (1 << 43) - 4
    owner = np.array([high + who for who, _ in events], np.int64)
    line = np.sort(owned(owner, np.array([begin + day for _, day in events], np.int32)))
    found = nearest_owned(
        line,
        np.array([high + who for who, _ in asked], np.int64),
        np.array([begin + day for _, day in asked], np.int32),
    )
    for (who, day), event in zip(asked, found, strict=True):
        mine = {start + timedelta(days=one) for owner, one in events if owner == who}
        assert as_date(event) == search(start + timedelta(days=day), lambda one, mine=mine: one in mine)  # type: ignore[misc]


def test_nothing_is_near_nothing() -> None:
    none = np.array([NO_DAY], np.int32)
    codes, years = split(np.array([day_number(date(1960, 5, 4))], np.int32))
    assert nearest_anniversary(codes, years, none).tolist() == [NO_DAY]
    assert nearest_anniversary(codes * 0, years, none * 0).tolist() == [NO_DAY]
    assert nearest_of(as_days([date(2026, 9, 15)]), none).tolist() == [NO_DAY]
    assert nearest_of(as_days([]), none * 0).tolist() == [NO_DAY]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("BIRTHDAY", Kind.BIRTHDAY), (" Birthday_Email ", Kind.BIRTHDAY), ("bday", Kind.BIRTHDAY),
        ("Effective Date", Kind.EFFECTIVE_DATE), ("effective-date", Kind.EFFECTIVE_DATE),
        ("ED", Kind.EFFECTIVE_DATE), ("anniversary_birthday", Kind.BIRTHDAY), ("AEP", Kind.AEP),
        ("Annual Enrollment", Kind.AEP),
        ("Post-Window", Kind.POST_WINDOW), ("catch_up", Kind.POST_WINDOW), ("newsletter", None), ("", None),
        ("followup_1_cold", None), ("rate_increase", None), ("birthdays", None),
    ],
)  # fmt: skip
def test_types(text: str, kind: Kind | None) -> None:
    assert words.kind_of_type(text) == kind


def test_other_words() -> None:
    assert words.followup_type("FollowUp_2_Clicked_No_HQ") == "followup_2_clicked_no_hq"
    assert words.followup_type("follow-up cold") == "followup_1_cold"
    assert words.followup_type("followup_seven") == "followup_seven"
    assert words.followup_type("birthday") is None
    for text in ("scheduled_rate_increase", "Rate Increase", "CAMPAIGN_RATE_INCREASE"):
        assert words.is_rate_increase(text)
    assert not words.is_rate_increase("rate_decrease")
    statuses = {
        None: words.PENDING, "": words.PENDING, "Pre-Scheduled": words.PENDING, "SKIPPED": words.PENDING,
        "scheduled": words.PENDING, "Sent": Status.SENT, "DELIVERED": Status.DELIVERED,
        "Hard Bounce": Status.BOUNCED, "sending": Status.IN_DOUBT, "Processing": Status.IN_DOUBT,
        "canceled": Status.CANCELLED, "error": Status.FAILED, "???": Status.IN_DOUBT,
        "zonked": Status.IN_DOUBT,
    }  # fmt: skip
    assert {text: words.status_of(text) for text in statuses} == statuses
    assert words.contact_status("Do Not Contact") is ContactStatus.OPTED_OUT
    assert words.contact_status("bounced") is ContactStatus.BOUNCED
    assert words.contact_status("lead") is ContactStatus.ACTIVE
