"""An older scheduler's database becomes Carillon's: nothing lost, no one written to twice, all or nothing."""

from __future__ import annotations

import hashlib
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from carillon.clock import ManualClock
from carillon.days import date_of
from carillon.errors import WorkspaceError
from carillon.files.adopt import run as adoption
from carillon.files.adopt.place import use_database
from carillon.files.adopt.run import Adoption, adopt
from carillon.plan.run import Request
from carillon.plan.run import run as plan
from carillon.settings import Settings
from carillon.workspace import at
from tests.store.old_scheduler import TODAY, Truth, build, dump

ROOT = Path(__file__).parents[2]
NOON = datetime(TODAY.year, TODAY.month, TODAY.day, 18, tzinfo=UTC)
Dump = dict[str, list[tuple[object, ...]]]
OURS = (
    "email_schedules",
    "campaign_types",
    "campaign_instances",
    "contact_campaigns",
    "plan",
    "alembic_version",
)
"""Tables of the old program whose names Carillon needs."""


def take(file: Path, dry_run: bool = False) -> Adoption:
    return adopt(
        file, Settings(), file.parent, NOON, dry_run=dry_run, progress=lambda _stage, _done, _of: None
    )


def night(file: Path, today: date) -> None:
    use_database(file.parent, file, "insurance")
    workspace = at(file.parent, {}, ManualClock(datetime(today.year, today.month, today.day, 18, tzinfo=UTC)))
    try:
        plan(workspace, Request(today), lambda _stage, _done, _of: None, lambda _said: None)
    finally:
        workspace.close()


def ask(file: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(statement).fetchall()


def planned(file: Path) -> set[tuple[int, int, date, bool]]:
    """Emails that will go: contact, kind, event, whether it is a follow-up."""
    key = "id >> 31, (id >> 16) & 16383, id & 65535, (id >> 30) & 1"
    rows = ask(file, f"select {key} from plan where state & 15 = 0")
    return {(int(c), int(k), date_of(int(e)), bool(f)) for c, k, e, f in rows}  # type: ignore[call-overload]


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "old.db"


@pytest.fixture(scope="module", params=[1, 2, 3])
def adopted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Truth, Adoption, Dump]:
    file: Path = tmp_path_factory.mktemp("adopted") / "old.db"
    truth = build(file, seed=request.param)
    before = dump(file)
    return file, truth, take(file), before


# -- the property ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4, 8))
def test_nobody_is_written_to_again_for_an_event(file: Path, seed: int) -> None:
    """Over half a year of nights, whatever the old program had noted of what it sent."""
    truth = build(file, seed=seed)
    take(file)
    (rate,) = ask(file, "select id from campaign_instances where instance_name = 'adopted_rate_increase'")
    sent = truth.sent | {(contact, 16 + int(str(rate[0])), event) for contact, event in truth.rate_increases}
    seen = set()
    for days in (0, 1, 30, 90, 180):
        night(file, TODAY + timedelta(days=days))
        for contact, kind, event, followup in planned(file):
            seen.add(kind)
            again = (contact, kind, event) in (truth.followed if followup else sent)
            assert not again, (contact, kind, event, followup)
    assert {0, 1, 2} <= seen


def test_each_event_sent_is_known(adopted: tuple[Path, Truth, Adoption, object]) -> None:
    """The identity of every email is found, also where the old program had not noted its event."""
    file, truth, told, _ = adopted
    rows = ask(file, "select contact_id, kind, event from outbox where id >= 0 and followup = 0")
    found = {(int(str(c)), int(str(k)), date_of(int(str(e)))) for c, k, e in rows}
    assert truth.sent <= found
    assert told.repeated > 0
    assert told.events["the nearest"] > 100
    followed = ask(
        file, "select parent_id >> 31, (parent_id >> 16) & 16383, event from outbox where followup = 1"
    )
    assert {(int(str(c)), int(str(k)), date_of(int(str(e)))) for c, k, e in followed} == truth.followed


def test_targets_and_history_of_rate_increases(adopted: tuple[Path, Truth, Adoption, object]) -> None:
    file, truth, _, _ = adopted
    (row,) = ask(
        file,
        "select id, campaign_type, status from campaign_instances"
        " where instance_name = 'adopted_rate_increase'",
    )
    assert row[1:] == ("rate_increase", "active")
    targets = ask(
        file, f"select contact_id, trigger_date from contact_campaigns where campaign_instance_id = {row[0]}"
    )
    assert {(contact, event.isoformat()) for contact, event in truth.rate_increases} <= set(targets)
    # The old type went 21 days ahead; so does the campaign that is left of it.
    before = ask(file, "select days_before_event from campaign_types where name = 'rate_increase'")
    assert before == [(21,)]


