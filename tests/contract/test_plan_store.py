"""The planner on real tables, on SQLite and PostgreSQL: what it stores is what the reference plans."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from carillon.days import date_of, day_number
from carillon.errors import ChecksumMismatch, UsageError
from carillon.files.run import export_plan
from carillon.plan.report import PlanReport
from carillon.store.engine import Database, open_database
from carillon.zips import STATES
from tests.contract.databases import drop, postgres_url, sqlite_url
from tests.contract.diary import Diary, crowd, in_order, plain, release
from tests.contract.stories import drawn
from tests.plan.reference import Contact, Sent, look_at, parse_date, splitmix64
from tests.plan.test_planner import comparable
from tests.plan.worlds import World, after, next_nights, state_of

STORIES = 200 if os.environ.get("CARILLON_SOAK") else 10
TODAY, DAY = date(2025, 9, 1), timedelta(days=1)
WHO = 5
"""The contact that things happen to."""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """New and migrated; without a workspace folder, for the rules change from world to world."""
    if request.param == "sqlite":
        database = open_database(sqlite_url(tmp_path), tmp_path)
        yield database
        database.close()
        return
    server = request.getfixturevalue("server")
    database = open_database(postgres_url(server), tmp_path)
    yield database
    database.close()
    drop(server, database.engine.url.database or "")


def assert_night(diary: Diary, world: World) -> World:
    """One run gives the reference's rows; a full one after it, with all checksums verified, adds nothing."""
    expected = world.plan()
    report = diary.plan(world)
    assert diary.rows() == sorted(expected.rows, key=in_order)
    assert (report.eligible, report.cap) == (expected.eligible, expected.cap)
    assert report.over_cap == expected.over_cap
    assert diary.issues() == expected.issues
    diary.assert_counted()

    stored = diary.dump("plan", "plan_blocks", "plan_days")
    again = diary.plan(world, verify=True)
    assert again.mode == "full"
    assert (again.added, again.moved, again.newly_skipped, again.newly_planned, again.removed) == (0,) * 5
    assert diary.dump("plan", "plan_blocks", "plan_days") == stored
    return replace(world, stored=diary.rows())


def assert_fresh(diary: Diary, world: World) -> None:
    """`--fresh` gives what the reference makes of rows whose days are forgotten; twice is once."""
    nowhere = date(1990, 1, 1)
    forgotten = [
        row if row.pinned or (row.reason and row.send < world.today) else replace(row, ideal=nowhere)
        for row in world.stored
    ]
    expected = replace(world, stored=forgotten).plan()
    diary.plan(world, fresh=True, verify=True)
    assert diary.rows() == sorted(expected.rows, key=in_order)
    diary.assert_counted()
    stored = diary.dump("plan", "plan_blocks", "plan_days")
    diary.plan(world, fresh=True)
    assert diary.dump("plan", "plan_blocks", "plan_days") == stored


