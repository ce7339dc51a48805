"""What sends led to: recorded by the reader's clock, answered once, and added up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from carillon.days import day_number
from carillon.events import Event
from carillon.settings import Settings, SmartScheduling
from carillon.store import outcomes, timing
from carillon.store.engine import Database, open_database
from carillon.store.events import apply
from carillon.words import EventKind
from tests.contract.databases import postgres_url, sqlite_url

NOW = datetime(2026, 3, 12, 18, 0, tzinfo=UTC)
CHICAGO = ZoneInfo("America/Chicago")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = (
        sqlite_url(tmp_path) if request.param == "sqlite" else postgres_url(request.getfixturevalue("server"))
    )
    found = open_database(url, tmp_path)
    yield found
    found.close()


@dataclass(frozen=True)
class Person:
    """A contact, and when an email left for it."""

    id: int
    timezone: str | None
    zip_code: str | None
    industry: str | None
    sent_at: datetime
    choice: str | None = None


def put(database: Database, *people: Person) -> None:
    def work(connection) -> None:  # type: ignore[no-untyped-def]
        for one in people:
            connection.execute(
                text(
                    "insert into contacts (id, email, timezone, zip_code, industry)"
                    " values (:id, :email, :zone, :zip, :industry)"
                ),
                {"id": one.id, "email": f"a{one.id}@example.com", "zone": one.timezone,
                 "zip": one.zip_code, "industry": one.industry},
            )  # fmt: skip
            connection.execute(
                text(
                    "insert into outbox (id, contact_id, kind, email_type, send, status, account_id,"
                    " actual_send_datetime, time_choice) values (:id, :id, 0, 'birthday', :day, 'sent', 1,"
                    " :at, :choice)"
                ),
                {"id": one.id, "day": day_number(one.sent_at.date()),
                 "at": one.sent_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                 "choice": one.choice},
            )  # fmt: skip

    database.write(work)


def record(database: Database, sweep: bool = False) -> int:
    return outcomes.record(database, lambda *_: CHICAGO, NOW, sweep)


def rows(database: Database, columns: str) -> list[tuple[object, ...]]:
    with database.snapshot() as connection:
        found = connection.execute(text(f"select {columns} from send_outcomes order by schedule_id"))
        return [tuple(row) for row in found]


def test_weekday_and_hour_are_those_of_the_readers_clock(database: Database) -> None:
    at = datetime(2026, 3, 12, 15, 30, tzinfo=UTC)  # a Thursday; Chicago is five hours behind
    put(
        database,
        Person(1, "Asia/Tokyo", "60601", " Bakery ", at, "explore"),
        Person(2, None, "90001", None, at),
        Person(3, None, None, None, at),
        Person(4, "Nowhere/There", None, None, at),
        # Clocks went forward on the 8th: the hour before it was six hours behind.
        Person(5, "America/Chicago", None, None, datetime(2026, 3, 8, 7, 59, tzinfo=UTC)),
        Person(6, "America/Chicago", None, None, datetime(2026, 3, 8, 8, 1, tzinfo=UTC)),
    )
    assert record(database, sweep=True) == 6
    assert record(database) == record(database, sweep=True) == 0
    assert rows(database, "timezone, weekday, hour, industry, chosen") == [
        ("Asia/Tokyo", 4, 0, "bakery", "explore"),
        ("America/Los_Angeles", 3, 8, None, None),
        ("America/Chicago", 3, 10, None, None),
        ("America/Chicago", 3, 10, None, None),
        ("America/Chicago", 6, 1, None, None),
        ("America/Chicago", 6, 3, None, None),
    ]


def test_it_looks_at_what_is_new_and_at_night_at_everything(database: Database) -> None:
    put(database, Person(1, None, None, None, NOW - timedelta(hours=1)))
    assert record(database) == 1
    put(database, Person(2, None, None, None, NOW - timedelta(minutes=90)))
    put(database, Person(3, None, None, None, NOW - timedelta(days=9)))
    assert record(database) == 1
    assert record(database, sweep=True) == 1


def event(kind: EventKind, schedule: int, at: datetime, automatic: bool = False, key: str = "") -> Event:
    return Event(
        kind, "imap", key or f"{kind} {schedule} {at} {automatic}", at, schedule=schedule, contact=schedule,
        automatic=automatic,
    )  # fmt: skip


SENT = NOW - timedelta(hours=5)
KINDS = (EventKind.REPLIED, EventKind.OPENED, EventKind.CLICKED, EventKind.AUTO_REPLIED)
ANSWERS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(1, 3), st.integers(1, 5), st.booleans()), max_size=12
)


@given(ANSWERS, st.integers(0, 12), st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_earliest_answer_holds_in_any_order_however_often_it_comes(
    database: Database, answers: list[tuple[EventKind, int, int, bool]], before: int, chance
) -> None:  # type: ignore[no-untyped-def]
    database.write(
        lambda c: [
            c.execute(text(f"delete from {table}"))
            for table in ("send_outcomes", "contact_events", "outbox", "contacts", "tracking_clicks")
        ]
    )
    put(database, *(Person(one, None, None, None, SENT) for one in (1, 2, 3)))
    events = [
        event(kind, schedule, SENT + timedelta(hours=hours), automatic and kind in KINDS[1:3])
        for kind, schedule, hours, automatic in answers
    ]
    events += chance.sample(events, len(events) // 2)
    chance.shuffle(events)
    database.write(lambda c: apply(c, events[:before], NOW))
    assert record(database) == 3
    for one in events[before:]:
        database.write(lambda c, one=one: apply(c, [one], NOW))  # type: ignore[misc]

    def first(kind: EventKind, schedule: int) -> int | None:
        hours = [
            hours
            for what, whose, hours, automatic in answers
            if (what, whose) == (kind, schedule) and not (automatic and kind in KINDS[1:3])
        ]
        return min(hours, default=None)

    found = rows(database, "replied_at, opened_at, clicked_at, hours_to_reply")
    for schedule, (*moments, hours) in enumerate(found, 1):
        expected = [first(kind, schedule) for kind in KINDS[:3]]
        for at, wanted in zip(moments, expected, strict=True):
            told = outcomes.moment_of(at)  # type: ignore[arg-type]
            assert told == (None if wanted is None else SENT + timedelta(hours=wanted))
        assert hours is None if expected[0] is None else hours == pytest.approx(expected[0], abs=1e-3)


def test_what_is_learnt_is_what_had_the_time_to_be_answered(database: Database) -> None:
    old, fresh = NOW - timedelta(days=5), NOW - timedelta(days=1)
    put(
        database,
        *(Person(one, "America/Chicago", None, "Bakery" if one < 3 else None, old) for one in range(1, 6)),
        Person(6, "America/Chicago", None, None, fresh),
    )
    record(database, sweep=True)
    database.write(lambda c: apply(c, [event(EventKind.REPLIED, 1, NOW)], NOW))
    assert outcomes.learn(database, NOW)
    assert not outcomes.learn(database, NOW + timedelta(hours=5))
    weekday, hour = old.astimezone(CHICAGO).weekday(), old.astimezone(CHICAGO).hour
    with database.snapshot() as connection:
        seen = outcomes.seen(connection, "reply", 90, NOW)
        opened = outcomes.seen(connection, "open", 90, NOW)
        narrow = outcomes.seen(connection, "reply", 4, NOW)
    assert (seen[""].sent.sum(), seen[""].sent[weekday, hour], seen[""].answered[weekday, hour]) == (5, 5, 1)
    assert (seen["bakery"].sent.sum(), seen["bakery"].answered.sum()) == (2, 1)
    assert opened[""].answered.sum() == narrow[""].sent.sum() == 0
    database.write(lambda c: apply(c, [event(EventKind.REPLIED, 2, NOW)], NOW))
    assert outcomes.learn(database, NOW + timedelta(hours=7))
    with database.snapshot() as connection:
        assert outcomes.seen(connection, "reply", 90, NOW)[""].answered.sum() == 2


def test_what_is_old_is_forgotten(database: Database) -> None:
    put(database, Person(1, None, None, None, NOW - timedelta(days=20)), Person(2, None, None, None, NOW))
    record(database, sweep=True)
    outcomes.learn(database, NOW)
    assert database.write(lambda c: outcomes.forget(c, NOW - timedelta(days=10))) == 1
    assert rows(database, "schedule_id") == [(2,)]
    with database.snapshot() as connection:
        assert connection.execute(text("select count(*) from send_time_counts")).scalar() == 1


def test_the_night_does_not_bring_back_what_it_forgets(database: Database) -> None:
    """A window shorter than the sweep: else each night would record weeks of emails to delete them again."""
    put(database, Person(1, None, None, None, NOW - timedelta(days=9)), Person(2, None, None, None, NOW))
    rules = Settings(smart_scheduling=SmartScheduling(analysis_window_days=7))
    assert [timing.record(database, rules, NOW, sweep=True) for _ in range(2)] == [1, 0]
    assert timing.forget(database, rules, NOW) == 0
    assert rows(database, "schedule_id") == [(2,)]
