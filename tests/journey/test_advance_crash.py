"""Real movers, killed at random moments: nobody's step happens twice, and nobody's is left out."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from carillon.advance.run import advance
from carillon.clock import SystemClock
from carillon.store.bulk import insert_rows
from carillon.store.moments import stamp
from carillon.workspace import Workspace, at
from tests.contract.databases import postgres_url, sqlite_url
from tests.contract.outbox import account, contacts, execute, query
from tests.contract.sequence_world import add_sequence, steps

ROOT = Path(__file__).parents[2]
SOAK = bool(os.environ.get("CARILLON_SOAK"))
ENROLLMENTS, KILLS = (4_000, 150) if SOAK else (300, 5)
PATIENCE_SECONDS = 600.0 if SOAK else 120.0
WAY = steps(
    ("tag", "action", {"kind": "add_tag", "tag": "met"}),
    ("hello", "email", {"template": "one"}),
    ("wait", "delay", {"amount": 1, "unit": "hours"}),
    ("silent", "condition", {"when": {"not": "replied"}}, "again", "note"),
    ("again", "email", {"template": "two"}),
    ("note", "action", {"kind": "notify", "text": "through"}),
    ("end", "exit", {"reason": "completed"}),
)
DONE = ["done", "sent", "over", "yes", "sent", "done", "exited"]
ANSWERED = ["done", "sent", "over", "no", "done", "exited"]


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    return postgres_url(request.getfixturevalue("server"))


@contextmanager
def movers() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes; whoever is left at the end is killed."""
    found: list[subprocess.Popen[str]] = []
    try:
        yield found
    finally:
        for one in found:
            one.kill()
            one.wait()


def start(folder: Path) -> subprocess.Popen[str]:
    order = [sys.executable, "-m", "tests.journey.mover", str(folder)]
    with (folder / "movers.log").open("a") as log:
        return subprocess.Popen(order, cwd=ROOT, stdout=log, stderr=log, text=True)


def workspace_of(folder: Path, url: str) -> Workspace:
    """People on their way since two days ago; every third has answered."""
    (folder / "carillon.yaml").write_text(
        f"database: {{url: '{url}'}}\nprocessing: {{max_retry_attempts: 5, retry_delay: 0}}\n",
        encoding="utf-8",
    )
    workspace = at(folder, {}, SystemClock())
    account(workspace)
    people = range(1, ENROLLMENTS + 1)
    contacts(workspace, *people)
    begun = stamp(datetime.now(UTC) - timedelta(days=2))
    for name in ("one way", "another"):
        sequence = add_sequence(workspace, WAY, name)
        row = {"sequence_id": sequence.id, "status": "active", "next_action_at": begun, "enrolled_at": begun}
        mine = [one for one in people if one % 2 == sequence.id % 2]
        workspace.database.write(
            lambda c, row=row, mine=mine: insert_rows(  # type: ignore[misc]
                c, "sequence_enrollments", ("contact_id", *row), [(one, *row.values()) for one in mine]
            )
        )
    answered = stamp(datetime.now(UTC) - timedelta(days=1))
    replies = [(one, "replied", answered) for one in people if one % 3 == 0]
    workspace.database.write(
        lambda c: insert_rows(c, "contact_events", ("contact_id", "event_type", "created_at"), replies)
    )
    return workspace


def send_all(workspace: Workspace) -> None:
    """What was scheduled was sent, a while ago."""
    sent = stamp(datetime.now(UTC) - timedelta(hours=30))
    execute(
        workspace,
        f"update outbox set status = 'sent', actual_send_datetime = '{sent}', message_id = '<' || id || '>'"
        " where status = 'scheduled'",
    )


def left(workspace: Workspace) -> int:
    return int(query(workspace, "select count(*) from sequence_enrollments where status = 'active'")[0][0])


@pytest.mark.parametrize(("url", "workers"), [("sqlite", 1), ("postgresql", 3)], indirect=["url"])
def test_killed_at_random_moments(url: str, workers: int, tmp_path: Path) -> None:
    chance = random.Random(7)
    workspace = workspace_of(tmp_path, url)
    kills, end = 0, time.monotonic() + PATIENCE_SECONDS
    with movers() as working:
        working += [start(tmp_path) for _ in range(workers)]
        while left(workspace) and time.monotonic() < end:
            time.sleep(chance.random() * 0.4)
            send_all(workspace)
            if kills < KILLS:
                victim = working.pop(chance.randrange(len(working)))
                victim.send_signal(signal.SIGKILL)
                # One that ended by itself was not killed: its log says why.
                assert victim.wait() == -signal.SIGKILL, (tmp_path / "movers.log").read_text()
                kills += 1
                working.append(start(tmp_path))
                # Some of them get far, some do not.
                time.sleep(chance.random() * 3.0)
        assert left(workspace) == 0, (tmp_path / "movers.log").read_text()
    assert kills > KILLS / 2
    advance(workspace)
    assert query(workspace, "select distinct status from sequences") == [("completed",)]

    ways: dict[int, list[str]] = {}
    visits: dict[int, list[int]] = {}
    for number, visit, outcome in query(
        workspace,
        "select x.enrollment_id, x.visit, x.outcome from sequence_step_executions x"
        " order by x.enrollment_id, x.visit",
    ):
        ways.setdefault(number, []).append(outcome)
        visits.setdefault(number, []).append(visit)
    enrolled = query(workspace, "select id, contact_id from sequence_enrollments")
    assert len(enrolled) == len(ways) == ENROLLMENTS
    for number, contact in enrolled:
        assert ways[number] == (ANSWERED if contact % 3 == 0 else DONE)
        assert visits[number] == list(range(1, len(ways[number]) + 1))
    emails = dict(query(workspace, "select contact_id, count(*) from outbox group by contact_id"))  # type: ignore[arg-type]
    assert emails == {one: 1 if one % 3 == 0 else 2 for one in range(1, ENROLLMENTS + 1)}
    notes = query(
        workspace,
        "select contact_id, count(*) from contact_events where event_type = 'notified' group by contact_id",
    )
    assert sorted(notes) == [(one, 1) for one in range(1, ENROLLMENTS + 1)]
    assert query(workspace, "select 1 from outbox where noticed_at is null") == []
    workspace.close()
