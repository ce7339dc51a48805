"""`carillon run` in processes of its own: killed, stopped, started twice, with a part of it broken.

`CARILLON_SOAK=1` sends more emails and kills more often.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from carillon.jobs.table import JOBS
from carillon.store import jobs as store
from tests.contract.databases import postgres_url, sqlite_url
from tests.journey.mail_day import Day, day_of

SOAK = bool(os.environ.get("CARILLON_SOAK"))
EMAILS, KILLS = (2_000, 30) if SOAK else (90, 2)
PATIENCE = 180.0
SLOW = ("--delay", "0.03")
LOG = {
    "sqlite": (
        "create table done (name text, occasion text)",
        "create trigger note after update of completed_at on jobs"
        " when new.completed_at is not old.completed_at and new.due_for is not null"
        " begin insert into done values (new.name, new.due_for); end",
    ),
    "postgresql": (
        "create table done (name text, occasion text)",
        "create function note() returns trigger language plpgsql as $$ begin"
        " if new.completed_at is distinct from old.completed_at and new.due_for is not null then"
        " insert into done values (new.name, new.due_for); end if; return new; end $$",
        "create trigger note after update on jobs for each row execute function note()",
    ),
}
"""Writes down each occasion that was seen to."""


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a fresh database; the parameter says on what."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield sqlite_url(tmp_path)
    else:
        yield postgres_url(request.getfixturevalue("server"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serve_on(day: Day, port: int) -> None:
    with (day.workspace.folder / "carillon.yaml").open("a") as file:
        file.write(f"web: {{port: {port}}}\n")


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"after {PATIENCE} s: {what}"
        time.sleep(0.05)


def states(day: Day) -> dict[str, store.JobState]:
    with day.workspace.database.snapshot() as connection:
        return store.states(connection)


def log(day: Day) -> str:
    return (day.workspace.folder / "dispatchers.log").read_text()


def nothing_is_left_to_do(day: Day) -> bool:
    found, now = states(day), datetime.now(UTC)
    zone = day.workspace.settings.workspace.zone
    return all(
        (state := found.get(job.name)) is not None and state.has_seen(job.cadence.last(now, zone), now)
        for job in JOBS
    )


@pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)
def test_killed_at_work(url: str, tmp_path: Path) -> None:
    """No email twice, none lost; no occasion seen to twice, and in the end all of them."""
    with day_of(tmp_path, url, server=SLOW) as day:
        serve_on(day, free_port())
        for statement in LOG["sqlite" if day.workspace.database.is_sqlite else "postgresql"]:
            day.execute(statement)
        day.add(EMAILS)
        for round_ in range(KILLS):
            process = day.start(command="run")
            day.wait_until_taken((round_ + 1) * EMAILS // (KILLS + 2))
            assert day.kill(process, signal.SIGKILL) == -signal.SIGKILL
            day.end_leases()
            if not day.workspace.database.is_sqlite:
                day.execute("update jobs set lease_until = '2020-01-01T00:00:00.000Z'")
        process = day.start(command="run")
        day.wait_until_taken(EMAILS)
        wait_for(lambda: nothing_is_left_to_do(day), "jobs are not done")
        wait_for(lambda: not day.counts()["processing"], "emails are not recorded")
        assert day.kill(process, signal.SIGTERM) == 0

        record = day.record()
        assert [name for name, times in record.taken.items() if times > 1] == []
        assert day.counts().keys() <= {"sent", "in_doubt"}
        assert day.counts().total() == EMAILS
        left = {name for (name,) in day.rows("message_id")}
        assert set(record.taken) <= left
        with day.workspace.database.snapshot() as connection:
            done = Counter(tuple(row) for row in connection.exec_driver_sql("select * from done"))
        assert [one for one, times in done.items() if times > 1] == []
        assert {name for name, _ in done} == {job.name for job in JOBS}
        assert not any(state.is_held or state.last_error for state in states(day).values())
        assert "Traceback" not in log(day)


@pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)
def test_a_stop_is_clean_and_quick(url: str, tmp_path: Path) -> None:
    port = free_port()
    with day_of(tmp_path, url, server=SLOW) as day:
        serve_on(day, port)
        how = signal.SIGINT if day.workspace.database.is_sqlite else signal.SIGTERM
        process = day.start(command="run")
        wait_for(lambda: answers(port), "the web does not answer")
        day.add(EMAILS)
        taken = day.wait_until_taken(EMAILS // 5)
        begun = time.monotonic()
        assert day.kill(process, how) == 0
        assert time.monotonic() - begun < 25, "the whole grace went by"
        assert taken < EMAILS
        assert day.counts().keys() <= {"sent", "scheduled"}
        assert day.counts()["sent"] == day.record().taken.total()
        assert not any(state.is_held for state in states(day).values())
        assert not answers(port)
        said = log(day)
        assert said.count("begun") == said.count("stopped") > 0
        assert "Traceback" not in said
        assert "\x1b" not in said
        day.finish()
        assert day.counts() == {"sent": EMAILS}


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/u/none", trust_env=False).status_code == 404
    except httpx.HTTPError:
        return False


def test_a_second_one_on_sqlite_says_so(url: str, tmp_path: Path) -> None:
    with day_of(tmp_path, url) as day:
        serve_on(day, free_port())
        process = day.start(command="run")
        wait_for(lambda: "begun" in log(day), "it does not begin")
        for words in (("run",), ("run", "--once")):
            second = day.carillon(*words)
            assert second.returncode == 1
            assert f"another `run` is under way (process {process.pid})" in " ".join(second.stderr.split())
            assert "Traceback" not in second.stderr
        assert day.kill(process, signal.SIGTERM) == 0


def test_what_breaks_stops_nothing_else(url: str, tmp_path: Path) -> None:
    """The web cannot listen, a table is gone: mail goes all the same, and health says so."""
    with day_of(tmp_path, url) as day, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        serve_on(day, taken.getsockname()[1])
        day.execute("alter table raw_messages rename to lost")
        day.add(10)
        process = day.start(command="run")
        assert day.wait_until_taken(10) == 10
        wait_for(lambda: (state := states(day).get("plan")) is not None and bool(state.completed), "no plan")
        wait_for(
            lambda: {"web", "retention"} <= {n for n, s in states(day).items() if s.last_error}, "no faults"
        )
        health = json.loads(day.carillon("health", "--json").stdout)
        assert health["status"] == "degraded"
        issues = " ".join(health["issues"])
        assert "web failed" in issues
        assert "cannot listen on 127.0.0.1" in issues
        assert "retention failed" in issues
        assert health["jobs"]["plan"] is not None
        assert day.kill(process, signal.SIGTERM) == 0
        assert "Traceback" not in log(day)


def test_edited_settings_hold_without_a_restart(url: str, tmp_path: Path) -> None:
    first, second = free_port(), free_port()
    with day_of(tmp_path, url) as day:
        serve_on(day, first)
        process = day.start(command="run")
        wait_for(lambda: answers(first), "the web does not answer")
        file = day.workspace.folder / "carillon.yaml"
        file.write_text(file.read_text().replace(f"port: {first}", f"port: {second}"))
        wait_for(lambda: answers(second), "the web does not answer on the new port")
        assert not answers(first)
        assert "carillon.yaml has changed" in log(day)
        day.add(5)
        assert day.wait_until_taken(5) == 5
        assert day.kill(process, signal.SIGTERM) == 0


def once(day: Day, *words: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    done = day.carillon("run", "--once", "--json", *words)
    return done, json.loads(done.stdout)


@pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)
def test_once_goes_through_in_order_and_ends(url: str, tmp_path: Path) -> None:
    with day_of(tmp_path, url) as day:
        day.add(20)
        done, report = once(day)
        assert done.returncode == 0, done.stderr
        assert list(report) == ["listen", "advance", "release", "warmup_mail", "dispatch"]
        assert report["dispatch"]["counts"] == {"sent": 20}
        assert day.counts() == {"sent": 20}
        begun = states(day)
        moments = [begun[name].started for name in report]
        assert moments == sorted(m for m in moments if m is not None)
        again = day.carillon("run", "--once")
        assert (again.returncode, again.stdout.strip()) == (0, "Nothing was due.")

        day.execute("alter table inbox_folders rename to lost")
        day.add(5, 100)
        done, report = once(day)
        assert done.returncode == 1
        assert "error" in report["listen"]
        assert report["dispatch"]["counts"] == {"sent": 5}, "what comes after it goes on"


def test_where_somebody_is_to_be_asked_nothing_is_sent(url: str, tmp_path: Path) -> None:
    with day_of(tmp_path, url) as day:
        with (tmp_path / "carillon.yaml").open("a") as file:
            file.write("safety: {confirm_before_send: true}\n")
        day.add(3)
        done, report = once(day)
        assert done.returncode == 1
        assert "confirm_before_send is on" in report["dispatch"]["error"]
        assert day.counts() == {"scheduled": 3}
        done, report = once(day, "--yes")
        assert done.returncode == 0
        assert day.counts() == {"sent": 3}