def test_what_came_back_is_taken_along(adopted: tuple[Path, Truth, Adoption, object]) -> None:
    file, truth, told, _ = adopted
    rows = ask(
        file,
        "select c.contact_id, o.contact_id from tracking_clicks c"
        " join outbox o on o.id = c.email_schedule_id",
    )
    assert sorted(int(str(mine)) for mine, _ in rows) == sorted(truth.clicked)
    assert all(mine == its for mine, its in rows)
    assert ask(file, "select distinct event_type, event_data from contact_events") == [
        ("eligibility_answered", None)
    ]
    assert told.aside["events of the type open"] > 0


# -- nothing lost ------------------------------------------------------------------------------------


def test_what_is_not_ours_is_untouched(
    adopted: tuple[Path, Truth, Adoption, Dump],
) -> None:
    file, _, told, before = adopted
    after = dump(file, "agents", "email_tracking", *(f"adopted_{name}" for name in OURS))
    for name in ("agents", "email_tracking"):
        assert after[name] == before[name]
    for name in OURS:
        assert after[f"adopted_{name}"] == before[name]
    assert told.untouched == ["agents"]
    assert told.extra_columns == ["crm_ref", "odd name", "shout"]
    columns = 'id, typeof(id), crm_ref, typeof(crm_ref), "odd name", typeof("odd name"), shout, first_name'
    assert told.backup is not None
    assert ask(file, f"select {columns} from contacts order by id") == ask(
        told.backup, f"select {columns} from contacts order by id"
    )
    (agents,) = ask(file, "select sql from sqlite_master where name = 'agents'")
    assert "references contacts (id)" in str(agents[0])
    assert ask(file, "pragma foreign_key_check") == []
    assert ask(file, "pragma integrity_check") == [("ok",)]
    indexes = {name for (name,) in ask(file, "select name from sqlite_master where type = 'index'")}
    assert {"contacts_by_crm", "by_status", "contacts_by_email"} <= indexes


def test_contacts_are_tidy(adopted: tuple[Path, Truth, Adoption, object]) -> None:
    file, _, told, _ = adopted
    assert told.contacts == 150
    assert ask(file, "select count(*), min(id), max(id) from contacts") == [(150, 2, 300)]
    assert ask(file, "select count(*) from contacts where date(birth_date) is not birth_date") == [(0,)]
    assert ask(file, "select count(*) from contacts where date(effective_date) is not effective_date") == [
        (0,)
    ]
    assert ask(file, "select distinct state from contacts where zip_code = '02134'") == [("MA",)]
    shared = ask(
        file, "select id, external_id from contacts where lower(email) = 'shared@example.com' order by id"
    )
    assert [row[1] for row in shared] == [None, *(f"adopted-{row[0]}" for row in shared[1:])]
    assert ask(file, "select count(*) from contacts where seed is null or status <> 'active'") == [(0,)]


def test_odd_contacts_stop_nothing(file: Path) -> None:
    with closing(sqlite3.connect(file)) as old:
        old.executescript(
            """
            create table contacts (id integer primary key, email, zip_code, birth_date, status, tags,
                unsubscribed_at, attributes, external_id);
            create table email_schedules (contact_id, email_type, status);
            insert into contacts values
                (1, null, null, null, null, null, null, null, null),
                (2, '  ', 7302.0, 'about 1950', 'Active', 'a;b', null, '{"x": 1}', 'E1'),
                (3, 'none', '7302', 19600504, 'unsubscribed', null, null, 'no json', 'E1'),
                (4, 'NONE', x'ff', '2/30/1960', 'Bounced', null, null, null, null),
                (5, 'Ann <ann@example.com>', '02134-1234', '1960-05-04T00:00:00', 'lead', null, null, null,
                    null),
                (6, 'ANN@example.com', 99999, 22040, 'lead', '[', '2020-01-01', null, null),
                (7, cast(x'6a6f73e9406578616d706c652e636f6d' as text), '02134', null, 'lead', null, '0', null,
                    null);
            """
        )
    told = take(file)
    rows = ask(
        file,
        "select id, email, zip_code, birth_date, status, tags, external_id, adopted_status from contacts",
    )
    assert rows == [
        (1, None, None, None, "active", None, None, None),
        (2, None, "07302", "about 1950", "active", '["a", "b"]', "E1", "Active"),
        (3, "none", "07302", "1960-05-04", "opted_out", None, "adopted-3", "unsubscribed"),
        (4, "NONE", "ÿ", "2/30/1960", "bounced", None, None, "Bounced"),
        (5, "ann@example.com", "02134-1234", "1960-05-04", "active", None, None, "lead"),
        (6, "ANN@example.com", "99999", "1960-05-04", "opted_out", None, "adopted-6", "lead"),
        (7, "josé@example.com", "02134", None, "active", None, None, "lead"),
    ]
    assert told.unreadable == {"birth_date": 2}
    assert told.statuses == {"Active": 1, "lead": 3}
    assert len(set(ask(file, "select seed from contacts"))) == 7
    night(file, TODAY)
    codes = {code for (code,) in ask(file, "select code from contact_issues")}
    assert {"missing_email", "invalid_email", "invalid_birth_date", "invalid_zip"} <= codes


