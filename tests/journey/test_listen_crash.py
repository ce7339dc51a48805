"""Listeners that are killed between reading a message and storing it: nothing is lost, nothing counts twice.

Everything is real: Dovecot, and `carillon listen` in processes of its own. `CARILLON_SOAK=1` reads 10,000
messages and kills 60 times instead of a few, on both databases.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from carillon.clock import SystemClock
from carillon.store.moments import stamp
from carillon.workspace import Workspace, at
from tests.contract.databases import postgres_url, sqlite_url
from tests.contract.outbox import contacts, email, query
from tests.contract.test_mailboxes import Office
from tests.doubles.imap_server import imap_server

SOAK = bool(os.environ.get("CARILLON_SOAK"))
ANSWERS, KILLS = (10_000, 60) if SOAK else (600, 4)
PEOPLE = 100
PATIENCE_SECONDS = 120.0


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=[] if SOAK else [pytest.mark.skip("soak")])]
)
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    """On a fresh database, with the clock of the computer."""
    sqlite = request.param == "sqlite"
    url = sqlite_url(tmp_path) if sqlite else postgres_url(request.getfixturevalue("server"))
    (tmp_path / "carillon.yaml").write_text(f"database: {{url: '{url}'}}\n", encoding="utf-8")
    found = at(tmp_path, {}, SystemClock())
    yield found
    found.close()


def test_killed_at_random_moments(workspace: Workspace) -> None:
    chance = random.Random(3)
    with imap_server() as server:
        office = Office(workspace, server)
        office.add()
        contacts(workspace, *range(1, PEOPLE + 1))
        sent = {"status": "sent", "actual_send_datetime": stamp(workspace.clock.now())}
        office.emails = {one: email(workspace, one, **sent) for one in range(1, PEOPLE + 1)}
        for n in range(ANSWERS):
            server.deliver(office.answer(n % PEOPLE + 1, f"Yes, {n}.", n))

        in_the_middle = 0
        for kill in range(KILLS):
            process = start(workspace)
            wanted = (kill + 1) * ANSWERS // (KILLS + 2)
            wait_for(workspace, wanted, process)
            time.sleep(chance.random() * 0.3)
            process.kill()
            assert process.wait() == -signal.SIGKILL
            in_the_middle += stored(workspace) < ANSWERS
            assert mark(workspace) == stored(workspace)
        assert in_the_middle > KILLS / 2, "hardly anyone was killed at work"

        process = start(workspace)
        server.deliver(office.answer(1, "One more.", ANSWERS))
        every = ANSWERS + 1
        wait_for(workspace, every, process)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert process.wait(PATIENCE_SECONDS) == 0
        assert time.monotonic() - began < 10
        texts = query(workspace, "select count(*), count(distinct dedupe_key) from contact_events")
        assert texts == [(every, every)]
        assert query(workspace, "select count(*) from raw_messages") == [(every,)]
        assert mark(workspace) == every


def start(workspace: Workspace) -> subprocess.Popen[bytes]:
    """`carillon listen`, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CARILLON_")}
    with (workspace.folder / "listeners.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "carillon", "-w", str(workspace.folder), "listen"],
            stdout=log,
            stderr=log,
            env=environment,
        )


def stored(workspace: Workspace) -> int:
    return int(query(workspace, "select count(*) from contact_events")[0][0])


def mark(workspace: Workspace) -> int:
    """Each message is an event, so that the two have to agree."""
    return int((query(workspace, "select last_uid from inbox_folders") or [(0,)])[0][0])


def wait_for(workspace: Workspace, events: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while stored(workspace) < events:
        assert process.poll() is None, (workspace.folder / "listeners.log").read_text()
        assert time.monotonic() < end, f"after {PATIENCE_SECONDS} s {stored(workspace)} of {events} events"
        time.sleep(0.02)
