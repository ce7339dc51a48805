"""A planner that is killed, at any moment, leaves the old plan or the new one, and the next run succeeds.

The planner runs in a process of its own (`planner_that_dies`) and ends by SIGKILL: at chosen stages, and
after random delays over the whole of a run. `CARILLON_SOAK=1` does it fifty times instead of a few.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from carillon.store.engine import Database, open_database
from tests.contract.databases import postgres_copy, postgres_url, sqlite_url
from tests.contract.diary import Diary, crowd, release
from tests.plan.reference import default_rules
from tests.plan.worlds import World

SOAK = bool(os.environ.get("CARILLON_SOAK"))
PEOPLE = 50_000 if SOAK else 20_000
TODAY = date(2025, 8, 20)
ROOT = Path(__file__).parents[2]
SCENES = ("sqlite, first plan", "sqlite, next night", "postgresql, next night")


@dataclass(frozen=True)
class Scene:
    """A workspace before the run that will be killed, and what that run would have left."""

    world: World
    copy: Callable[[Path], str]
    """Makes a database like it; returns its URL."""
    old: str
    new: str
    seconds: float
    """How long an undisturbed run takes, from the moment it says that it plans."""


def content(diary: Diary) -> str:
    lines = diary.query("select id, send, ideal, state from plan order by id")
    return hashlib.sha256(repr(lines).encode()).hexdigest()


def schema(diary: Diary) -> object:
    """Tables, indexes and triggers: some are taken away while many rows are written."""
    if diary.database.is_sqlite:
        return sorted(diary.query("select type, name from sqlite_master"), key=repr)
    return sorted(
        diary.query("select 'index', indexname from pg_indexes where schemaname = 'public'")
        + diary.query("select tgname::text, tgenabled::text from pg_trigger where not tgisinternal"),
        key=repr,
    )


def prepare(database: Database, planned: bool) -> World:
    """Many people; if `planned`, with yesterday's plan, of which some was sent and much has changed."""
    world = replace(crowd(PEOPLE, TODAY), rules=default_rules())
    diary = Diary(database, 5_000)
    diary.load(world)
    if planned:
        diary.plan(replace(world, today=TODAY - timedelta(days=1)))
        database.write(lambda connection: release(connection, "p.send < 20320 and p.state & 15 = 0", "sent"))
        diary.execute("update contacts set birth_date = '1966-10-11' where id & 3 = 0 and id > 100")
    return world


def stage(base: str, folder: Path, copy: Callable[[Path], str], planned: bool) -> Scene:
    database = open_database(base, folder)
    world = prepare(database, planned)
    old = content(Diary(database))
    database.close()
    url = copy(folder)
    seconds = undisturbed(folder, url)
    database = open_database(url, folder)
    new = content(Diary(database))
    database.close()
    assert new != old
    return Scene(world, copy, old, new, seconds)


@pytest.fixture(scope="module", params=SCENES)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server: str) -> Scene:
    folder: Path = tmp_path_factory.mktemp("crash")
    planned = request.param.endswith("next night")
    if request.param.startswith("postgresql"):
        base = postgres_url(server)
        return stage(base, folder, lambda _: postgres_copy(server, base), planned)
    base = sqlite_url(folder)
    file = Path(base.removeprefix("sqlite:///"))

    def copy(to: Path) -> str:
        shutil.copy(file, to / "carillon.db")
        return f"sqlite:///{to / 'carillon.db'}"

    return stage(base, folder, copy, planned)


def start(folder: Path, url: str, *moment: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.journey.planner_that_dies",
            str(folder),
            url,
            TODAY.isoformat(),
            *moment,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "planning\n"
    return process


def undisturbed(folder: Path, url: str) -> float:
    with start(folder, url) as process:
        began = time.monotonic()
        assert process.wait(120) == 0
    return time.monotonic() - began


def kill_at(folder: Path, url: str, moment: str) -> bool:
    """Whether the moment came: a night of few changes has fewer signs of life than a first plan."""
    with start(folder, url, *moment.split()) as process:
        ended = process.wait(120)
    assert ended in (-signal.SIGKILL, 0)
    return ended != 0


def kill_after(folder: Path, url: str, seconds: float) -> bool:
    """Whether it was still running then."""
    with start(folder, url) as process:
        time.sleep(seconds)
        process.kill()
        return process.wait(120) == -signal.SIGKILL


def assert_unharmed(scene: Scene, url: str, folder: Path, before: object) -> str:
    """Whole, consistent and good for another run. Returns which plan was found: old or new."""
    database = open_database(url, folder)
    diary = Diary(database, 5_000)
    try:
        found = content(diary)
        assert found in (scene.old, scene.new)
        assert schema(diary) == before
        diary.assert_counted()
        if database.is_sqlite:
            assert diary.query("pragma integrity_check") == [("ok",)]
        statement = "select status, error_message from scheduler_checkpoints order by id"
        log = diary.query(statement)
        states = [line[0] for line in log[-1:]]
        assert states != ["failed"]
        if found == scene.new:
            assert states == ["completed"]

        report = diary.plan(scene.world, verify=found == scene.new)
        assert content(diary) == scene.new
        diary.assert_counted()
        if found == scene.new:
            assert (report.added, report.moved, report.removed) == (0, 0, 0)
        told = diary.query(statement)
        assert told[-1] == ("completed", None)
        for (was, _), (now, why) in zip(log, told, strict=False):
            assert was == now or (was, now) == ("started", "failed")
            assert was == now or "interrupted" in str(why)
        diary.plan(scene.world, verify=True, dry_run=True)
    finally:
        database.close()
    return "old" if found == scene.old else "new"


def schema_of(url: str, folder: Path) -> object:
    database = open_database(url, folder)
    try:
        return schema(Diary(database))
    finally:
        database.close()


STAGES = ["write 5", "write 13", "commit 1"]
if SOAK:
    STAGES = [
        *(f"progress {n}" for n in range(8)),
        *(f"write {n}" for n in range(14)),
        "commit 0",
        "commit 1",
    ]


@pytest.mark.parametrize("moment", STAGES)
def test_killed_at_a_stage(scene: Scene, moment: str, tmp_path: Path) -> None:
    """Before the commit it is the old plan, after it the new one; a server gives the lease to the next."""
    url = scene.copy(tmp_path)
    before = schema_of(url, tmp_path)
    killed = kill_at(tmp_path, url, moment)
    assert killed or SOAK
    found = assert_unharmed(scene, url, tmp_path, before)
    assert found == ("new" if moment == "commit 1" or not killed else "old")


@pytest.mark.parametrize("turn", range(20 if SOAK else 1))
def test_killed_at_any_time(scene: Scene, turn: int, tmp_path: Path) -> None:
    """Somewhere within the time that a run takes."""
    url = scene.copy(tmp_path)
    before = schema_of(url, tmp_path)
    part = random.Random(turn).random() if SOAK else 0.7
    kill_after(tmp_path, url, part * scene.seconds)
    assert_unharmed(scene, url, tmp_path, before)
