"""Tests of the slow planner itself: cases worked out by hand, and what must hold in any world.

Every date in the golden cases was counted on a calendar from the specification, not copied from the code.
One long file, in the order of `reference.py`: a rule and its cases are found at the same place in both.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.plan.reference import (
    AEP,
    BIRTHDAY,
    COUNTS_AS_SENT,
    EFFECTIVE_DATE,
    FIRST_CAMPAIGN,
    POST_WINDOW,
    Contact,
    Extra,
    Result,
    Row,
    Rules,
    Sent,
    WindowRule,
    cap_of,
    default_rules,
    excluded,
    parse_date,
    plan,
    row_hash,
    soft_limit_of,
    splitmix64,
    valid_email,
)
from tests.plan.worlds import (
    FREE_ZIPS,
    STATE_OF_ZIP,
    Night,
    Story,
    World,
    after,
    next_nights,
    state_of,
    worlds,
)

ZIP_OF = {state: zip_code for zip_code, state in STATE_OF_ZIP.items()}
DAY = timedelta(days=1)


def d(text: str) -> date:
    return date.fromisoformat(text)


def person(number: int = 1, state: str = "TX", **fields: object) -> Contact:
    """An eligible contact; its seed is its number."""
    values = {"email": f"p{number:03}@example.com", "seed": number, "zip_code": ZIP_OF[state], **fields}
    return Contact(number, **values)  # type: ignore[arg-type]


def run(
    contacts: Contact | list[Contact],
    today: str,
    *,
    stored: Iterable[Row] = (),
    sent: Iterable[Sent] = (),
    extra: Iterable[Extra] = (),
    rules: Rules | None = None,
) -> Result:
    if isinstance(contacts, Contact):
        contacts = [contacts]
    return plan(contacts, list(stored), list(sent), list(extra), rules or default_rules(), d(today), state_of)


def found(result: Result, kind: int, contact: int = 1) -> list[Row]:
    return [row for row in result.rows if row.kind == kind and row.contact_id == contact]


def the(result: Result, kind: int, contact: int = 1) -> Row:
    (row,) = found(result, kind, contact)
    return row


def campaign(contact: int, day: str, priority: int = 5, kind: int = 16, **fields: object) -> Extra:
    """A campaign email about the day it goes on, with ten days of patience."""
    on = d(day)
    return Extra(contact, kind, on, on, on + 10 * DAY, priority, code=splitmix64(kind), **fields)  # type: ignore[arg-type]


def without_aep(**fields: object) -> Rules:
    """The default rules without AEP emails and, unless told otherwise, with a cap nobody meets."""
    return replace(default_rules(), **{"aep_dates": [], "overage": Decimal(99), **fields})  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------
# Small parts


def test_splitmix64_is_the_published_one() -> None:
    # The first outputs of Vigna's generator seeded with 0, and the first with 1234567.
    assert splitmix64(0) == 0xE220A8397B1DCDAF
    assert splitmix64(0x9E3779B97F4A7C15) == 0x6E789E6AA1B965F4
    assert splitmix64(1234567) == 6457827717110365317


def test_days_before_1970_hash_as_unsigned_numbers() -> None:
    assert row_hash(0, 0, d("1969-12-31")) == splitmix64(2**64 - 1)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1970-03-10", date(1970, 3, 10)),
        ("1850-01-01", date(1850, 1, 1)),
        ("2120-12-31", date(2120, 12, 31)),
        ("1849-12-31", None),
        ("2121-01-01", None),
        ("1971-02-29", None),
        ("19700310", None),
        ("1970-3-10", None),
        ("1970-W10-2", None),
        ("1970-03-10T00:00", None),
        ("", None),
        (None, None),
    ],
)
def test_dates(text: str | None, day: date | None) -> None:
    assert parse_date(text) == day


@pytest.mark.parametrize("text", ["a@b.co", "first.last+tag@mail.example.com", "o'neil@x-y.org", "1@2.de"])
def test_valid_emails(text: str) -> None:
    assert valid_email(text)


@pytest.mark.parametrize(
    "text", ["a", "a@b", "@b.co", "a@", "a b@c.de", "a@@c.de", ".a@c.de", "a..b@c.de", "a@-c.de"]
)
def test_invalid_emails(text: str) -> None:
    assert not valid_email(text)


def test_shares_are_exact() -> None:
    rules = default_rules()
    assert [cap_of(n, rules) for n in (0, 1, 14, 15, 28, 29, 100)] == [1, 1, 1, 1, 1, 2, 7]
    assert cap_of(100, replace(rules, cap_share=Decimal("0.29"))) == 29  # 28.999... in floating point
    assert [soft_limit_of(n, rules) for n in (1, 3, 4, 7, 10, 49, 50, 1000)] == [1, 1, 1, 2, 3, 14, 15, 15]


# ---------------------------------------------------------------------------------------------------
# Eligibility and issues


@pytest.mark.parametrize(
    ("fields", "issues", "eligible"),
    [
        ({}, set(), True),
        ({"email": None}, {"missing_email"}, False),
        ({"email": " "}, {"missing_email"}, False),
        ({"email": "nobody"}, {"invalid_email"}, False),
        ({"zip_code": None}, {"missing_zip"}, False),
        ({"zip_code": "99999"}, {"invalid_zip"}, False),
        ({"zip_code": "7520"}, {"invalid_zip"}, False),
        ({"zip_code": "75201-12"}, {"invalid_zip"}, False),
        ({"zip_code": "75201-1234"}, set(), True),
        ({"zip_code": "752011234"}, set(), True),
        ({"birth_date": "1990-02-30"}, {"invalid_birth_date"}, True),
        ({"birth_date": "2025-01-02"}, {"invalid_birth_date"}, True),
        ({"birth_date": "2025-01-01"}, set(), True),
        ({"effective_date": "soon"}, {"invalid_effective_date"}, True),
        ({"effective_date": "2030-01-01"}, set(), True),
        ({"status": "opted_out"}, set(), False),
        ({"suppressed": True}, set(), False),
        (
            {"email": "", "zip_code": "", "birth_date": "?"},
            {"missing_email", "missing_zip", "invalid_birth_date"},
            False,
        ),
        ({"zip_code": ZIP_OF["CA"]}, {"missing_anchor_date"}, True),
        ({"zip_code": ZIP_OF["CA"], "birth_date": "x"}, {"invalid_birth_date", "missing_anchor_date"}, True),
        ({"zip_code": ZIP_OF["MO"], "birth_date": "1970-01-01"}, {"missing_anchor_date"}, True),
        ({"zip_code": ZIP_OF["NY"]}, set(), True),
        ({"zip_code": ZIP_OF["PR"]}, set(), True),
    ],
)
def test_eligibility(fields: dict[str, object], issues: set[str], eligible: bool) -> None:
    result = run(person(**fields), "2025-01-01")  # type: ignore[arg-type]
    assert {code for _, code in result.issues} == issues
    assert result.eligible == eligible
    assert bool(result.rows) == eligible


def test_an_unknown_anchor_may_exclude() -> None:
    rules = replace(default_rules(), unknown_anchor="exclude")
    result = run(
        [person(1, "CA"), person(2, "CA", birth_date="1970-05-05"), person(3)], "2025-01-01", rules=rules
    )
    assert result.eligible == 2
    assert result.issues == {(1, "missing_anchor_date")}
    assert not found(result, AEP, 1)


def test_who_is_not_eligible_keeps_only_final_rows_of_past_events() -> None:
    past = Row(1, BIRTHDAY, d("2025-03-10"), d("2025-02-24"), d("2025-02-24"), "birthday_window", 5)
    ahead = replace(past, event=d("2025-07-10"), send=d("2025-05-20"))
    planned = Row(1, AEP, d("2025-09-15"), d("2025-09-15"), d("2025-09-15"), None, 3)
    overdue = replace(planned, event=d("2024-09-15"))
    stored = [past, ahead, planned, overdue]
    contact = person(birth_date="1970-07-10", suppressed=True)
    assert run(contact, "2025-06-01", stored=stored).rows == [past]


# ---------------------------------------------------------------------------------------------------
# Anniversaries


def test_the_three_anniversary_emails() -> None:
    result = run(person(birth_date="1970-03-10", effective_date="2020-06-01"), "2025-01-01")
    assert result.rows == [
        Row(1, BIRTHDAY, d("2025-03-10"), d("2025-02-24"), d("2025-02-24"), None, 5),
        Row(1, EFFECTIVE_DATE, d("2025-06-01"), d("2025-05-02"), d("2025-05-02"), None, 5),
        Row(1, AEP, d("2025-09-15"), d("2025-09-15"), d("2025-09-15"), None, 3),
    ]


@pytest.mark.parametrize(
    ("today", "event", "ideal"),
    [
        ("2025-02-01", "2025-02-28", "2025-02-14"),
        ("2025-02-27", "2025-02-28", "2025-02-14"),
        ("2025-02-28", "2026-02-28", "2026-02-14"),
        ("2027-03-01", "2028-02-29", "2028-02-15"),
        ("2028-02-28", "2028-02-29", "2028-02-15"),
        ("2028-02-29", "2029-02-28", "2029-02-14"),
    ],
)
def test_a_birthday_on_29_february(today: str, event: str, ideal: str) -> None:
    row = the(run(person(birth_date="1960-02-29"), today), BIRTHDAY)
    assert (row.event, row.ideal) == (d(event), d(ideal))


@pytest.mark.parametrize(
    ("effective", "today", "event"),
    [
        ("2025-03-01", "2025-01-01", "2026-03-01"),  # it begins this year: a year later
        ("2024-02-29", "2025-01-01", "2025-02-28"),
        ("2024-06-01", "2025-05-31", "2025-06-01"),
        ("2024-06-01", "2025-06-01", "2026-06-01"),
        ("2027-06-01", "2025-06-01", "2028-06-01"),
    ],
)
def test_an_effective_date_is_celebrated_a_year_later_at_the_earliest(
    effective: str, today: str, event: str
) -> None:
    assert the(run(person(effective_date=effective), today), EFFECTIVE_DATE).event == d(event)


@pytest.mark.parametrize(
    ("dates", "years", "today", "event"),
    [
        ([(9, 15)], [], "2025-09-15", "2025-09-15"),
        ([(9, 15)], [], "2025-09-16", "2026-09-15"),
        ([(9, 15), (10, 1)], [], "2025-09-16", "2025-10-01"),
        ([(10, 1), (9, 15)], [], "2025-12-31", "2026-09-15"),
        ([(2, 29)], [], "2025-01-01", "2025-02-28"),
        ([(9, 15)], [2027, 2029], "2025-01-01", "2027-09-15"),
        ([(9, 15)], [2024], "2025-01-01", None),
        ([], [], "2025-01-01", None),
    ],
)
def test_the_next_aep_date(
    dates: list[tuple[int, int]], years: list[int], today: str, event: str | None
) -> None:
    rules = replace(default_rules(), aep_dates=dates, aep_years=years)
    assert [row.event for row in run(person(), today, rules=rules).rows] == ([d(event)] if event else [])


# ---------------------------------------------------------------------------------------------------
# Windows


@pytest.mark.parametrize(
    ("state", "first", "last"),
    [
        ("CA", "2025-03-17", "2025-08-14"),
        ("ID", "2025-04-16", "2025-08-17"),
        ("KY", "2025-04-16", "2025-08-14"),
        ("OK", "2025-04-16", "2025-08-14"),
        ("NV", "2025-04-02", "2025-07-31"),
        ("MD", "2025-04-16", "2025-07-15"),
        ("VA", "2025-04-16", "2025-07-15"),
        ("OR", "2025-04-16", "2025-07-16"),
        ("MO", "2025-03-17", "2025-07-18"),
    ],
)
def test_the_window_of_each_state(state: str, first: str, last: str) -> None:
    """For an anchor of 15 June, this year and any other."""
    contact = person(state=state, birth_date="1970-06-15", effective_date="2020-06-15")
    reason = "effective_date_window" if state == "MO" else "birthday_window"
    rules = default_rules()
    days = [d(first) - DAY, d(first), d(last), d(last) + DAY]
    assert [excluded(contact, state, day, rules) for day in days] == [None, reason, reason, None]
    for year in (1969, 2019, 2026, 2050):
        assert excluded(contact, state, date(year, 6, 15), rules) == reason


@pytest.mark.parametrize("state", ["CT", "MA", "NY", "WA"])
def test_year_round_states(state: str) -> None:
    result = run(person(state=state, birth_date="1970-03-10", effective_date="2020-06-01"), "2025-01-01")
    assert [(row.kind, row.reason) for row in result.rows] == [
        (BIRTHDAY, "year_round_exclusion"),
        (EFFECTIVE_DATE, "year_round_exclusion"),
        (AEP, "year_round_exclusion"),
    ]


@pytest.mark.parametrize("zip_code", FREE_ZIPS)
def test_states_without_rules(zip_code: str) -> None:
    result = run(
        person(zip_code=zip_code, birth_date="1970-03-10", effective_date="2020-06-01"), "2025-01-01"
    )
    assert [row.reason for row in result.rows] == [None, None, None]


def test_nevada_counts_from_the_first_of_the_month() -> None:
    contact = person(state="NV", birth_date="1970-01-31")
    rules = default_rules()
    days = [d("2025-11-01"), d("2025-11-02"), d("2026-03-02"), d("2026-03-03")]
    inside = "birthday_window"
    assert [excluded(contact, "NV", day, rules) for day in days] == [None, inside, inside, None]


def test_a_window_over_new_year_and_the_email_after_it() -> None:
    contact = person(state="CA", birth_date="1970-01-10")
    rules = default_rules()
    days = [
        d("2025-10-11"),
        d("2025-10-12"),
        d("2025-12-31"),
        d("2026-01-01"),
        d("2026-03-11"),
        d("2026-03-12"),
    ]
    inside = "birthday_window"
    assert [excluded(contact, "CA", day, rules) for day in days] == [
        None,
        inside,
        inside,
        inside,
        inside,
        None,
    ]
    result = run(contact, "2025-12-20")
    assert the(result, BIRTHDAY) == Row(
        1, BIRTHDAY, d("2026-01-10"), d("2025-12-27"), d("2025-12-27"), "birthday_window", 5
    )
    assert the(result, POST_WINDOW) == Row(
        1, POST_WINDOW, d("2026-03-11"), d("2026-03-12"), d("2026-03-12"), None, 8
    )


def test_a_29_february_anchor() -> None:
    """Maryland: 60 days before to 30 after, from 28 February where there is no 29th."""
    contact = person(state="MD", birth_date="1960-02-29")
    rules = default_rules()
    inside = "birthday_window"
    for first, last in (("2024-12-30", "2025-03-30"), ("2023-12-31", "2024-03-30")):
        days = [d(first) - DAY, d(first), d(last), d(last) + DAY]
        assert [excluded(contact, "MD", day, rules) for day in days] == [None, inside, inside, None]


def test_a_window_may_have_its_own_extension() -> None:
    rules = replace(default_rules(), birthday_windows={"TX": WindowRule(5, 5, extension=0)})
    contact = person(birth_date="1970-06-15")
    days = [d("2025-06-09"), d("2025-06-10"), d("2025-06-20"), d("2025-06-21")]
    inside = "birthday_window"
    assert [excluded(contact, "TX", day, rules) for day in days] == [None, inside, inside, None]


def test_age_begins_on_the_birthday() -> None:
    rules = replace(default_rules(), age_exclusion={"TX": 76})
    contact = person(birth_date="1949-06-15")
    assert excluded(contact, "TX", d("2025-06-14"), rules) is None
    assert excluded(contact, "TX", d("2025-06-15"), rules) == "age_exclusion"
    assert excluded(contact, "TX", d("2040-01-01"), rules) == "age_exclusion"
    assert excluded(person(birth_date="1949-02-28"), "TX", d("2025-02-28"), rules) == "age_exclusion"
    leapling = person(birth_date="1948-02-29")
    assert excluded(leapling, "TX", d("2024-02-28"), rules) is None
    assert excluded(leapling, "TX", d("2024-02-29"), rules) == "age_exclusion"
    assert excluded(replace(leapling, birth_date=None), "TX", d("2024-02-29"), rules) is None
    result = run(contact, "2025-06-01", rules=rules)
    assert (the(result, BIRTHDAY).send, the(result, BIRTHDAY).reason) == (d("2025-06-01"), None)
    assert (the(result, AEP).send, the(result, AEP).reason) == (d("2025-09-15"), "age_exclusion")
    assert not found(result, POST_WINDOW)


def test_the_first_of_several_reasons_is_named() -> None:
    rules = default_rules()
    contact = person(birth_date="1940-06-15", effective_date="2020-06-15")
    rules.age_exclusion = {"TX": 76}
    assert excluded(contact, "TX", d("2025-06-15"), rules) == "age_exclusion"
    rules.effective_date_windows = {"TX": WindowRule(1, 1)}
    assert excluded(contact, "TX", d("2025-06-15"), rules) == "effective_date_window"
    rules.birthday_windows = {"TX": WindowRule(1, 1)}
    assert excluded(contact, "TX", d("2025-06-15"), rules) == "birthday_window"
    rules.year_round = {"TX"}
    assert excluded(contact, "TX", d("2025-06-15"), rules) == "year_round_exclusion"


# ---------------------------------------------------------------------------------------------------
# Post-window


def two_windows(effective_after: int = 30) -> Rules:
    """Texas with both windows and no extension; emails go on their event."""
    return without_aep(
        birthday_windows={"TX": WindowRule(0, 30, extension=0)},
        effective_date_windows={"TX": WindowRule(0, effective_after, extension=0)},
        birthday_days_before=0,
        effective_date_days_before=0,
    )


def test_a_chain_of_windows_is_followed_by_one_email() -> None:
    """Birthday window 10 June to 10 July, the other from 1 July to 31 July."""
    contact = person(birth_date="1970-06-10", effective_date="2020-07-01")
    result = run(contact, "2025-05-20", rules=two_windows())
    assert [(row.kind, row.event, row.send, row.reason) for row in result.rows] == [
        (BIRTHDAY, d("2025-06-10"), d("2025-06-10"), "birthday_window"),
        (EFFECTIVE_DATE, d("2025-07-01"), d("2025-07-01"), "birthday_window"),
        (POST_WINDOW, d("2025-07-31"), d("2025-08-01"), None),
    ]


def test_adjoining_windows_are_a_chain_too() -> None:
    contact = person(birth_date="1970-06-10", effective_date="2020-07-11")  # 10 July, then 11 July
    assert the(run(contact, "2025-05-20", rules=two_windows()), POST_WINDOW).event == d("2025-08-10")
    # Also where only the first window of the chain kept something back.
    gone = Sent(1, EFFECTIVE_DATE, d("2025-07-11"), d("2025-05-01"), "sent")
    result = run(contact, "2025-05-20", sent=[gone], rules=two_windows())
    assert the(result, POST_WINDOW).event == d("2025-08-10")


def test_windows_apart_are_followed_by_one_email_each() -> None:
    contact = person(birth_date="1970-06-10", effective_date="2020-07-12")  # 11 July is free
    rows = found(run(contact, "2025-05-20", rules=two_windows()), POST_WINDOW)
    assert [(row.event, row.send) for row in rows] == [
        (d("2025-07-10"), d("2025-07-11")),
        (d("2025-08-11"), d("2025-08-12")),
    ]


def test_no_email_after_windows_without_an_end() -> None:
    rules = two_windows(effective_after=334)  # with 30 days of the birthday: every day of every year
    contact = person(birth_date="1970-06-01", effective_date="2020-07-02")
    assert not found(run(contact, "2025-05-20", rules=rules), POST_WINDOW)


@pytest.mark.parametrize(("day", "event"), [("2026-02-28", None), ("2026-03-01", "2028-02-28")])
def test_a_chain_is_followed_for_730_days(day: str, event: str | None) -> None:
    """365 days from each 1 March leave one free day in four years: 29 February 2028."""
    rules = without_aep(birthday_windows={"TX": WindowRule(0, 364, extension=0)})
    gone = Sent(1, BIRTHDAY, d("2026-03-01"), d("2025-06-01"), "sent")
    contact = person(birth_date="1970-03-01")
    rows = run(contact, "2026-02-01", extra=[campaign(1, day)], sent=[gone], rules=rules).rows
    expected = [d(event)] if event else []
    assert [row.event for row in rows if row.kind == POST_WINDOW] == expected


def test_an_email_after_a_window_that_another_window_keeps_back_has_no_successor() -> None:
    """Windows to 10 July and from 12 July; 11 July was missed, and nothing else is kept back."""
    contact = person(birth_date="1970-06-10", effective_date="2020-07-12")
    skipped = Row(1, BIRTHDAY, d("2025-06-10"), d("2025-06-10"), d("2025-06-10"), "birthday_window", 5)
    waiting = Row(1, POST_WINDOW, d("2025-07-10"), d("2025-07-11"), d("2025-07-11"), None, 8)
    gone = [
        Sent(1, BIRTHDAY, d("2026-06-10"), d("2024-01-01"), "sent"),
        Sent(1, EFFECTIVE_DATE, d("2026-07-12"), d("2024-01-01"), "sent"),
    ]
    result = run(contact, "2025-07-12", stored=[skipped, waiting], sent=gone, rules=two_windows())
    assert result.rows == [skipped, replace(waiting, send=d("2025-07-13"), reason="effective_date_window")]
    assert run(contact, "2025-07-14", stored=result.rows, sent=gone, rules=two_windows()).rows == result.rows


def test_a_year_round_skip_is_followed_by_nothing_even_after_a_move() -> None:
    contact = person(state="OR", birth_date="1970-06-15")  # moved here from New York
    skipped = Row(1, BIRTHDAY, d("2025-06-15"), d("2025-06-01"), d("2025-06-01"), "year_round_exclusion", 5)
    result = run(contact, "2025-06-10", stored=[skipped])
    assert not found(result, POST_WINDOW)
    assert skipped in result.rows


def test_the_email_after_a_window_lives_on_when_its_cause_is_history() -> None:
    """Oregon, birthday 15 June, window to 16 July: written on 17 July although the birthday is past."""
    contact = person(state="OR", birth_date="1970-06-15")
    rows = run(contact, "2025-05-01").rows
    assert [(row.kind, row.send, row.reason) for row in rows if row.kind != AEP] == [
        (BIRTHDAY, d("2025-06-01"), "birthday_window"),
        (POST_WINDOW, d("2025-07-17"), None),
    ]
    for today in ("2025-06-02", "2025-06-16", "2025-07-17"):
        result = run(contact, today, stored=rows)
        assert the_with_event(result, POST_WINDOW, "2025-07-16").send == d("2025-07-17")
        rows = result.rows


def the_with_event(result: Result, kind: int, event: str, contact: int = 1) -> Row:
    (row,) = [row for row in found(result, kind, contact) if row.event == d(event)]
    return row


def test_one_email_per_window_even_if_its_end_moves() -> None:
    """Sent on 17 July for the window to 16 July; a rule then makes the window end on 20 July."""
    contact = person(state="OR", birth_date="1970-06-15")
    skipped = Row(1, BIRTHDAY, d("2025-06-15"), d("2025-06-01"), d("2025-06-01"), "birthday_window", 5)
    gone = Sent(1, POST_WINDOW, d("2025-07-16"), d("2025-07-17"), "sent")
    rules = default_rules()
    rules.birthday_windows["OR"] = WindowRule(0, 35)

    def events(result: Result) -> list[date]:
        return [row.event for row in found(result, POST_WINDOW)]

    assert d("2025-07-20") not in events(
        run(contact, "2025-07-18", stored=[skipped], sent=[gone], rules=rules)
    )
    assert d("2025-07-20") in events(run(contact, "2025-07-18", stored=[skipped], rules=rules))
    first_day = replace(gone, event=d("2025-04-15"), send=d("2025-04-16"))
    before = replace(first_day, send=d("2025-04-15"))
    for sent, planned in ((first_day, False), (before, True)):
        result = run(contact, "2025-07-18", stored=[skipped], sent=[sent], rules=rules)
        assert (d("2025-07-20") in events(result)) == planned
    failed = replace(gone, status="failed")
    assert d("2025-07-20") in events(run(contact, "2025-07-18", stored=[skipped], sent=[failed], rules=rules))


def test_last_years_skip_is_not_followed_for_ever() -> None:
    contact = person(state="OR", birth_date="1970-06-15")
    skipped = Row(1, BIRTHDAY, d("2025-06-15"), d("2025-06-01"), d("2025-06-01"), "birthday_window", 5)
    # The ideal day is 17 July, the deadline 45 days later is 31 August.
    assert the_with_event(run(contact, "2025-08-31", stored=[skipped]), POST_WINDOW, "2025-07-16")
    assert d("2025-07-16") not in {
        row.event for row in found(run(contact, "2025-09-01", stored=[skipped]), POST_WINDOW)
    }


def test_a_window_that_is_no_more_is_followed_by_nothing() -> None:
    contact = person(state="TX", birth_date="1970-06-15")  # moved here from Oregon
    skipped = Row(1, BIRTHDAY, d("2025-06-15"), d("2025-06-01"), d("2025-06-01"), "birthday_window", 5)
    waiting = Row(1, POST_WINDOW, d("2025-07-16"), d("2025-07-17"), d("2025-07-17"), None, 8)
    result = run(contact, "2025-06-10", stored=[skipped, waiting])
    assert not found(result, POST_WINDOW)
    assert skipped in result.rows


def test_a_campaign_is_followed_too_but_a_follow_up_is_not() -> None:
    contact = person(state="OR", birth_date="1970-06-15")
    rules = without_aep(birthday_days_before=70)  # so that the birthday email comes before the window
    held = campaign(1, "2025-06-01")
    result = run(contact, "2025-04-01", extra=[held], rules=rules)
    assert the(result, 16).reason == "birthday_window"
    assert the(result, POST_WINDOW).send == d("2025-07-17")
    result = run(contact, "2025-04-01", extra=[replace(held, followup=True)], rules=rules)
    assert the(result, 16).reason == "birthday_window"
    assert not found(result, POST_WINDOW)
    result = run(contact, "2025-04-01", extra=[replace(held, respects_windows=False)], rules=rules)
    assert (the(result, 16).send, the(result, 16).reason) == (d("2025-06-01"), None)


# ---------------------------------------------------------------------------------------------------
# Catch-up, deadlines, blackout


def test_catch_up_by_hash() -> None:
    """Birthday 6 March, ideal day 20 February, today 1 March: one of 2, 3, 4, 5 March."""
    days = set()
    for seed in range(20):
        row = the(run(person(birth_date="1970-03-06", seed=seed), "2025-03-01"), BIRTHDAY)
        choice = row_hash(seed, splitmix64(BIRTHDAY), d("2025-03-06")) % 4
        assert (row.send, row.ideal) == (d("2025-03-02") + choice * DAY, d("2025-02-20"))
        days.add(row.send)
    assert len(days) == 4


def test_catch_up_reaches_no_further_than_its_spread() -> None:
    rules = without_aep(effective_date_days_before=60)
    days = set()
    for seed in range(60):
        row = the(
            run(person(effective_date="2020-06-30", seed=seed), "2025-06-01", rules=rules), EFFECTIVE_DATE
        )
        days.add(row.send)
    assert days == {d("2025-06-01") + n * DAY for n in range(1, 8)}


def test_on_the_last_day_it_goes_today() -> None:
    row = the(run(person(birth_date="1970-03-06"), "2025-03-05"), BIRTHDAY)
    assert (row.send, row.reason) == (d("2025-03-05"), None)


@pytest.mark.parametrize(
    ("today", "send", "reason"),
    [
        ("2025-03-15", "2025-03-16", None),  # the only free day
        ("2025-03-16", "2025-03-16", None),  # none from tomorrow on, so today
        ("2025-03-17", "2025-03-18", "effective_date_window"),
        ("2025-03-24", "2025-03-24", "effective_date_window"),  # the deadline
    ],
)
def test_catch_up_beside_a_window(today: str, send: str, reason: str | None) -> None:
    """Missouri, window 17 March to 18 July; birthday 25 March, ideal day 11 March."""
    contact = person(state="MO", birth_date="1970-03-25", effective_date="2020-06-15")
    result = run(contact, today, rules=without_aep())
    row = the(result, BIRTHDAY)
    assert (row.send, row.reason) == (d(send), reason)
    # The effective-date email's ideal day is 16 May, so the window is followed by an email in any case.
    assert the(result, POST_WINDOW).send == d("2025-07-19")


def test_a_catch_up_without_a_day_is_missed_where_no_window_is_to_blame() -> None:
    rules = without_aep(blackout_dates={d("2025-03-01") + n * DAY for n in range(8)})
    row = the(run(person(birth_date="1970-03-12"), "2025-03-01", rules=rules), BIRTHDAY)
    assert (row.send, row.reason) == (d("2025-02-26"), "missed")


def test_a_blackout_on_the_ideal_day_moves_it_on() -> None:
    rules = without_aep(blackout_weekdays={5, 6}, blackout_dates={d("2025-03-03")})
    contact = person(birth_date="1970-03-15")  # ideal: Saturday 1 March
    row = the(run(contact, "2025-02-01", rules=rules), BIRTHDAY)
    assert (row.send, row.ideal, row.reason) == (d("2025-03-04"), d("2025-03-01"), None)
    rules.blackout_dates = {d("2025-03-01") + n * DAY for n in range(14)}
    row = the(run(contact, "2025-02-01", rules=rules), BIRTHDAY)
    assert (row.send, row.reason) == (d("2025-03-01"), "missed")


def aep_row(send: str, **fields: object) -> Row:
    return replace(Row(1, AEP, d("2025-09-15"), d(send), d("2025-09-15"), None, 3), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("today", "send", "reason"),
    [
        ("2025-09-20", "2025-10-20", None),
        ("2025-10-20", "2025-10-20", None),
        ("2025-10-29", "2025-10-30", None),  # its day was missed: tomorrow is the last day
        ("2025-10-30", "2025-10-30", None),
        ("2025-10-31", "2025-10-20", "missed"),
    ],
)
def test_an_aep_email_is_held_after_its_event_until_its_deadline(
    today: str, send: str, reason: str | None
) -> None:
    result = run(person(), today, stored=[aep_row("2025-10-20")])
    assert the_with_event(result, AEP, "2025-09-15") == aep_row(send, reason=reason)
    assert the_with_event(result, AEP, "2026-09-15").send == d("2026-09-15")


def test_missed_is_final() -> None:
    missed = aep_row("2025-10-20", reason="missed")
    for today in ("2025-10-31", "2025-11-30", "2027-01-01"):
        assert missed in run(person(), today, stored=[missed]).rows


def test_nobody_is_written_about_an_aep_date_before_their_time() -> None:
    assert the(run(person(), "2025-09-16"), AEP).event == d("2026-09-15")


def test_after_an_outage() -> None:
    """Birthday 10 March, planned for 24 February, nothing sent since."""
    contact = person(birth_date="1970-03-10")
    planned = Row(1, BIRTHDAY, d("2025-03-10"), d("2025-02-24"), d("2025-02-24"), None, 5)
    row = the(run(contact, "2025-03-03", stored=[planned]), BIRTHDAY)
    choice = row_hash(1, splitmix64(BIRTHDAY), d("2025-03-10")) % 6  # 4 to 9 March
    assert (row.send, row.reason) == (d("2025-03-04") + choice * DAY, None)
    row = the(run(contact, "2025-03-09", stored=[planned]), BIRTHDAY)
    assert (row.send, row.reason) == (d("2025-03-09"), None)
    row = the_with_event(run(contact, "2025-03-10", stored=[planned]), BIRTHDAY, "2025-03-10")
    assert (row.send, row.reason) == (d("2025-02-24"), "missed")


# ---------------------------------------------------------------------------------------------------
# Stored rows


def test_a_date_stays_while_it_is_good() -> None:
    contact = person(birth_date="1970-03-10")
    planned = Row(1, BIRTHDAY, d("2025-03-10"), d("2025-03-02"), d("2025-02-24"), None, 5)

    def send(rules: Rules, today: str = "2025-02-01") -> date:
        return the(run(contact, today, stored=[planned], rules=rules), BIRTHDAY).send

    assert send(without_aep()) == d("2025-03-02")
    assert send(without_aep(), "2025-03-02") == d("2025-03-02")
    assert send(without_aep(blackout_dates={d("2025-03-02")})) == d("2025-02-24")
    assert send(without_aep(birthday_days_before=13)) == d("2025-02-25")


def test_a_stored_row_goes_with_its_cause() -> None:
    contact = person(birth_date="1970-03-11", effective_date="2020-06-01")
    gone = [
        Row(1, BIRTHDAY, d("2025-03-10"), d("2025-02-24"), d("2025-02-24"), None, 5),
        Row(1, EFFECTIVE_DATE, d("2025-06-02"), d("2025-05-03"), d("2025-05-03"), None, 5),
        Row(1, AEP, d("2025-10-01"), d("2025-10-01"), d("2025-10-01"), None, 3),
        Row(1, POST_WINDOW, d("2025-04-01"), d("2025-04-02"), d("2025-04-02"), None, 8),
        Row(1, 16, d("2025-04-05"), d("2025-04-05"), d("2025-04-05"), None, 5),
        Row(1, BIRTHDAY, d("2025-03-11"), d("2025-03-01"), d("2025-03-01"), None, 5, followup=True),
        Row(1, BIRTHDAY, d("2025-04-10"), d("2025-01-10"), d("2025-01-10"), "birthday_window", 5),
    ]
    assert run(contact, "2025-02-01", stored=gone) == run(contact, "2025-02-01")


def test_a_skip_is_final_once_its_day_is_past() -> None:
    """Moved from Oregon to Texas: before the ideal day the email is freed, after it the skip stands."""
    contact = person(birth_date="1970-06-15")
    skipped = Row(1, BIRTHDAY, d("2025-06-15"), d("2025-06-01"), d("2025-06-01"), "birthday_window", 5)
    assert the(run(contact, "2025-06-01", stored=[skipped]), BIRTHDAY) == replace(skipped, reason=None)
    assert the(run(contact, "2025-06-02", stored=[skipped]), BIRTHDAY) == skipped


def test_a_final_skip_stays_as_history_from_the_day_of_its_event() -> None:
    """The birth date was corrected: the row goes while its event is ahead, and stays on its day."""
    skipped = Row(1, BIRTHDAY, d("2025-06-15"), d("2025-06-01"), d("2025-06-01"), "frequency_limit", 5)
    contact = person(birth_date="1970-12-24")
    assert skipped not in run(contact, "2025-06-14", stored=[skipped]).rows
    assert skipped in run(contact, "2025-06-15", stored=[skipped]).rows


def test_a_pinned_row_is_only_checked_against_windows() -> None:
    contact = person(birth_date="1970-06-15")
    pinned = Row(1, BIRTHDAY, d("2025-06-15"), d("2025-06-20"), d("2025-06-01"), None, 5, pinned=True)
    rules = without_aep(blackout_dates={d("2025-06-20")})
    assert the(run(contact, "2025-05-01", stored=[pinned], rules=rules), BIRTHDAY) == pinned
    assert (
        the_with_event(run(contact, "2025-06-20", stored=[pinned], rules=rules), BIRTHDAY, "2025-06-15")
        == pinned
    )
    rules.birthday_windows = {"TX": WindowRule(0, 5, extension=0)}
    result = run(contact, "2025-05-01", stored=[pinned], rules=rules)
    assert the(result, BIRTHDAY) == replace(pinned, reason="birthday_window")
    assert the(result, POST_WINDOW).send == d("2025-06-21")
    rules.birthday_windows = {"TX": WindowRule(20, 0, extension=0)}  # the ideal day is in it, the pin is not
    assert the(run(contact, "2025-05-01", stored=[pinned], rules=rules), BIRTHDAY) == pinned


def test_a_pin_ends_with_its_day() -> None:
    contact = person(birth_date="1970-06-15")
    pinned = Row(1, BIRTHDAY, d("2025-06-15"), d("2025-06-05"), d("2025-06-01"), None, 5, pinned=True)
    row = the(run(contact, "2025-06-06", stored=[pinned]), BIRTHDAY)
    assert not row.pinned
    assert d("2025-06-07") <= row.send <= d("2025-06-13")


# ---------------------------------------------------------------------------------------------------
# What was sent


@pytest.mark.parametrize("status", ["sent", "in_doubt", "failed", "cancelled", "processing"])
def test_an_email_is_never_planned_again_for_its_event(status: str) -> None:
    gone = Sent(1, BIRTHDAY, d("2025-03-10"), d("2024-01-01"), status)
    assert not found(run(person(birth_date="1970-03-10"), "2025-01-01", sent=[gone]), BIRTHDAY)


@pytest.mark.parametrize(
    ("birth_date", "planned"),
    [
        ("1970-06-01", False),
        ("1970-08-23", False),  # 180 days after it was sent
        ("1970-08-24", True),
        ("1970-02-26", True),  # in 2026
    ],
)
def test_a_corrected_birth_date(birth_date: str, planned: bool) -> None:
    """Sent on 24 February for 10 March; the date is corrected on 1 March."""
    gone = Sent(1, BIRTHDAY, d("2025-03-10"), d("2025-02-24"), "sent")
    contact = person(birth_date=birth_date)
    assert bool(found(run(contact, "2025-03-01", sent=[gone]), BIRTHDAY)) == planned
    for other in (
        replace(gone, kind=EFFECTIVE_DATE),
        replace(gone, status="failed"),
        replace(gone, followup=True),
    ):
        assert found(run(contact, "2025-03-01", sent=[other]), BIRTHDAY)


def test_a_moved_aep_date_is_the_same_event_but_a_second_one_is_not() -> None:
    gone = Sent(1, AEP, d("2025-09-15"), d("2025-09-17"), "sent")
    moved = replace(default_rules(), aep_dates=[(10, 1)])
    assert not found(run(person(), "2025-09-20", sent=[gone], rules=moved), AEP)
    both = replace(default_rules(), aep_dates=[(9, 15), (10, 1)])
    assert the(run(person(), "2025-09-20", sent=[gone], rules=both), AEP).event == d("2025-10-01")


# ---------------------------------------------------------------------------------------------------
# Smoothing


def crowd(count: int, **fields: object) -> list[Contact]:
    return [person(number, **fields) for number in range(1, count + 1)]  # type: ignore[arg-type]


def test_smoothing_spreads_all_of_a_day() -> None:
    """20 contacts, cap 20, soft limit 6: 7 on a day are spread over -2..+2, 6 are not."""
    rules = without_aep(cap_share=Decimal(1))
    contacts = crowd(20, effective_date=None)
    for crowded in (6, 7, 20):
        some = [replace(c, effective_date="2020-06-01") if c.id <= crowded else c for c in contacts]
        rows = run(some, "2025-01-01", rules=rules).rows
        assert len(rows) == crowded
        for row in rows:
            assert row.ideal == d("2025-05-02")
            choice = row_hash(row.contact_id, splitmix64(EFFECTIVE_DATE), d("2025-06-01")) % 5
            expected = d("2025-04-30") + choice * DAY if crowded > 6 else d("2025-05-02")
            assert row.send == expected


def test_smoothing_begins_tomorrow_and_knows_blackout_days() -> None:
    rules = without_aep(ed_soft_limit=1, blackout_dates={d("2025-05-03")})
    rows = run(crowd(5, effective_date="2020-06-01"), "2025-05-01", rules=rules).rows
    for row in rows:  # 2 May (tomorrow and ideal) or 4 May
        choice = row_hash(row.contact_id, splitmix64(EFFECTIVE_DATE), d("2025-06-01")) % 2
        assert row.send == [d("2025-05-02"), d("2025-05-04")][choice]


def test_smoothing_leaves_rows_that_have_a_day() -> None:
    rules = without_aep(ed_soft_limit=2)
    stored = [
        Row(number, EFFECTIVE_DATE, d("2025-06-01"), d("2025-05-02"), d("2025-05-02"), None, 5)
        for number in (1, 2)
    ]
    rows = run(crowd(3, effective_date="2020-06-01"), "2025-01-01", stored=stored, rules=rules).rows
    assert rows[:2] == stored
    choice = row_hash(3, splitmix64(EFFECTIVE_DATE), d("2025-06-01")) % 5
    assert rows[2].send == d("2025-04-30") + choice * DAY


# ---------------------------------------------------------------------------------------------------
# Cap


def by_hash(contacts: list[Contact], code: int, event: str) -> list[int]:
    """Ids, the lowest hash first."""
    return [c.id for c in sorted(contacts, key=lambda c: row_hash(c.seed, code, d(event)))]


def test_a_full_day_spills_over_in_order_of_hash() -> None:
    """10 birthdays on one day, cap 2: two on each of 24 to 28 February."""
    contacts = crowd(10, birth_date="1970-03-10")
    result = run(contacts, "2025-01-01", rules=without_aep(cap_share=Decimal("0.2"), overage=Decimal("1.2")))
    assert result.cap == 2
    order = by_hash(contacts, splitmix64(BIRTHDAY), "2025-03-10")
    for place, number in enumerate(order):
        row = the(result, BIRTHDAY, number)
        assert (row.send, row.ideal) == (d("2025-02-24") + place // 2 * DAY, d("2025-02-24"))
    assert result.over_cap == {}


def test_the_threshold_is_exact() -> None:
    """Cap 5, threshold 6: six stay, seven become five and two."""
    rules = without_aep(cap_share=Decimal("0.25"), overage=Decimal("1.2"))
    contacts = crowd(20, birth_date=None)
    for count, sizes in ((6, [6]), (7, [5, 2])):
        some = [replace(c, birth_date="1970-03-10") if c.id <= count else c for c in contacts]
        days = Counter(row.send for row in run(some, "2025-01-01", rules=rules).rows)
        assert [size for _, size in sorted(days.items())] == sizes


def test_what_cannot_move_stays_and_is_reported() -> None:
    """10 birthdays, cap 1, three days until the deadline: the rest stays on the first day."""
    rules = without_aep(cap_share=Decimal("0.1"), overage=Decimal("1.2"), birthday_days_before=4)
    result = run(crowd(10, birth_date="1970-03-10"), "2025-01-01", rules=rules)
    days = Counter(row.send for row in result.rows)
    assert days == {d("2025-03-06"): 7, d("2025-03-07"): 1, d("2025-03-08"): 1, d("2025-03-09"): 1}
    assert result.over_cap == {d("2025-03-06"): 7}


def test_lower_priorities_leave_first_and_then_those_without_a_date() -> None:
    contacts = crowd(5)
    rules = without_aep(cap_share=Decimal("0.4"), overage=Decimal("1.2"))
    extra = [campaign(number, "2025-03-01", priority=7 if number in (1, 2) else 1) for number in range(1, 6)]
    result = run(contacts, "2025-02-01", extra=extra, rules=rules)
    important = [number for number in by_hash(contacts, splitmix64(16), "2025-03-01") if number > 2]
    assert {row.contact_id for row in result.rows if row.send == d("2025-03-01")} == set(important[:2])
    assert the(result, 16, important[2]).send == d("2025-03-02")
    stored = [
        Row(number, 16, d("2025-03-01"), d("2025-03-01"), d("2025-03-01"), None, 1)
        for number in important[1:]
    ]
    result = run(contacts, "2025-02-01", extra=extra, stored=stored, rules=rules)
    assert {row.contact_id for row in result.rows if row.send == d("2025-03-01")} == set(important[1:])


def test_sent_emails_count_and_stay() -> None:
    contacts = crowd(4)
    rules = without_aep(cap_share=Decimal("0.5"), overage=Decimal(1), max_per_period=9)
    out = [Sent(number, BIRTHDAY, d("2024-01-01"), d("2025-03-01"), "scheduled") for number in (1, 2)]
    result = run(contacts, "2025-03-01", extra=[campaign(3, "2025-03-01")], sent=out, rules=rules)
    assert the(result, 16, 3).send == d("2025-03-02")
    for change in ({"status": "cancelled"}, {"kind": None, "event": None}):
        other = [replace(row, **change) for row in out]
        result = run(contacts, "2025-03-01", extra=[campaign(3, "2025-03-01")], sent=other, rules=rules)
        assert the(result, 16, 3).send == d("2025-03-01")


def test_a_pinned_row_is_not_moved_but_counts() -> None:
    rules = without_aep(overage=Decimal(1))
    pinned = Row(1, 16, d("2025-03-01"), d("2025-03-01"), d("2025-03-01"), None, 9, pinned=True)
    extra = [campaign(1, "2025-03-01", priority=9), campaign(2, "2025-03-01", priority=1)]
    result = run(crowd(2), "2025-02-01", stored=[pinned], extra=extra, rules=rules)
    assert the(result, 16, 1) == pinned
    assert the(result, 16, 2).send == d("2025-03-02")


def test_two_emails_of_one_contact_never_move_to_one_day() -> None:
    """Cap 2, four emails on 1 March; the two follow-ups of contact 1 have to go."""
    rules = without_aep(cap_share=Decimal("0.5"), overage=Decimal(1))
    extra = [campaign(number, "2025-03-01", priority=1) for number in (2, 3)]
    extra += [campaign(1, "2025-03-01", priority=9, kind=kind, followup=True) for kind in (18, 19)]
    result = run(crowd(4), "2025-02-01", extra=extra, rules=rules)
    assert {row.send for row in result.rows if row.contact_id == 1} == {d("2025-03-02"), d("2025-03-03")}


def test_a_follow_up_may_move_beside_any_email() -> None:
    rules = without_aep(cap_share=Decimal("0.5"), overage=Decimal(1), max_per_period=1)
    extra = [campaign(number, "2025-03-01", priority=1) for number in (2, 3)]
    extra += [campaign(1, "2025-03-01", priority=9, followup=True), campaign(1, "2025-03-02", kind=17)]
    result = run(crowd(4), "2025-02-01", extra=extra, rules=rules)
    assert the(result, 16, 1).send == the(result, 17, 1).send == d("2025-03-02")


def test_a_moved_email_keeps_windows_and_frequency() -> None:
    """Cap 1. Whoever moves from 1 March may not go on the 2nd (window), nor on the 3rd to 5th (frequency)."""
    rules = without_aep(overage=Decimal(1), max_per_period=1, period_days=3)
    rules.birthday_windows = {"TX": WindowRule(0, 0, extension=0)}
    contacts = [person(1, birth_date="1970-03-02"), person(2)]
    gone = Sent(1, 17, d("2025-03-05"), d("2025-03-05"), "scheduled")
    rules.birthday_days_before = 300
    extra = [campaign(1, "2025-03-01", priority=9), campaign(2, "2025-03-01", priority=1)]
    old = Sent(1, BIRTHDAY, d("2026-03-02"), d("2024-06-01"), "sent")
    older = Sent(1, BIRTHDAY, d("2025-03-02"), d("2024-05-01"), "sent")
    result = run(contacts, "2025-02-01", extra=extra, sent=[gone, old, older], rules=rules)
    assert the(result, 16, 2).send == d("2025-03-01")
    assert the(result, 16, 1).send == d(
        "2025-03-08"
    )  # the 5th is taken by a sent one, the 6th and 7th too near


def test_the_emails_of_15_september_leave_two_a_day() -> None:
    """30 contacts, cap 2: from 15 to 29 September, each once, night by night."""
    world = World(crowd(30), [], [], [], default_rules(), d("2025-09-01"))
    for _ in range(40):
        result = world.plan()
        assert result.cap == 2
        world = after(world, result.rows, Night(1))
    assert sorted(row.contact_id for row in world.sent) == list(range(1, 31))
    days = Counter(row.send for row in world.sent)
    assert days == {d("2025-09-15") + n * DAY: 2 for n in range(15)}


# ---------------------------------------------------------------------------------------------------
# Frequency and conflicts


def reasons(result: Result) -> dict[int, str | None]:
    return {row.kind: row.reason for row in result.rows}


def test_the_less_important_email_is_one_too_many() -> None:
    extra = [
        campaign(1, "2025-03-01", priority=5, kind=16),
        campaign(1, "2025-03-02", priority=3, kind=17),
        campaign(1, "2025-03-03", priority=1, kind=18),
    ]
    result = run(person(), "2025-02-01", extra=extra, rules=without_aep())
    assert reasons(result) == {16: "frequency_limit", 17: None, 18: None}
    assert the(result, 16).send == d("2025-03-01")


def test_among_equals_the_earlier_and_then_the_first_kind_is_kept() -> None:
    rules = without_aep(max_per_period=1)
    later = [campaign(1, "2025-03-02", kind=16), campaign(1, "2025-03-01", kind=17)]
    assert reasons(run(person(), "2025-02-01", extra=later, rules=rules)) == {16: "frequency_limit", 17: None}
    contact = person(birth_date="1970-03-15")  # ideal: 1 March
    same = [campaign(1, "2025-03-01", kind=16)]
    result = run(contact, "2025-02-01", extra=same, rules=rules)
    assert reasons(result) == {BIRTHDAY: None, 16: "frequency_limit"}


@pytest.mark.parametrize(("apart", "reason"), [(13, "frequency_limit"), (14, None)])
def test_a_period_has_fourteen_days(apart: int, reason: str | None) -> None:
    second = (d("2025-03-01") + apart * DAY).isoformat()
    extra = [campaign(1, "2025-03-01", kind=16), campaign(1, second, kind=17)]
    result = run(person(), "2025-02-01", extra=extra, rules=without_aep(max_per_period=1))
    assert reasons(result) == {16: None, 17: reason}


@pytest.mark.parametrize(
    ("status", "followup", "kind", "reason"),
    [
        ("sent", False, BIRTHDAY, "frequency_limit"),
        ("scheduled", False, None, "frequency_limit"),
        ("in_doubt", False, 17, "frequency_limit"),
        ("bounced", False, 17, "frequency_limit"),
        ("failed", False, 17, None),
        ("cancelled", False, 17, None),
        ("sent", True, 17, None),
    ],
)
def test_what_was_sent_counts_first(
    status: str, followup: bool, kind: int | None, reason: str | None
) -> None:
    gone = Sent(1, kind, None, d("2025-02-20"), status, followup)
    rules = without_aep(max_per_period=1)
    result = run(
        person(), "2025-02-21", extra=[campaign(1, "2025-03-01", priority=0)], sent=[gone], rules=rules
    )
    assert reasons(result) == {16: reason}


def test_pinned_rows_and_follow_ups() -> None:
    """A pinned row is kept before all others; a follow-up neither counts nor is limited."""
    rules = without_aep(max_per_period=1)
    pinned = Row(1, 17, d("2025-03-02"), d("2025-03-02"), d("2025-03-02"), None, 9, pinned=True)
    extra = [
        campaign(1, "2025-03-01", priority=1, kind=16),
        campaign(1, "2025-03-02", priority=9, kind=17),
        campaign(1, "2025-03-01", priority=1, kind=18, followup=True),
        campaign(1, "2025-03-02", priority=1, kind=19, followup=True),
    ]
    result = run(person(), "2025-02-01", stored=[pinned], extra=extra, rules=rules)
    assert reasons(result) == {16: "frequency_limit", 17: None, 18: None, 19: None}


def test_two_campaigns_on_one_day() -> None:
    rules = without_aep(max_per_period=9)

    def judged(*priorities: int, sent: Iterable[Sent] = ()) -> dict[int, str | None]:
        extra = [campaign(1, "2025-03-01", p, kind) for kind, p in enumerate(priorities, FIRST_CAMPAIGN)]
        return reasons(
            run(person(birth_date="1970-03-15"), "2025-02-01", extra=extra, sent=sent, rules=rules)
        )

    assert judged(5, 1) == {BIRTHDAY: None, 16: "campaign_conflict", 17: None}
    assert judged(5, 5, 5) == {BIRTHDAY: None, 16: None, 17: "campaign_conflict", 18: "campaign_conflict"}
    gone = Sent(1, 30, d("2025-01-01"), d("2025-03-01"), "scheduled")
    assert judged(1, sent=[gone]) == {BIRTHDAY: None, 16: "campaign_conflict"}
    assert judged(1, sent=[replace(gone, kind=AEP)]) == {BIRTHDAY: None, 16: None}


def test_a_loser_keeps_even_a_day_it_was_moved_to() -> None:
    rules = without_aep(max_per_period=1)
    moved = Row(1, 16, d("2025-03-01"), d("2025-03-04"), d("2025-03-01"), "frequency_limit", 5)
    extra = [campaign(1, "2025-03-01", 5), campaign(1, "2025-03-02", 1, kind=17)]
    assert the(run(person(), "2025-02-01", stored=[moved], extra=extra, rules=rules), 16) == moved


def test_a_loser_keeps_its_day_and_returns_when_the_winner_goes() -> None:
    rules = without_aep()
    loser, winner = campaign(1, "2025-03-01", 5), campaign(1, "2025-03-01", 1, kind=17)
    first = run(person(), "2025-02-01", extra=[loser, winner], rules=rules)
    again = run(person(), "2025-02-02", extra=[loser], stored=first.rows, rules=rules)
    assert [(row.kind, row.send, row.reason) for row in again.rows] == [(16, d("2025-03-01"), None)]


# ---------------------------------------------------------------------------------------------------
# In any world

ANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def sent_rows(world: World) -> list[Sent]:
    return [row for row in world.sent if row.status in COUNTS_AS_SENT]


class Made:
    """What campaigns and follow-ups say of their rows."""

    def __init__(self, world: World) -> None:
        self.rules = world.rules
        self.by_key = {(one.contact_id, *one.key): one for one in world.candidates()}

    def of(self, row: Row) -> Extra | None:
        return self.by_key.get((row.contact_id, *row.key))

    def deadline(self, row: Row) -> date:
        one = self.of(row)
        if one is not None:
            return one.deadline
        return row.event - DAY if row.event > row.ideal else row.ideal + self.rules.max_shift_days * DAY

    def ignores_windows(self, row: Row) -> bool:
        one = self.of(row)
        return one is not None and not one.respects_windows


def blackout(world: World, day: date) -> bool:
    return day in world.rules.blackout_dates or day.weekday() in world.rules.blackout_weekdays


def too_many(world: World, rows: list[Row], row: Row, day: date) -> bool:
    """Whether `row` on `day` would break the frequency limit or meet another campaign email."""
    if row.followup:
        return False
    others = [
        (r.send, r.kind) for r in rows if r.contact_id == row.contact_id and r is not row and not r.followup
    ]
    others += [
        (s.send, s.kind or 0) for s in sent_rows(world) if s.contact_id == row.contact_id and not s.followup
    ]
    if row.kind >= FIRST_CAMPAIGN and any(on == day and kind >= FIRST_CAMPAIGN for on, kind in others):
        return True
    length = world.rules.period_days
    starts = [day - n * DAY for n in range(length)]
    return any(
        sum(start <= on < start + length * DAY for on, _ in others) >= world.rules.max_per_period
        for start in starts
    )


def check(world: World, result: Result) -> None:
    """What must hold of every plan."""
    rules, today, made = world.rules, world.today, Made(world)
    keys = [(row.contact_id, *row.key) for row in result.rows]
    assert len(keys) == len(set(keys))
    planned = [row for row in result.rows if row.reason is None]
    gone = {(row.contact_id, row.kind, row.event, row.followup) for row in world.sent}
    for row in planned:
        assert (row.contact_id, *row.key) not in gone
        assert row.send >= today
        if not made.ignores_windows(row):
            assert world.excluded(row.contact_id, row.send) is None
        if not row.pinned:
            assert row.send <= made.deadline(row)
            assert not blackout(world, row.send)
            assert not too_many(world, planned, row, row.send)

    for row in result.rows:
        if row.send < today:
            continue
        if row.reason in ("frequency_limit", "campaign_conflict"):
            assert too_many(world, planned, row, row.send)
        elif row.reason not in (None, "missed", "campaign_inactive"):
            assert world.excluded(row.contact_id, row.send) == row.reason

    for row in world.stored:
        waits = row.reason == "campaign_inactive" and made.of(row) is not None
        if row.reason is not None and row.send < today and row.event <= today and not waits:
            assert row in result.rows

    counts = Counter(row.send for row in planned)
    counts.update(row.send for row in sent_rows(world) if row.send >= today and row.kind is not None)
    over = {day: count for day, count in counts.items() if count > result.cap * rules.overage}
    assert result.over_cap == over
    for row in planned:
        if row.send not in over or row.pinned:
            continue
        day = row.send + DAY
        while day <= made.deadline(row):
            assert (
                counts[day] >= result.cap
                or blackout(world, day)
                or (not made.ignores_windows(row) and world.excluded(row.contact_id, day) is not None)
                or too_many(world, planned, row, day)
            )
            day += DAY


@ANY
@given(worlds())
def test_every_rule_holds_and_a_second_run_changes_nothing(world: World) -> None:
    result = world.plan()
    check(world, result)
    assert after(world, result.rows, Night(days=0)).plan() == result


@ANY
@given(next_nights())
def test_night_after_night(story: Story) -> None:
    """One contact changed, another pinned, rules changed, the sender or the planner down for a while."""
    world = story.world
    result = world.plan()
    for night in story.nights:
        world = after(world, result.rows, night)
        result = world.plan()
        check(world, result)
        assert after(world, result.rows, Night(days=0)).plan() == result


@ANY
@given(worlds(), st.integers(0, 2**32))
def test_neither_the_order_of_rows_nor_ids_matter(world: World, seed: int) -> None:
    shuffle = random.Random(seed)
    numbers = [contact.id for contact in world.contacts]
    new_id = dict(zip(numbers, shuffle.sample(range(1000, 2000), len(numbers)), strict=True))

    def mixed(things: list) -> list:  # type: ignore[type-arg]
        return shuffle.sample(things, len(things))

    other = World(
        mixed([replace(contact, id=new_id[contact.id]) for contact in world.contacts]),
        mixed([replace(row, contact_id=new_id[row.contact_id]) for row in world.stored]),
        mixed([replace(row, contact_id=new_id[row.contact_id]) for row in world.sent]),
        mixed([replace(one, contact_id=new_id[one.contact_id]) for one in world.extra]),
        world.rules,
        world.today,
    )
    one, two = world.plan(), other.plan()
    assert {replace(row, contact_id=new_id[row.contact_id]) for row in one.rows} == set(two.rows)
    assert (one.eligible, one.cap, one.over_cap) == (two.eligible, two.cap, two.over_cap)
    assert {(new_id[number], code) for number, code in one.issues} == two.issues