def test_what_may_have_been_sent_counts_as_sent(file: Path) -> None:
    """Unknown statuses and mail that someone clicked in; what is known not to have left does not."""
    with closing(sqlite3.connect(file)) as old:
        old.executescript(
            """
            create table contacts (id integer primary key, email, zip_code, birth_date);
            create table email_schedules (id text primary key, contact_id, email_type, scheduled_send_date,
                status, actual_send_datetime);
            create table email_tracking (email_id text, event_type);
            insert into contacts values (1, 'a@example.com', '75201', '1960-04-01'),
                (2, 'b@example.com', '75201', '1960-04-01'), (3, 'c@example.com', '75201', '1960-04-01'),
                (4, 'd@example.com', '75201', '1960-04-01');
            insert into email_schedules values ('a', 1, 'birthday', '2026-03-05', 'zonked', null),
                ('b', 2, 'birthday', '2026-03-05', 'scheduled', null),
                ('c', 3, 'birthday', '2026-03-05', 'scheduled', null),
                ('d', 4, 'birthday', '2026-03-05', 'scheduled', '2026-03-05 09:00:00'),
                ('e', 99, 'birthday', '2026-03-05', 'sent', null),
                ('f', 1, 'aep', null, 'sent', null),
                ('g', 3, 'birthday', '2026-03-18', 'approved', null);
            insert into email_tracking values ('b', 'click'), ('x', 'click'), ('b', 'unsubscribe');
            """
        )
    told = take(file)
    assert ask(file, "select contact_id, status from outbox where id > 0 order by 1") == [
        (1, "in_doubt"),
        (2, "sent"),
        (4, "sent"),
    ]
    assert told.unknown_statuses == {"zonked": 1}
    assert told.aside == {
        "not sent: planned anew": 2,
        "its contact is gone": 1,
        "neither a day nor an event": 1,
        "events of a contact that is gone": 1,
    }
    assert ask(file, "select status from contacts where id = 2") == [("opted_out",)]
    night(file, TODAY)
    birthdays = {contact for contact, kind, _, followup in planned(file) if kind == 0 and not followup}
    assert birthdays == {3}


