"""Dispatchers that are killed, stopped, paused or started twice: nobody is written to twice, nobody is lost.

Everything is real: a server that records what it took, and `carillon send` in processes of its own.
`CARILLON_SOAK=1` sends 5,000 emails and kills 200 times instead of a few.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from carillon.store.dispatch import pause_workspace
from tests.contract.databases import postgres_url, sqlite_url
from tests.journey.mail_day import Day, day_of

SOAK = bool(os.environ.get("CARILLON_SOAK"))
EMAILS, KILLS = (5_000, 200) if SOAK else (160, 4)
BREAKS = ("--take-and-drop", "0.01", "--answer-and-drop", "0.01", "--drop", "0.01", "--delay", "0.05")
DEAD = "the dispatcher ended before"


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a fresh database; the parameter says on what."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path)
    else:
        yield postgres_url(request.getfixturevalue("server"))


def assert_nobody_twice_and_nobody_lost(day: Day, emails: int) -> None:
    """The server's book against ours."""
    # Some may be at work meanwhile: what we say is asked before and after what the server says.
    before = {name for (name,) in day.rows("message_id", "where status = 'sent'")}
    record = day.record()
    rows = day.rows("status, message_id")
    assert [name for name, times in record.taken.items() if times > 1] == []
    assert len(rows) == emails
    assert {status for status, _ in rows} <= {"sent", "in_doubt", "scheduled", "processing"}
    left = {name for status, name in rows if status != "scheduled"}
    assert before <= set(record.taken) <= left


