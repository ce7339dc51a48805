"""What `explain` says agrees with the stored rows and the windows, for everyone of a random plan."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from carillon.clock import ManualClock
from carillon.days import date_of, day_number
from carillon.plan.explain import NOT_CONSIDERED, NOT_PLANNED_YET, Email, Explanation
from carillon.plan.gather import load, prepare
from carillon.plan.inquire import explain
from carillon.plan.rules import Rules
from carillon.plan.run import Request, run
from carillon.settings import write_default_settings
from carillon.store.planning import PlanReader
from carillon.words import Kind, SkipReason
from carillon.workspace import Workspace, at
from tests.plan.worlds import BAD_DATES, BAD_ZIPS, STATE_OF_ZIP

TODAY = date(2026, 3, 10)
PEOPLE = 500
TYPES = {kind.email_type for kind in Kind}
ENDLESS = {"year_round_exclusion", "age_exclusion"}


def make_workspace(folder: Path, extra: str = "") -> Workspace:
    write_default_settings(folder, "insurance")
    if extra:
        settings = folder / "carillon.yaml"
        text_ = settings.read_text().replace("age_exclusion: {}", extra)
        settings.write_text(text_.replace("per_contact_per_period: 2", "per_contact_per_period: 1"))
    workspace = at(folder, {}, ManualClock(datetime.fromisoformat(f"{TODAY}T09:00-06:00")))
    workspace.database.migrate()
    return workspace


def add_contacts(workspace: Workspace, rows: list[dict[str, str | None]]) -> None:
    columns = ("email", "first_name", "zip_code", "birth_date", "effective_date", "status", "external_id")
    named, marks = ", ".join(columns), ", ".join(f":{column}" for column in columns)
    filled = [
        {column: row.get(column) for column in columns} | {"status": row.get("status") or "active"}
        for row in rows
    ]
    workspace.database.write(
        lambda connection: connection.execute(
            text(f"insert into contacts ({named}) values ({marks})"), filled
        )
    )


def random_contact(n: int, chance: random.Random) -> dict[str, str | None]:
    zips = list(STATE_OF_ZIP)
    birth: str | None = str(date(chance.randrange(1935, 2005), 1, 1) + timedelta(days=chance.randrange(365)))
    effective: str | None = str(
        date(chance.randrange(2015, 2026), chance.randrange(1, 13), chance.choice([1, 1, 1, 15, 28]))
    )
    found: dict[str, str | None] = {
        "email": f"person{n}@example.com",
        "zip_code": chance.choice(zips),
        "birth_date": birth,
        "effective_date": effective,
    }
    if chance.random() < 0.1:
        found["birth_date"] = chance.choice(BAD_DATES)
    if chance.random() < 0.1:
        found["effective_date"] = chance.choice(BAD_DATES)
    if chance.random() < 0.03:
        found["zip_code"] = chance.choice(BAD_ZIPS)
    if chance.random() < 0.03:
        found["status"] = chance.choice(["opted_out", "bounced"])
    return found


def plan(workspace: Workspace) -> None:
    run(workspace, Request(workspace.today()), lambda *_: None, lambda _: None)


def edit(workspace: Workspace, statement: str, **values: object) -> None:
    workspace.database.write(lambda connection: connection.execute(text(statement), values))


def clock_of(workspace: Workspace) -> ManualClock:
    assert isinstance(workspace.clock, ManualClock)
    return workspace.clock


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """500 contacts, some weeks of sending with a few troubles, and a plan of today."""
    chance = random.Random(11)
    workspace = make_workspace(tmp_path_factory.mktemp("book"), "age_exclusion: {TX: 76}")
    add_contacts(workspace, [random_contact(n, chance) for n in range(PEOPLE)])
    edit(workspace, "insert into suppressions (address, reason) values ('person7@example.com', 'asked to')")
    plan(workspace)
    for night in range(12):
        statuses = ["sent", "sent", "delivered", "bounced", "failed", "cancelled", "in_doubt"]
        if night % 4 != 3:  # every fourth day the sender is down
            edit(
                workspace,
                "update email_schedules set status = :status"
                " where status = 'pre-scheduled' and scheduled_send_date = :day",
                status=statuses[night % len(statuses)],
                day=workspace.today().isoformat(),
            )
        clock_of(workspace).advance(timedelta(days=1))
        plan(workspace)
    later = workspace.today() + timedelta(days=3)
    edit(
        workspace,
        "update email_schedules set scheduled_send_date = :day where id in (select id from email_schedules"
        " where status = 'pre-scheduled' and contact_id % 50 = 0 and email_type = 'birthday')",
        day=later.isoformat(),
    )
    plan(workspace)
    yield workspace
    workspace.close()


@pytest.fixture(scope="module")
def told(book: Workspace) -> dict[int, Explanation]:
    with book.database.snapshot() as connection:
        ids = connection.execute(text("select id from contacts order by id")).scalars().all()
    return {contact: explain(book, str(contact))[0] for contact in ids}


def rows_of(book: Workspace) -> dict[int, list[dict[str, object]]]:
    with book.database.snapshot() as connection:
        rows = connection.execute(text("select * from email_schedules")).mappings().all()
    found: dict[int, list[dict[str, object]]] = {}
    for row in rows:
        found.setdefault(int(row["contact_id"]), []).append(dict(row))
    return found


def as_row(email: Email) -> tuple[object, ...]:
    return (
        email.email_type,
        str(email.event),
        email.status,
        str(email.day),
        str(email.ideal),
        email.skip_reason,
    )


def test_every_stored_row_is_told_as_it_is(book: Workspace, told: dict[int, Explanation]) -> None:
    today = book.today().isoformat()
    since = (book.today() - timedelta(days=90)).isoformat()
    stored = rows_of(book)
    for contact, explanation in told.items():
        ahead, past = set(), set()
        for row in stored.get(contact, []):
            event = f"{row['event_year']:04d}-{row['event_month']:02d}-{row['event_day']:02d}"
            send, left = str(row["scheduled_send_date"]), row["status"] not in ("pre-scheduled", "skipped")
            one = (
                row["email_type"],
                event,
                row["status"],
                send,
                str(row["original_send_date"]),
                row["skip_reason"],
            )
            if send >= today or (event > today and not left):
                ahead.add(one)
            elif send >= since:
                past.add(one)
        said = [email for email in explanation.emails if email.status != NOT_CONSIDERED]
        assert {as_row(email) for email in said} == ahead
        assert len(said) == len(ahead)
        settled = {as_row(email) for email in explanation.past if email.status != NOT_CONSIDERED}
        assert settled == past
        for email in said:
            assert email.next_run is None, "the plan is up to date, so the next run changes nothing"
        assert explanation.notes == []


def test_windows_are_the_days_the_rules_exclude(book: Workspace, told: dict[int, Explanation]) -> None:
    windows = Rules.of(book.settings).windows
    today = day_number(book.today())
    days = np.arange(today, today + 366, dtype=np.int32)
    with book.database.snapshot() as connection:
        reader = PlanReader(connection)
        working = load(reader, prepare(reader, book.settings, book.today()), np.array(list(told), np.int64))
    for at_, contact in enumerate(working.people.id.tolist()):
        reasons = windows.reasons(working.people, np.full(len(days), at_), days)
        spans = told[contact].windows
        for day, reason in zip(days.tolist(), reasons.tolist(), strict=True):
            held = [
                s for s in spans if s.first <= date_of(day) and (s.last is None or date_of(day) <= s.last)
            ]
            assert bool(held) == (reason != 0)
            if reason:
                assert SkipReason(reason).word in {span.reason for span in held}


def test_planned_mail_lies_outside_and_window_skips_inside_their_window(told: dict[int, Explanation]) -> None:
    for explanation in told.values():
        for email in explanation.emails:
            assert email.status == NOT_CONSIDERED or email.day is not None
            if email.status == "pre-scheduled":
                assert not any(
                    span.first <= email.day and (span.last is None or email.day <= span.last)
                    for span in explanation.windows
                )
                assert (email.moved_by is None) == (email.day == email.ideal) or email.moved_by == "by_hand"
                if email.moved_by:
                    assert str(email.ideal) in email.words
            elif email.window is not None:
                assert email.window.first <= email.day
                assert email.window.last is None or email.day <= email.window.last
                assert email.window.reason == email.skip_reason
                if email.window.last is not None:
                    assert str(email.window.first) in email.words
                    assert str(email.window.last) in email.words


def test_every_type_is_told_and_why_it_is_not_considered(told: dict[int, Explanation]) -> None:
    for explanation in told.values():
        assert {email.email_type for email in explanation.emails} >= TYPES
        if not explanation.eligible:
            assert explanation.why_not
            assert {e.status for e in explanation.emails} <= {NOT_CONSIDERED, "skipped", "sent", "scheduled"}
        for email in explanation.emails:
            if email.status != NOT_CONSIDERED or not explanation.eligible:
                continue
            contact = explanation.contact
            if email.email_type == "birthday" and "already sent" not in email.words:
                assert "birth date" in email.words or "had passed" in email.words
            if "there is no birth date" in email.words:
                assert not contact.birth_date


def test_moves_are_told_by_what_made_them(told: dict[int, Explanation]) -> None:
    moves: Counter[str] = Counter()
    for explanation in told.values():
        for email in explanation.emails:
            if email.moved_by is None or email.day is None or email.ideal is None:
                continue
            moves[email.moved_by] += 1
            shift = (email.day - email.ideal).days
            if email.moved_by == "smoothing":
                assert email.email_type == "effective_date"
                assert 1 <= abs(shift) <= 2
            if email.moved_by in ("cap", "catch_up"):
                assert shift > 0
    assert {"smoothing", "cap", "catch_up", "by_hand"} <= set(moves)


def test_a_frequency_skip_names_the_emails_that_came_first(told: dict[int, Explanation]) -> None:
    seen = 0
    for explanation in told.values():
        kept = {
            email.day
            for email in [*explanation.emails, *explanation.past]
            if email.status not in ("skipped", NOT_CONSIDERED, "failed", "cancelled") and email.day
        }
        for email in explanation.emails:
            if email.skip_reason == "frequency_limit" and email.day:
                near = {day for day in kept if abs((day - email.day).days) < 14}
                assert near
                assert all(str(day) in email.words for day in near)
                seen += 1
    assert seen


def test_it_is_one_json_document(told: dict[int, Explanation]) -> None:
    for explanation in list(told.values())[:50]:
        document = json.loads(json.dumps(explanation.as_json(), default=str))
        assert document["contact"]["id"] == explanation.contact.id


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Workspace]:
    workspace = make_workspace(tmp_path)
    yield workspace
    workspace.close()


def the(explanation: Explanation, email_type: str) -> Email:
    (found,) = [email for email in explanation.emails if email.email_type == email_type]
    return found


def test_a_californian_year_in_words(small: Workspace) -> None:
    add_contacts(
        small,
        [{"email": "maria@example.com", "zip_code": "90210", "birth_date": "1960-06-18",
          "effective_date": "2020-12-01"}],
    )  # fmt: skip
    plan(small)
    (found,) = explain(small, "Maria@Example.com")
    birthday, after = the(found, "birthday"), the(found, "post_window")
    assert birthday.words == (
        "skipped: its day lies in the birthday window (2026-03-20 to 2026-08-17); "
        "the post-window email on 2026-08-18 makes up for it"
    )
    assert birthday.window is not None
    assert birthday.window.words == "birthday window of CA: 90 days before to 60 days after the birthday"
    assert after.day == date(2026, 8, 18)
    assert the(found, "effective_date").words == (
        "planned on its ideal day: 30 days before the anniversary of the effective date on 2026-12-01"
    )


def test_before_the_first_plan_it_tells_what_that_would_be(small: Workspace) -> None:
    add_contacts(small, [{"email": "a@example.com", "zip_code": "75201", "birth_date": "1960-06-18"}])
    (found,) = explain(small, "a@example.com")
    assert "No plan has been made yet" in found.notes[0]
    assert the(found, "birthday").status == NOT_PLANNED_YET
    assert the(found, "birthday").day == date(2026, 6, 4)
    assert the(found, "effective_date").words == "not considered: there is no effective date"


def test_a_change_since_the_last_plan_is_told(small: Workspace) -> None:
    add_contacts(small, [{"email": "a@example.com", "zip_code": "75201", "birth_date": "1960-06-18"}])
    plan(small)
    edit(small, "update contacts set birth_date = '1960-07-18', zip_code = '10001'")
    (found,) = explain(small, "a@example.com")
    assert "have changed since the last plan" in found.notes[0]
    told = [email.next_run or email.words for email in found.emails if email.email_type == "birthday"]
    assert "the next plan removes it: 2026-06-18 is no longer a date that calls for one" in told
    assert any("NY allows no mail the whole year" in words for words in told)


def test_what_was_sent_is_not_considered_again(small: Workspace) -> None:
    add_contacts(small, [{"email": "a@example.com", "zip_code": "75201", "birth_date": "1960-03-24"}])
    plan(small)
    edit(small, "update email_schedules set status = 'sent' where scheduled_send_date = '2026-03-10'")
    clock_of(small).advance(timedelta(days=1))
    plan(small)
    (found,) = explain(small, "a@example.com")
    assert (
        the(found, "birthday").words
        == "not considered: already sent for this event, 2026-03-24: on 2026-03-10"
    )
    assert [(email.status, email.day) for email in found.past] == [("sent", date(2026, 3, 10))]


def test_who_cannot_be_written_to_is_told_why(small: Workspace) -> None:
    add_contacts(
        small,
        [
            {"email": "a@example.com", "zip_code": "ABCDE"},
            {"email": "b@example.com", "zip_code": "75201", "status": "opted_out"},
            {"email": "c@example.com", "zip_code": "75201"},
        ],
    )
    edit(small, "insert into suppressions (address, reason) values ('c@example.com', 'asked to')")
    plan(small)
    why = [explain(small, f"{name}@example.com")[0].why_not[0] for name in "abc"]
    assert why == [
        'the ZIP code "ABCDE" is not a US ZIP code, so the state and its rules are unknown',
        "the contact is opted out",
        "its address is suppressed: asked to",
    ]


def test_those_who_share_an_address_are_all_told(small: Workspace) -> None:
    pair = [{"email": "both@example.com", "zip_code": "75201", "external_id": f"P-{n}"} for n in (1, 2)]
    add_contacts(small, pair)
    plan(small)
    assert [one.contact.external_id for one in explain(small, "both@example.com")] == ["P-1", "P-2"]
    assert [one.contact.external_id for one in explain(small, "P-2")] == ["P-2"]