def test_a_campaign_reaches_nobody_it_did_not_reach(file: Path) -> None:
    """What is over is archived, what is unclear paused; types go along where the settings say otherwise."""
    with closing(sqlite3.connect(file)) as old:
        old.executescript(
            """
            create table contacts (id integer primary key, email, zip_code, created_at);
            create table email_schedules (contact_id, email_type, status, scheduled_send_date,
                campaign_instance_id);
            create table campaign_types (name, target_all_contacts, days_before_event);
            create table campaign_instances (id, campaign_type, instance_name, status, active_end_date);
            create table contact_campaigns (contact_id, campaign_instance_id, trigger_date, status);
            insert into contacts values (1, 'a@example.com', '75201', '2020-01-01 05:00:00'),
                (2, 'b@example.com', '75201', null);
            insert into campaign_types values ('initial_blast', 0, '3'), ('promo', 'yes', 'many');
            insert into campaign_instances values (1, 'initial_blast', 'open', 'Active', null),
                (2, 'promo', 'ended', 'active', '1/31/2026'), (3, 'promo', 'strange', 'hmm', null),
                (4, 'gone', 'no type', null, null), (0, 'promo', 'no id', null, null),
                (5, 'promo', '', 'done', null);
            insert into contact_campaigns values (1, 1, '4/1/2026', 'pending'), (2, 1, '2026-04-01', 'SENT'),
                (1, 1, '2026-04-02', 'cancelled'), (1, 77, '2026-04-01', ''), (9, 1, '2026-04-01', ''),
                (1, 1, 'soon', ''), (1, 1, '2026-04-01', 'scheduled');
            insert into email_schedules values (1, 'blast', 'sent', '2026-02-01', 1),
                (1, 'blast', 'sent', '2026-02-02', 77);
            """
        )
    settings = Settings.model_validate({"campaign_types": {"initial_blast": {"target_all_contacts": True}}})
    told = adopt(file, settings, file.parent, NOON, dry_run=False, progress=lambda _s, _d, _o: None)
    rows = ask(file, "select id, instance_name, campaign_type, status, metadata from campaign_instances")
    assert rows == [
        (1, "open", "initial_blast", "active", '{"days_before_event": 3, "target_all_contacts": false}'),
        (2, "ended", "promo", "archived", None),
        (3, "strange", "promo", "paused", None),
        (4, "no type", "gone", "active", None),
        (5, "adopted_5", "promo", "archived", None),
    ]
    types = "select name, target_all_contacts, days_before_event, active from campaign_types where name in"
    assert ask(file, f"{types} ('promo', 'gone') order by name") == [("gone", 0, 0, 0), ("promo", 1, 0, 1)]
    assert ask(file, "select contact_id, trigger_date, status from contact_campaigns order by 1") == [
        (1, "2026-04-01", "pending"),
        (2, "2026-04-01", "sent"),
    ]
    outbox = "select contact_id, email_type, date(event * 86400, 'unixepoch'), status, id > 0 from outbox"
    assert ask(file, f"{outbox} order by contact_id, id desc") == [
        (1, "campaign_initial_blast", "2026-02-04", "sent", 1),
        (1, "blast", None, "sent", 0),
        (2, "campaign_initial_blast", "2026-04-01", "sent", 1),
    ]
    assert told.aside == {
        "campaign instances whose id is none": 1,
        "campaign instances paused": 1,
        "targets whose contact is gone": 1,
        "targets of no known campaign": 1,
        "targets without a readable date": 1,
        "targets that were called off": 1,
    }
    assert ask(file, "select created_at from contacts") == [("2020-01-01T05:00:00Z",), (None,)]


# -- all or nothing ----------------------------------------------------------------------------------


def test_a_dry_run_changes_not_a_byte(file: Path) -> None:
    build(file, 20)
    before = digest(file)
    told = take(file, dry_run=True)
    assert digest(file) == before
    assert sorted(path.name for path in file.parent.iterdir()) == ["old.db"]
    real = take(file)
    for name in ("contacts", "history", "events", "targets", "clicks", "answers", "aside", "unknown_types"):
        assert getattr(told, name) == getattr(real, name), name


@pytest.mark.parametrize("where", ["store_contacts", "store_history", "note"])
def test_a_failure_changes_not_a_byte(file: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    build(file, 20)
    before = digest(file)

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(adoption.rows, where, fail)
        with pytest.raises(WorkspaceError, match="disk is full"):
            take(file)
    assert digest(file) == before
    assert take(file).contacts == 20


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("where", ["store_history", "note"])
def test_a_killed_adoption_leaves_the_old_database(file: Path, where: str, journal: str) -> None:
    """Killed while pages are on their way to the disk: SQLite takes them back when it is opened again."""
    build(file, 120)
    with closing(sqlite3.connect(file)) as old:
        old.execute(f"pragma journal_mode = {journal}")
    before = dump(file)
    program = f"""
import os, signal
from pathlib import Path
from carillon.files.adopt import run
from carillon.store import adopt_rows, engine
import tests.store.test_adopt as test
def die(connection, *_):
    os.kill(os.getpid(), signal.SIGKILL)
adopt_rows.{where} = die
usual = engine._prepare_foreign
def small(connection, record):
    usual(connection, record)
    connection.execute("pragma cache_size = 20")
engine._prepare_foreign = small
test.take(Path({str(file)!r}))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    beside = "journal" if journal == "delete" else "wal"
    assert (file.parent / f"old.db-{beside}").stat().st_size > 0
    assert dump(file) == before
    assert ask(file, "pragma integrity_check") == [("ok",)]
    (kept,) = (file.parent / "backups").iterdir()
    assert dump(kept) == before
    assert take(file).contacts == 120