def test_nights_on_the_store_are_the_references(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Triggers, changes, wake days, fingerprints and swap lose nothing, night after night."""
    diary = Diary(database)
    for number, story in enumerate(drawn(next_nights(max_contacts=25, max_nights=5), STORIES)):
        monkeypatch.setattr("carillon.plan.run.BULK_ROWS", (number % 2) * 5_000)
        world = plain(comparable(story.world))
        diary.load(world)
        for turn, night in enumerate([*story.nights, None]):
            try:
                world = assert_night(diary, world)
            except Exception as error:
                error.add_note(f"story {number}, night {turn}, {world.today}")
                raise
            if night is not None:
                coming = plain(comparable(after(world, world.stored, replace(night, extra=None))))
                diary.night(world, coming, through_view=turn % 2 == 0)
                world = coming
        assert_fresh(diary, world)


# ---------------------------------------------------------------------------------------------------
# Verification


@pytest.fixture
def planned(database: Database) -> tuple[Diary, World]:
    """Two hundred people, planned today."""
    diary, world = Diary(database), crowd(200, TODAY)
    diary.load(world)
    diary.plan(world)
    diary.plan(world)  # what the first run mended in contacts is noted by now
    return diary, replace(world, stored=diary.rows())


PAST_THE_TRIGGERS = {
    "a row moved": [
        "update plan set send = send + 1 where id = (select min(id) from plan where state & 15 = 0)"
    ],
    "a row given another reason": ["update plan set state = state | 6 where id = (select max(id) from plan)"],
    "a row gone": ["delete from plan where id = (select max(id) from plan)"],
    "a row more": [
        "insert into plan (id, send, ideal, state, run) select max(id) + 65536, 99999, 99999, 0, 0 from plan"
    ],
    "another birth date": ["update contacts set birth_date = '1971-04-05' where id = 77"],
    "another ZIP": ["update contacts set zip_code = '75201' where zip_code in ('90001', '97201', '98101')"],
    "opted out": ["update contacts set status = 'opted_out' where id = 12"],
    "a contact gone": ["delete from contacts where id = 40"],
}


@pytest.mark.parametrize("statements", PAST_THE_TRIGGERS.values(), ids=PAST_THE_TRIGGERS)
def test_verify_tells_of_writes_past_the_triggers(
    planned: tuple[Diary, World], statements: list[str]
) -> None:
    """It fails loudly, writes nothing but its failure, and a fresh plan mends it."""
    diary, world = planned
    diary.plan(world, verify=True)
    diary.execute(*without_triggers(diary.database), *statements)
    before = diary.dump()
    with pytest.raises(ChecksumMismatch, match="past its triggers"):
        diary.plan(world, verify=True)
    after_ = diary.dump()
    failed = [
        row for row in after_.pop("scheduler_checkpoints") if row not in before["scheduler_checkpoints"]
    ]
    assert len(failed) == 1
    assert "failed" in failed[0]
    del before["scheduler_checkpoints"]
    assert after_ == before

    diary.plan(world, fresh=True)
    diary.plan(world, verify=True)
    diary.assert_counted()


def without_triggers(database: Database) -> list[str]:
    """Statements that take away the triggers that note changes of contacts."""
    if database.is_sqlite:
        return [f"drop trigger contacts_{event}" for event in ("added", "changed", "removed")]
    return ["alter table contacts disable trigger user"]


# ---------------------------------------------------------------------------------------------------
# Stable, idempotent, incremental


def test_a_second_run_of_a_day_changes_nothing(planned: tuple[Diary, World]) -> None:
    """Not a row, not a count, not a checksum; and it looks at nobody who did not change."""
    diary, world = planned
    tables = ("plan", "plan_days", "plan_blocks", "outbox", "contact_issues", "contacts", "changes")
    before, state = diary.dump(*tables), diary.query("select * from planner_state")
    report = diary.plan(world)
    assert (report.mode, report.contacts_read) == ("changes", 0)
    assert diary.dump(*tables) == before
    assert diary.query("select * from planner_state") == state
    diary.plan(world, fresh=True)
    again = diary.dump("plan")
    diary.plan(world, fresh=True)
    assert diary.dump("plan") == again


def test_only_rows_that_differ_are_written(planned: tuple[Diary, World]) -> None:
    """All others keep the number of the run that wrote them."""
    diary, world = planned
    for today, statement in (
        (TODAY, "update contacts set birth_date = '1980-12-24' where id in (5, 50, 150)"),
        (TODAY, "update contacts set status = 'opted_out' where id between 60 and 65"),
        (
            TODAY + DAY,
            "insert into suppressions (address) select lower(email) from contacts where id between 90 and 95",
        ),
        (TODAY + 9 * DAY, "update contacts set zip_code = '75201' where id between 20 and 25"),
    ):
        diary.execute(statement)
        before = {row[0]: row[1:] for row in diary.query("select id, send, ideal, state, run from plan")}
        report = diary.plan(replace(world, today=today))
        assert report.mode == "changes"
        run = diary.query("select max(id) from scheduler_checkpoints")[0][0]
        differing = 0
        for key, *values in diary.query("select id, send, ideal, state, run from plan"):
            if key in before and before[key][:3] == tuple(values[:3]):
                assert values[3] == before[key][3]
            else:
                assert values[3] == run
                differing += 1
        assert 0 < differing + report.removed < 100


# ---------------------------------------------------------------------------------------------------
# The same plan on every database, in any order and any batch


@dataclass(frozen=True)
class Way:
    """How the same people can be put in and read."""

    batch_size: int
    shuffled: bool = False
    sparse: bool = False
    """Ids far apart, so that batches are cut by listing them."""


Listings = list[tuple[list[str], bytes]]
"""Of each night: what the view says, and the canonical export."""
WAYS = [Way(100_000), Way(100, shuffled=True), Way(1_000, shuffled=True, sparse=True), Way(100, sparse=True)]


@pytest.fixture(scope="module")
def plans() -> dict[str, Listings]:
    """What the first way on the first database gave."""
    return {}


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_the_plan_knows_no_order_no_ids_and_no_batches(
    way: Way, database: Database, plans: dict[str, Listings], tmp_path: Path
) -> None:
    """Three nights of the same people give the same listing, line by line, and the same file to the byte."""
    world = crowd(450, TODAY)
    ids = list(range(1, len(world.contacts) + 1))
    chance = random.Random(repr(way))
    if way.shuffled:
        chance.shuffle(ids)
    if way.sparse:
        ids = [number * 9973 for number in ids]
    contacts = [replace(one, id=number) for one, number in zip(world.contacts, ids, strict=True)]
    if way.shuffled:
        chance.shuffle(contacts)
    diary = Diary(database, way.batch_size)
    diary.load(replace(world, contacts=contacts))
    diary.execute(
        "update contacts set seed = null where substr(email, 1, 1) = 'a'"
    )  # other programs know of no seeds
    listings: Listings = []
    file = tmp_path / "plan.csv"
    for _ in range(3):
        diary.plan(world)
        export_plan(diary.workspace(world), file, canonical=True)
        listings.append((diary.canonical(), file.read_bytes()))
        due = day_number(world.today)
        diary.database.write(lambda c, due=due: release(c, f"p.send = {due} and p.state & 15 = 0", "sent"))  # type: ignore[misc]
        world = replace(world, today=world.today + DAY)
    assert listings[0] != listings[1]
    assert plans.setdefault("first", listings) == listings


# ---------------------------------------------------------------------------------------------------
# Dry runs, the past


def test_a_dry_run_writes_nothing(database: Database) -> None:
    """On an empty plan, on a changed one, fresh, verified, tomorrow and yesterday."""
    diary, world = Diary(database), crowd(200, TODAY)
    diary.load(world)
    before = diary.dump()
    first = diary.plan(world, dry_run=True)
    assert first.added > 100
    assert diary.dump() == before
    stored = diary.plan(world)
    assert (stored.added, stored.planned, stored.per_day) == (first.added, first.planned, first.per_day)

    diary.execute("update contacts set birth_date = '1980-12-24' where id < 9")
    before = diary.dump()
    for today in (TODAY - DAY, TODAY, TODAY + DAY):
        assert diary.plan(replace(world, today=today), dry_run=True).dry_run
        diary.plan(replace(world, today=today), dry_run=True, fresh=True)
    diary.plan(world, dry_run=True, verify=True)
    assert diary.dump() == before


def test_the_past_is_refused_without_a_dry_run(planned: tuple[Diary, World]) -> None:
    """And nothing but the refusal is written."""
    diary, world = planned
    before = diary.dump()
    with pytest.raises(UsageError, match="--dry-run"):
        diary.plan(replace(world, today=TODAY - DAY))
    after_ = diary.dump()
    assert {table for table in before if before[table] != after_[table]} == {"scheduler_checkpoints"}


# ---------------------------------------------------------------------------------------------------
# While a run is under way


EDITS: dict[str, dict[str, Any]] = {
    "birth date": {"birth_date": "1966-06-16"},
    "opted out": {"status": "opted_out"},
    "moved away": {"zip_code": "90001"},
    "suppressed": {"suppressed": True},
    "unsubscribed": {"refuses": ("marketing",)},
}


def changed(world: World, contact_id: int, values: dict[str, Any]) -> World:
    contacts = [replace(one, **values) if one.id == contact_id else one for one in world.contacts]
    return replace(world, contacts=contacts)


def sent_now(world: World, contact_id: int) -> World:
    """The contact's first planned row has been sent."""
    row = next(row for row in world.stored if row.contact_id == contact_id and row.reason is None)
    gone = Sent(contact_id, row.kind, row.event, row.send, "sent")
    return replace(world, sent=[*world.sent, gone], stored=[one for one in world.stored if one != row])


def moved_by_hand(world: World, contact_id: int) -> World:
    """The contact's first planned row was moved by nine days."""
    row = next(row for row in world.stored if row.contact_id == contact_id and row.reason is None)
    stored = [
        replace(row, send=row.send + 9 * DAY, pinned=True) if one == row else one for one in world.stored
    ]
    return replace(world, stored=stored)


def assert_planned_right(diary: Diary, world: World) -> None:
    """One more run gives what the reference makes of what is stored and of the world as it is."""
    expected = replace(world, stored=diary.rows()).plan()
    report = diary.plan(world)
    assert diary.rows() == sorted(expected.rows, key=in_order)
    assert (report.eligible, report.cap, report.over_cap) == (
        expected.eligible,
        expected.cap,
        expected.over_cap,
    )
    diary.assert_counted()
    assert nothing(diary.plan(world, verify=True))
    assert_checksums(diary, world)


def nothing(report: PlanReport) -> bool:
    counts = (report.added, report.moved, report.newly_skipped, report.newly_planned, report.removed)
    return counts == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("bulk", [False, True], ids=["few rows", "in bulk"])
@pytest.mark.parametrize("values", EDITS.values(), ids=EDITS)
def test_a_contact_changed_during_the_first_run(
    database: Database, values: dict[str, Any], bulk: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although "everybody" was still noted as changed, the next run sees it: rows, cap and checksums."""
    if bulk:
        monkeypatch.setattr("carillon.plan.run.BULK_ROWS", 10)
    diary, world = Diary(database), crowd(60, TODAY)
    diary.load(world)
    coming = changed(world, WHO, values)
    diary.plan(world, before_write=lambda: diary.night(world, coming))
    diary.assert_counted()
    assert_planned_right(diary, coming)
    assert_planned_right(diary, replace(coming, today=TODAY + DAY))


@pytest.mark.parametrize("values", EDITS.values(), ids=EDITS)
def test_a_contact_changed_during_a_later_run(database: Database, values: dict[str, Any]) -> None:
    """It had changed before as well: its rows stay as they were, until the next run sees both changes."""
    diary, world = Diary(database), crowd(60, TODAY)
    diary.load(world)
    diary.plan(world)
    were = [row for row in diary.rows() if row.contact_id == WHO]
    first = changed(world, WHO, {"effective_date": "2011-10-20", "status": "active"})
    diary.night(world, first)
    second = changed(first, WHO, values)
    diary.plan(first, before_write=lambda: diary.night(first, second))
    assert [row for row in diary.rows() if row.contact_id == WHO] == were
    diary.assert_counted()
    assert_planned_right(diary, second)
    assert_planned_right(diary, replace(second, today=TODAY + DAY))


@pytest.mark.parametrize("happens", [sent_now, moved_by_hand])
def test_an_email_that_leaves_or_is_moved_during_a_run_is_not_overwritten(
    database: Database, happens
) -> None:  # type: ignore[no-untyped-def]
    """The run had other plans for it; the person or the dispatcher was first."""
    diary, world = Diary(database), crowd(60, TODAY)
    diary.load(world)
    diary.plan(world)
    first = changed(replace(world, stored=diary.rows()), WHO, {"birth_date": "1977-07-07"})
    diary.night(replace(first, contacts=world.contacts), first)
    second = happens(first, WHO)
    diary.plan(first, before_write=lambda: diary.night(first, second))
    mine = [row for row in sorted(second.stored, key=in_order) if row.contact_id == WHO]
    assert [row for row in diary.rows() if row.contact_id == WHO] == mine
    diary.assert_counted()
    assert_planned_right(diary, second)


def test_contacts_that_come_and_go_during_a_run(database: Database) -> None:
    """A new one is planned by the next run; of a deleted one nothing is left."""
    diary, world = Diary(database), crowd(60, TODAY)
    diary.load(world)
    diary.plan(world)
    last = world.contacts[-1].id
    diary.execute(f"update contacts set birth_date = '1977-07-07' where id in ({WHO}, {last})")
    diary.plan(
        world,
        before_write=lambda: diary.execute(
            f"delete from contacts where id in ({WHO}, {last})",
            "insert into contacts (id, email, zip_code, birth_date, seed)"
            " values (900, 'new@example.com', '75201', '1970-10-10', 900)",
        ),
    )
    there = [one for one in world.contacts if one.id not in (WHO, last)]
    there.append(Contact(900, "new@example.com", 900, zip_code="75201", birth_date="1970-10-10"))
    assert_planned_right(diary, replace(world, contacts=there))


@pytest.mark.parametrize("fresh", [False, True])
def test_nothing_stays_of_deleted_contacts(planned: tuple[Diary, World], fresh: bool) -> None:
    """Also of the first and the last, and of all of them, whether everyone is read or only who changed."""
    diary, world = planned
    ids = [one.id for one in world.contacts]
    for gone in ([100], [ids[0], ids[-1]], ids):
        diary.execute(f"delete from contacts where id in ({', '.join(map(str, gone))})")
        world = replace(world, contacts=[one for one in world.contacts if one.id not in gone])
        diary.plan(world, fresh=fresh)
        assert {row.contact_id for row in diary.rows()} <= {one.id for one in world.contacts}
        diary.assert_counted()
        assert_checksums(diary, world)
    assert diary.rows() == []


def test_a_change_that_commits_late_is_not_lost(database: Database) -> None:
    """Its number is smaller than one the run has seen and forgotten."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time: numbers are committed in order")
    diary, world = Diary(database), crowd(60, TODAY)
    diary.load(world)
    diary.plan(world)
    diary.plan(world)
    with database.engine.connect() as connection:
        transaction = connection.begin()
        connection.exec_driver_sql(f"update contacts set birth_date = '1977-07-07' where id = {WHO}")
        diary.execute("update contacts set birth_date = '1966-06-16' where id = 21")
        diary.plan(world)
        assert diary.query("select count(*) from changes") == [(0,)]
        transaction.commit()
    later = changed(changed(world, WHO, {"birth_date": "1977-07-07"}), 21, {"birth_date": "1966-06-16"})
    assert_planned_right(diary, later)


def test_a_change_that_commits_after_the_first_run_is_not_lost(database: Database) -> None:
    """It began while "everybody" was noted, so nobody may rely on that note."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    diary, world = Diary(database), crowd(60, TODAY)
    diary.load(world)
    with database.engine.connect() as connection:
        transaction = connection.begin()
        connection.exec_driver_sql(
            f"update contacts set state = 'TX', birth_date = '1977-07-07' where id = {WHO}"
        )
        planner = threading.Thread(target=diary.plan, args=(world,))
        planner.start()
        planner.join(1.5)
        transaction.commit()
        planner.join(60)
    assert_planned_right(diary, changed(world, WHO, {"birth_date": "1977-07-07"}))


# ---------------------------------------------------------------------------------------------------
# Two at once


def test_a_second_planner_waits_for_the_first(planned: tuple[Diary, World]) -> None:
    """It says so, and then finds the first one's plan."""
    diary, world = planned
    diary.execute("update contacts set birth_date = '1977-07-07' where id < 30")
    said: list[str] = []
    waiting, reports = threading.Event(), []

    def hear(text: str) -> None:
        said.append(text)
        waiting.set()

    second = threading.Thread(target=lambda: reports.append(diary.plan(world, waiting=hear)))

    def begin_second() -> None:
        second.start()
        assert waiting.wait(20)

    first = diary.plan(world, before_write=begin_second)
    second.join(30)
    assert len(said) == 1
    assert "another `plan` is under way" in said[0]
    assert not nothing(first)
    assert nothing(reports[0])
    assert [row[0] for row in diary.query("select distinct status from scheduler_checkpoints")] == [
        "completed"
    ]


# ---------------------------------------------------------------------------------------------------
# Books: checkpoints, checksums, day counts


def assert_checksums(diary: Diary, world: World) -> None:
    """The last checkpoint's checksums and numbers, worked out again by hand from the tables."""
    line = diary.query(
        "select status, contacts_checksum, schedules_after_checksum, emails_scheduled, emails_skipped"
        " from scheduler_checkpoints order by id desc limit 1"
    )[0]
    rows = diary.rows()
    planned = sum(row.reason is None for row in rows)
    people = sum(person_print(one, world) for one in world.contacts) % 2**64
    schedules = (
        sum(row_print(*line) for line in diary.query("select id, send, ideal, state from plan")) % 2**64
    )  # type: ignore[arg-type]
    assert line == ("completed", f"{people:016x}", f"{schedules:016x}", planned, len(rows) - planned)


def person_print(raw: Contact, world: World) -> int:
    contact, state, _ = look_at(raw, world.rules, world.today, state_of)
    known = state_of((raw.zip_code or "")[:5])
    values = [0 if known is None else STATES.index(known) + 1]
    for day in (parse_date(contact.birth_date), parse_date(contact.effective_date)):
        values += [0, 0] if day is None else [day.month * 32 + day.day, day.year]
    mixed = splitmix64(raw.seed ^ raw.id)
    for value in [*values, int(state is not None)]:
        mixed = splitmix64(mixed ^ value)
    return mixed | 1


def row_print(key: int, send: int, ideal: int, state: int) -> int:
    return splitmix64(splitmix64(key) ^ (send << 32) ^ ideal ^ (state << 20))


def test_checkpoints_tell_what_happened(database: Database) -> None:
    """Started, completed with real checksums, failed with a reason; an interrupted one is found out."""
    diary, world = Diary(database), crowd(100, TODAY)
    diary.load(world)
    seen: list[tuple[object, ...]] = []
    statement = "select status, error_message, contacts_checksum from scheduler_checkpoints order by id"
    diary.plan(world, before_write=lambda: seen.extend(diary.query(statement)))
    assert seen == [("started", None, None)]
    assert_checksums(diary, world)

    def breaks() -> None:
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError):
        diary.plan(world, before_write=breaks)
    assert diary.query(statement)[-1] == ("failed", "the power is gone", None)

    diary.execute(
        "insert into scheduler_checkpoints (run_timestamp, scheduler_run_id, status)"
        " values ('2025-09-01T05:00:00+00:00', 'one that died', 'started')"
    )
    diary.plan(replace(world, today=TODAY + DAY))
    assert_checksums(diary, replace(world, today=TODAY + DAY))
    lines = diary.query("select status, error_message, completed_at from scheduler_checkpoints order by id")
    assert [line[0] for line in lines] == ["completed", "failed", "failed", "completed"]
    assert "interrupted" in str(lines[2][1])
    assert all(line[2] is not None for line in lines)
    sums = diary.query(
        "select schedules_before_checksum, schedules_after_checksum from scheduler_checkpoints"
        " where status = 'completed' order by id"
    )
    assert sums[0][0] == "0" * 16
    assert sums[1][0] == sums[0][1]


