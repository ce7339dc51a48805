"""Two years, night by night, with bad luck: who should have been written to was, once, and on a lawful day.

A few hundred people live through the real store: the planner runs each night, what is due leaves each
day, people move and correct their data, and for some days the sender, the planner or both are down.
What must hold is checked with code of its own (and `reference.excluded`), never with the planner's.
`CARILLON_SOAK=1` takes more people.
"""

from __future__ import annotations

import itertools
import os
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from carillon.days import date_of, day_number
from carillon.plan.report import PlanReport
from carillon.plan.run import Request, run
from tests.contract.diary import Diary, crowd, release
from tests.journey.lives import (
    DAY,
    add_contact,
    change_contact,
    crowded,
    days_above,
    living,
    newcomers,
)
from tests.plan.bridge import settings_of
from tests.plan.reference import (
    AEP,
    BIRTHDAY,
    BIRTHDAY_WINDOW,
    EFFECTIVE_DATE,
    EFFECTIVE_DATE_WINDOW,
    POST_WINDOW,
    Contact,
    Row,
    anniversary,
    excluded,
    look_at,
    parse_date,
    windows_holding,
    without_bad_dates,
)
from tests.plan.worlds import state_of

PEOPLE = 2_500 if os.environ.get("CARILLON_SOAK") else 300
START, DAYS = date(2025, 1, 2), 730

WEEKENDS = {n for n in range(365, DAYS) if (START + n * DAY).weekday() >= 5}
"""In the second year the computer is switched off then."""
SENDER_DOWN = {40, *range(120, 128), *range(245, 265), *range(500, 508)} | WEEKENDS
PLANNER_DOWN = {41, *range(180, 188), *range(250, 270), *range(400, 420), 600} | WEEKENDS
"""Offsets in days; on the days they share nothing happens at all."""

CHANGES: dict[int, list[tuple[int, dict[str, Any]]]] = {
    20: [(3, {"birth_date": "1961-02-03"}), (4, {"birth_date": "1961-12-03"})],
    60: [(7, {"zip_code": "90001"}), (8, {"zip_code": "75201"}), (9, {"status": "opted_out"})],
    126: [(11, {"birth_date": "1970-06-01"}), (12, {"status": "opted_out"})],
    254: [(21, {"zip_code": "90001"}), (22, {"zip_code": "83702"}), (23, {"status": "opted_out"})],
    300: [(n, {"birth_date": f"1955-{n % 12 + 1:02d}-28"}) for n in range(30, 40)],
    420: [(n, {"zip_code": ("90001", "63101", "75201")[n % 3]}) for n in range(40, 52)],
    520: [(n, {"status": "opted_out"}) for n in range(60, 70)],
}
"""Day to contact and new values."""
ARRIVALS = {90: 15, 258: 10, 450: 15}
"""Day to how many new contacts."""


@dataclass
class Life:
    """What happened, as an onlooker would have written it down."""

    diary: Diary
    contacts: dict[int, Contact]
    added: dict[int, date]
    changed: dict[int, date] = field(default_factory=dict)
    """Contacts that were changed, and when last."""
    versions: dict[int, list[tuple[date, Contact]]] = field(default_factory=lambda: defaultdict(list))
    last_plan: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    moved: int = 0

    def as_of(self, contact_id: int, day: date) -> Contact:
        versions = self.versions[contact_id]
        return versions[bisect_left(versions, day + DAY, key=lambda version: version[0]) - 1][1]


def excluded_on(contact: Contact, day: date) -> str | None:
    known, state, _ = look_at(contact, RULES, day, state_of)
    assert state is not None
    return excluded(known, state, day, RULES)