@pytest.mark.parametrize(("url", "workers"), [("sqlite", 1), ("postgresql", 3)], indirect=["url"])
def test_killed_at_random_moments(url: str, workers: int, tmp_path: Path) -> None:
    """In doubt is at most what was in flight when a dispatcher was killed or the server broke off."""
    chance = random.Random(5)
    share = EMAILS // KILLS
    with day_of(tmp_path, url, server=BREAKS) as day:
        for _ in range(workers):
            day.start()
        kills = hits = emails = 0
        while kills < KILLS:
            day.add(share, emails + 1)
            emails += share
            day.wait_until_taken(day.record().taken.total() + chance.randrange(1, share // 2))
            time.sleep(chance.random() * 0.05)
            code = day.kill(chance.choice(day.processes), signal.SIGKILL)
            assert code == -signal.SIGKILL
            kills += 1
            hits += day.counts()["processing"] > 0
            assert_nobody_twice_and_nobody_lost(day, emails)
            day.end_leases()
            day.start()
        for process in list(day.processes):
            day.kill(process, signal.SIGKILL)
            kills += 1
        assert hits > KILLS / 2, "hardly anyone was killed at work"

        day.finish()
        assert_nobody_twice_and_nobody_lost(day, emails)
        doubts = [str(why) for (why,) in day.rows("last_error", "where status = 'in_doubt'")]
        of_kills = [why for why in doubts if why.startswith(DEAD)]
        assert len(of_kills) <= kills * day.connections
        assert all("may have been accepted" in why for why in doubts if not why.startswith(DEAD))
        assert day.counts().keys() <= {"sent", "in_doubt"}


@pytest.mark.parametrize(("url", "workers"), [("sqlite", 1), ("postgresql", 3)], indirect=["url"])
def test_stopped_at_random_moments(url: str, workers: int, tmp_path: Path) -> None:
    """SIGTERM: what is in flight ends, what was only claimed is given back, nothing is in doubt."""
    chance = random.Random(6)
    emails, stops = (EMAILS, KILLS) if SOAK else (120, 2)
    with day_of(tmp_path, url, server=("--delay", "0.03")) as day:
        day.add(emails)
        taken = 0
        for _ in range(stops):
            while len(day.processes) < workers:
                day.start()
            taken = day.wait_until_taken(taken + 1 + chance.randrange(emails // stops))
            for process in list(day.processes):
                # One that has only just begun knows no better than to end.
                assert day.kill(process, signal.SIGTERM) in (0, -signal.SIGTERM)
            assert day.counts().keys() <= {"sent", "scheduled"}
            assert (
                day.rows("1", "where status = 'scheduled' and (attempts > 0 or lease_until is not null)")
                == []
            )
        day.finish()
        assert day.counts() == {"sent": emails}
        assert_nobody_twice_and_nobody_lost(day, emails)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_paused_in_the_middle(url: str, tmp_path: Path) -> None:
    """A pause holds at once; afterwards everybody gets their email, once."""
    emails = 120
    with day_of(tmp_path, url, server=("--delay", "0.03")) as day:
        day.add(emails)
        process = day.start()
        day.wait_until_taken(10)
        day.workspace.database.write(lambda c: pause_workspace(c, datetime.now(UTC), "test"))
        time.sleep(0.5)
        taken = day.record().taken.total()
        time.sleep(1.5)
        assert day.record().taken.total() == taken < emails
        assert day.counts() == {"sent": taken, "scheduled": emails - taken}
        assert day.carillon("resume").returncode == 0
        assert day.wait_until_taken(emails) == emails
        assert day.kill(process, signal.SIGTERM) == 0
        assert day.counts() == {"sent": emails}
        assert_nobody_twice_and_nobody_lost(day, emails)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_second_dispatcher_on_sqlite_refuses(url: str, tmp_path: Path) -> None:
    with day_of(tmp_path, url, server=("--delay", "0.03")) as day:
        day.add(100)
        process = day.start()
        day.wait_until_taken(1)
        second = day.carillon("send", "--once")
        assert second.returncode == 1
        assert f"another `send` is under way (process {process.pid})" in " ".join(second.stderr.split())
        assert "Traceback" not in second.stderr
        day.wait_until_taken(100)
        assert day.kill(process, signal.SIGTERM) == 0
        assert_nobody_twice_and_nobody_lost(day, 100)


@pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)
def test_what_changes_one_second_before(url: str, tmp_path: Path) -> None:
    """Suppressed (also by domain), opted out, moved into a window, un-enrolled, campaign paused: none of them
    gets the email."""
    with day_of(tmp_path, url) as day:
        leaves = datetime.now(UTC) + timedelta(seconds=4)
        day.execute(
            "insert into campaign_instances (id, campaign_type, instance_name, status)"
            " values (7, 'promo', 'spring', 'active')"
        )
        suppressed, gone, moved, well = day.add(4, send_at=leaves)
        (paused,) = day.add(1, 5, send_at=leaves, email_type="campaign_promo", campaign_instance_id=7)
        (at_domain,) = day.add(1, 6, send_at=leaves)
        day.execute("update contacts set email = 'ann@Elsewhere.example' where id = 6")
        (left,) = day.add(1, 7, send_at=leaves, email_type="sequence", enrollment_id=3)
        made = "'2026-01-01T00:00:00.000Z'"
        day.execute(
            "insert into sequences (id, name, status, settings, created_at)"
            f" values (2, 'welcome', 'active', '{{}}', {made})"
        )
        day.execute(
            "insert into sequence_enrollments (id, sequence_id, contact_id, status, enrolled_at)"
            f" values (3, 2, 7, 'active', {made})"
        )
        process = day.start()
        time.sleep(max(0.0, (leaves - datetime.now(UTC)).total_seconds() - 1))
        soon = datetime.now(UTC) + timedelta(days=10)
        assert day.rows("1", "where status <> 'scheduled'") == []
        day.execute("insert into suppressions (address, scope) values ('person1@example.com', 'all')")
        day.execute("insert into suppressions (address, scope) values ('@elsewhere.example', 'marketing')")
        day.execute("update sequence_enrollments set status = 'exited' where id = 3")
        day.execute("update contacts set status = 'opted_out' where id = 2")
        day.execute(
            f"update contacts set zip_code = '90210', birth_date = '1960-{soon:%m}-{soon:%d}' where id = 3"
        )
        day.execute("update campaign_instances set status = 'paused' where id = 7")
        assert datetime.now(UTC) < leaves
        day.wait_until_taken(1)
        time.sleep(1.0)
        assert day.kill(process, signal.SIGTERM) == 0
        found = {number: (status, why) for number, status, why in day.rows("id, status, skip_reason")}
        assert found == {
            suppressed: ("cancelled", "suppressed"),
            gone: ("cancelled", "opted_out"),
            at_domain: ("cancelled", "suppressed"),
            left: ("cancelled", "enrollment_ended"),
            well: ("sent", None),
            paused: ("scheduled", None),
        }
        with day.workspace.database.snapshot() as connection:
            plan = connection.exec_driver_sql("select id, state & 15 from plan").all()
            changed = connection.exec_driver_sql("select 1 from changes where contact_id = 3").all()
        assert [tuple(row) for row in plan] == [(moved, 2)]
        assert changed
        assert day.record().taken.total() == 1