PENDING = "status = 'pre-scheduled'"
BY_HAND = [
    "update email_schedules set scheduled_send_date = '2025-12-01' where id = {id}",
    "update email_schedules set status = 'skipped', skip_reason = 'frequency_limit' where id = {id}",
    "update email_schedules set priority = 1 where id = {id}",
    "update email_schedules set status = 'sent' where id = {id}",
    "update email_schedules set status = 'cancelled' where id = {id}",
    "delete from email_schedules where id = {id}",
    "update plan set send = send + 3, ideal = ideal + 3 where id = {id}",
    "delete from plan where id = {id}",
]


def test_day_counts_follow_every_kind_of_edit(planned: tuple[Diary, World]) -> None:
    """By hand through the view, in the tables themselves, and by runs on the same and later days."""
    diary, world = planned
    chance = random.Random(5)
    for turn in range(6):
        ids = [row[0] for row in diary.query(f"select id from email_schedules where {PENDING} order by id")]
        for edit in BY_HAND:
            diary.execute(edit.format(id=chance.choice(ids)))
        diary.execute(
            "update email_schedules set status = 'pre-scheduled' where id ="
            " (select min(id) from email_schedules where status = 'cancelled')",
            "insert into email_schedules (contact_id, email_type, scheduled_send_date, status, event_year,"
            f" event_month, event_day) values ({30 + turn}, 'effective_date', '2025-11-11', 'pre-scheduled',"
            " 2026, 12, 12)",
        )
        diary.assert_counted()
        before = sum(row.reason is None for row in diary.rows())
        report = diary.plan(replace(world, today=TODAY + turn // 2 * DAY))
        diary.assert_counted()
        assert report.planned == sum(row.reason is None for row in diary.rows())
        assert abs(report.planned - before) < 30
        per_day: dict[date, int] = {}
        for send, n in diary.query(
            "select send, count(*) from (select send from plan where state & 15 = 0 union all select send"
            " from outbox where status not in ('failed', 'cancelled')) x group by send"
        ):
            if send >= day_number(report.today):  # type: ignore[operator]
                per_day[date_of(send)] = int(n)  # type: ignore[arg-type, call-overload]
        assert report.per_day == per_day