WORLD = crowd(PEOPLE, START, seed=7, cap_share="0.03")
RULES = replace(WORLD.rules, cap_share=Decimal("0.03"))


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """Lives through it all; what must hold every night is checked on the way."""
    with living(tmp_path_factory.mktemp("two-years")) as diary:
        diary.load(WORLD)
        life = Life(diary, {one.id: one for one in WORLD.contacts}, {one.id: START for one in WORLD.contacts})
        for one in WORLD.contacts:
            life.versions[one.id].append((START, one))
        workspace = diary.workspace(WORLD)
        settings = settings_of(RULES)
        assert workspace.settings.planning_fingerprint() == settings.planning_fingerprint()
        touched: set[int] = set()
        for offset in range(DAYS):
            today = START + offset * DAY
            touched |= what_happens(life, offset, today)
            if offset not in PLANNER_DOWN:
                report = run(workspace, Request(today), lambda *_: None, lambda _: None)
                assert_night(life, report, touched, today)
                touched = set()
            if offset not in SENDER_DOWN:
                due = f"p.send = {day_number(today)} and p.state & 15 = 0"
                diary.database.write(lambda connection, due=due: release(connection, due, "sent"))  # type: ignore[misc]
            workspace.clock.advance(DAY)  # type: ignore[attr-defined]
        yield life


def what_happens(life: Life, offset: int, today: date) -> set[int]:
    """Changes of the day, by plain SQL; returns who was touched."""
    touched = set()
    for number, values in CHANGES.get(offset, []):
        contact = change_contact(life.diary, life.contacts[number], values)
        life.contacts[number] = contact
        life.changed[number] = today
        life.versions[number].append((today, contact))
        touched.add(number)
    for contact in newcomers(ARRIVALS.get(offset, 0), today, offset, max(life.contacts) + 1):
        add_contact(life.diary, contact)
        life.contacts[contact.id], life.added[contact.id] = contact, today
        life.versions[contact.id].append((today, contact))
        touched.add(contact.id)
    return touched


# ---------------------------------------------------------------------------------------------------
# Every night


def assert_night(life: Life, report: PlanReport, touched: set[int], today: date) -> None:
    """Limits, deadlines and windows of everything planned; and that nothing was moved without a reason."""
    now = day_number(today)
    # Of what is long settled it is enough to look at the end.
    stored = life.diary.query(
        f"select id, send, ideal, state from plan where state & 15 = 0 or send > {now - 60}"
    )
    left = life.diary.query(f"select contact_id, send from outbox where send > {now - 2 * RULES.period_days}")
    plan = {key: (send, ideal, state) for key, send, ideal, state in stored}
    planned = {key: row for key, row in plan.items() if not row[2] & 15}

    per_day = Counter(send for send, _, _ in planned.values())
    per_day.update(send for _, send in left)
    days_above(per_day, report, RULES, now)

    per_contact: dict[int, list[int]] = defaultdict(list)
    for key, (send, ideal, _) in planned.items():
        event = key & 65535
        deadline = event - 1 if event > ideal else ideal + RULES.max_shift_days
        assert now <= send <= deadline
        per_contact[key >> 31].append(send)
    for who, send in left:
        per_contact[who].append(send)
    for days in per_contact.values():
        assert not list(crowded(days, RULES))

    for key, (send, ideal, _) in planned.items():
        was = life.last_plan.get(key)
        if was is None or was[2] & 15 or was[0] == send or (key >> 31) in touched:
            continue
        assert was[0] < now or per_day[was[0]] >= report.cap, "moved away from a day with room"
        assert was[1] == ideal
        life.moved += 1
    for key, (_, _, state) in life.last_plan.items():
        if not state & 15 and (key >> 31) not in touched and key not in plan:
            assert key in {line[0] for line in life.diary.query(f"select id from outbox where id = {key}")}
    life.last_plan = plan


# ---------------------------------------------------------------------------------------------------
# In the end


def everything(life: Life) -> tuple[dict[tuple[int, int, date], date], dict[tuple[int, int, date], Row]]:
    """What was sent, by contact, kind and event, with the day; and what the plan holds."""
    sent = {
        (int(who), int(kind), date_of(event)): date_of(send)  # type: ignore[call-overload, arg-type]
        for who, kind, event, send in life.diary.query("select contact_id, kind, event, send from outbox")
    }
    return sent, {(row.contact_id, row.kind, row.event): row for row in life.diary.rows()}


def steady(life: Life) -> list[Contact]:
    """Contacts that were eligible and the same from their first day on."""
    return [
        one
        for one in life.contacts.values()
        if one.id not in life.changed and look_at(one, RULES, START, state_of)[1] is not None
    ]


def test_every_event_was_written_to_once_or_skipped_for_a_reason(life: Life) -> None:
    """Birthdays, anniversaries a year and more after the date, AEP: none is forgotten, none comes twice."""
    sent, rows = everything(life)
    last = START + (DAYS - 1) * DAY
    seen: Counter[str] = Counter()
    for contact in steady(life):
        first = life.added[contact.id]
        events = [(AEP, date(year, 9, 15)) for year in (2025, 2026)]
        born, since = parse_date(contact.birth_date), parse_date(contact.effective_date)
        for year in range(START.year, last.year + 1):
            if born is not None:
                events.append((BIRTHDAY, anniversary(born, year)))
            if since is not None and year > since.year:
                events.append((EFFECTIVE_DATE, anniversary(since, year)))
        for kind, event in events:
            if not first + DAY < event <= last:
                continue
            key = (contact.id, kind, event)
            if key in sent:
                assert key not in rows
                seen["sent"] += 1
            elif rows[key].reason is not None:
                seen[str(rows[key].reason)] += 1
            else:
                assert event + (RULES.max_shift_days + 1) * DAY > last, "planned, and its time is over"
    assert seen["sent"] > PEOPLE
    assert {BIRTHDAY_WINDOW, EFFECTIVE_DATE_WINDOW, "year_round_exclusion", "age_exclusion"} <= set(seen)
    assert seen["missed"] < seen["sent"] / 50


def test_every_window_that_kept_something_back_was_made_up_for(life: Life) -> None:
    """One email on or after the first free day, for each chain of windows; or it says why not."""
    sent, rows = everything(life)
    last = START + (DAYS - 1) * DAY
    made_up = 0
    for contact in steady(life):
        known, state, _ = look_at(contact, RULES, last, state_of)
        assert state is not None
        for (who, kind, _), row in rows.items():
            if who != contact.id or kind == POST_WINDOW:
                continue
            if row.reason not in (BIRTHDAY_WINDOW, EFFECTIVE_DATE_WINDOW):
                continue
            day, earliest = row.send, row.send
            while holding := windows_holding(known, state, day, RULES):
                earliest = min([earliest, *(first for _, first, _ in holding)])
                day = max(end for _, _, end in holding) + DAY
            if day + RULES.max_shift_days * DAY > last:
                continue
            key = (who, POST_WINDOW, day - DAY)
            if key in sent:
                assert sent[key] >= day
                made_up += 1
            elif key in rows:
                assert rows[key].reason is not None
            else:
                assert any(
                    other[0] == who and other[1] == POST_WINDOW and send >= earliest
                    for other, send in sent.items()
                ) or excluded(known, state, day, RULES)
    assert made_up > PEOPLE / 10


def test_no_email_left_inside_a_window_or_after_someone_opted_out(life: Life) -> None:
    """Judged by the contact as it was on the very day."""
    sent, _ = everything(life)
    for (who, _, _), day in sent.items():
        contact = life.as_of(who, day)
        assert contact.status == "active"
        assert excluded_on(without_bad_dates(contact, day), day) is None


def test_aep_emails_leave_after_their_day_if_the_cap_says_so(life: Life) -> None:
    """Most of them do; none is lost (see above) and none later than it may."""
    sent, _ = everything(life)
    late = [(event, day) for (_, kind, event), day in sent.items() if kind == AEP and day > event]
    assert len({day for _, day in late}) > 20
    assert len(late) > sum(kind == AEP for _, kind, _ in sent) / 2
    assert all(day <= event + RULES.max_shift_days * DAY for event, day in late)


def test_a_corrected_birth_date_brings_no_second_email(life: Life) -> None:
    """Nobody got two emails of one type within half a year."""
    sent, _ = everything(life)
    days: dict[tuple[int, int], list[date]] = defaultdict(list)
    for (who, kind, _), day in sent.items():
        if kind in (BIRTHDAY, EFFECTIVE_DATE):
            days[who, kind].append(day)
    for one in days.values():
        one.sort()
        assert all((later - earlier).days > 150 for earlier, later in itertools.pairwise(one))


def test_the_cap_and_the_outages_were_felt(life: Life) -> None:
    """Otherwise the checks above prove little."""
    assert life.moved > 50
    life.diary.assert_counted()
