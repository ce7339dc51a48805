"""Going back to a backup: nobody is written to twice, and what nobody can know is in doubt.

Everything is real: workspaces, a server that records what it took, `carillon` in processes of its own that
are killed. `CARILLON_SOAK=1` kills more often.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from carillon.cli.app import main
from carillon.clock import SystemClock
from carillon.store.restore import put_in_place, staged
from carillon.workspace import at
from tests.contract.databases import sqlite_url
from tests.journey.mail_day import Day, day_of

SOAK = bool(os.environ.get("CARILLON_SOAK"))
KILLS = 60 if SOAK else 4
EMAILS = 120
BREAKS = ("--take-and-drop", "0.02", "--delay", "0.1")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return Path(sqlite_url(tmp_path).removeprefix("sqlite:///"))


def call(folder: Path, *words: str) -> tuple[int, str, str]:
    """A command in this process, which is much faster: its code, and what it said."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as left:
        main(["-w", str(folder), *words])
    return int(left.value.code or 0), out.getvalue(), err.getvalue()


def do(day: Day, *words: str) -> str:
    code, out, err = call(day.workspace.folder, *words)
    assert code == 0, err + out
    return out


def newest_backup(day: Day) -> str:
    return max(one.name for one in (day.workspace.folder / "backups").iterdir())


def test_back_to_the_morning_after_a_day_of_mail(tmp_path: Path, database: Path) -> None:
    """Backed up at work, sent on, killed, gone back, resumed: everybody has one email at most."""
    with day_of(tmp_path, f"sqlite:///{database}", server=BREAKS) as day:
        day.add(EMAILS)
        day.start()
        day.wait_until_taken(15)
        do(day, "backup")
        taken_then = day.record().taken.total()
        day.wait_until_taken(taken_then + 20)
        day.kill(day.processes[0], signal.SIGKILL)
        taken = set(day.record().taken)
        assert len(taken) < EMAILS, "it was all sent before the kill"

        do(day, "restore", newest_backup(day), "--yes")
        counts = day.counts()
        assert counts["sent"] + counts["in_doubt"] >= len(taken)
        known = {name for (name,) in day.rows("message_id", "where status in ('sent', 'in_doubt')")}
        assert taken <= known
        # What was in flight when the server broke off or the dispatcher died, not the whole gap.
        assert counts["in_doubt"] < EMAILS / 4
        assert "Nothing was due" in do(day, "send", "--once"), "it starts paused"

        do(day, "resume")
        day.execute("update outbox set send_at = '2020-01-01T00:00:00.000Z' where status = 'scheduled'")
        do(day, "send", "--once")
        record = day.record()
        assert [name for name, times in record.taken.items() if times > 1] == []
        assert day.counts().keys() == {"sent", "in_doubt"}
        assert day.counts().total() == EMAILS
        kept = list(tmp_path.glob("*-before-restore-*.db"))
        assert len(kept) == 1
        with closing(sqlite3.connect(kept[0])) as old:
            assert old.execute("select epoch from workspace_state").fetchone() == (0,)


def test_a_database_copied_back_by_hand_sends_nothing(tmp_path: Path, database: Path) -> None:
    with day_of(tmp_path, f"sqlite:///{database}") as day:
        day.add(20)
        do(day, "backup")
        do(day, "send", "--once")
        assert day.record().taken.total() == 20
        day.workspace.close()
        for side in ("-wal", "-shm"):
            database.with_name(database.name + side).unlink(missing_ok=True)
        shutil.copy(tmp_path / "backups" / newest_backup(day), database)
        code, _, err = call(tmp_path, "send", "--once")
        assert code == 1
        assert "restore --replay" in err
        do(day, "restore", "--replay", "--yes")
        do(day, "resume")
        do(day, "send", "--once")
        assert day.record().taken.total() == 20
        assert day.counts() == {"sent": 20}


def test_a_copied_workspace_sends_nothing_until_it_takes_over(tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    original.mkdir()
    name = Path(sqlite_url(original)).name
    with day_of(original, f"sqlite:///{name}") as day:
        day.add(5)
        do(day, "send", "--once")
        day.add(5, 6)
        day.workspace.close()
        shutil.copytree(original, copy)
        for words in (("release",), ("send", "--once")):
            code, _, err = call(copy, *words)
            assert code == 1
            assert f"from {original} on" in err
            assert f"this is {copy} on" in err
            assert "--take-over" in err
        assert day.record().taken.total() == 5
        assert call(copy, "release", "--take-over")[0] == 0
        assert call(copy, "send", "--once")[0] == 0
        assert day.record().taken.total() == 10
        with closing(sqlite3.connect(copy / name)) as taken:
            assert taken.execute("select count(*) from audit_log where what = 'take-over'").fetchone() == (1,)


def test_killed_while_it_restores(tmp_path: Path, database: Path) -> None:
    """Whenever that is, the old database or the new one is there, whole, and another `restore` ends well."""
    chance = random.Random(3)
    with day_of(tmp_path, f"sqlite:///{database}") as day:
        day.add(20_000)
        do(day, "backup")
        backup = newest_backup(day)
        day.execute("update outbox set step_key = 'later'")
        begun = time.monotonic()
        assert day.carillon("restore", backup, "--yes").returncode == 0
        needed = time.monotonic() - begun
        for _ in range(KILLS):
            day.execute("update outbox set step_key = 'later'")
            epoch = day_epoch(day)
            with subprocess.Popen(_order(tmp_path, "restore", backup, "--yes")) as process:
                time.sleep(needed * (0.3 + 0.7 * chance.random()))
                process.kill()
            with closing(sqlite3.connect(database)) as file:
                assert file.execute("pragma quick_check").fetchone() == ("ok",)
                assert file.execute("select count(*) from outbox").fetchone() == (20_000,)
                states = file.execute("select distinct step_key from outbox").fetchall()
                now = file.execute("select epoch, paused_at is not null from workspace_state").fetchone()
            assert states in ([("later",)], [(None,)])
            # Old is as it was; new is of a new epoch and paused. The backup's own epoch is 0.
            assert now == ((epoch, 1) if states == [("later",)] else (1, 1))
        do(day, "restore", backup, "--yes")
        assert day.rows("distinct step_key") == [(None,)]
        assert not list(tmp_path.glob("*.restoring*"))


def day_epoch(day: Day) -> int:
    with day.workspace.database.snapshot() as connection:
        return int(connection.exec_driver_sql("select epoch from workspace_state").scalar_one())


@pytest.mark.parametrize("state", ["garbage", "empty", "missing", "torn"])
def test_whatever_is_left_of_the_database(state: str, tmp_path: Path, database: Path) -> None:
    with day_of(tmp_path, f"sqlite:///{database}") as day:
        day.add(50)
        do(day, "backup")
        day.workspace.close()
        whole = database.read_bytes()
        for side in ("-wal", "-shm"):
            database.with_name(database.name + side).unlink(missing_ok=True)
        database.unlink()
        if state != "missing":
            left = {"garbage": b"no database at all" * 500, "empty": b"", "torn": whole[: len(whole) // 2]}
            database.write_bytes(left[state])
        do(day, "restore", newest_backup(day), "--yes")
        assert day.counts() == {"scheduled": 50}
        kept = [one for one in tmp_path.glob("*-before-restore-*") if one.suffix == ".db"]
        assert len(kept) == (0 if state == "missing" else 1)
        if state == "garbage":
            assert kept[0].read_bytes() == left["garbage"]
        do(day, "resume")
        do(day, "send", "--once")
        assert day.record().taken.total() == 50


def test_programs_that_have_it_open_go_on_with_the_new_one(tmp_path: Path, database: Path) -> None:
    """A reader keeps what it began to read; a writer that comes between is not lost: it is in the old one."""
    with day_of(tmp_path, f"sqlite:///{database}") as day:
        day.add(10)
        do(day, "backup")
        backup = tmp_path / "backups" / newest_backup(day)
        day.execute("update outbox set step_key = 'later'")
        workspace = at(tmp_path, {}, SystemClock())
        with closing(sqlite3.connect(database, isolation_level=None)) as reader:
            reader.execute("begin")
            before = reader.execute("select distinct step_key from outbox").fetchall()
            with staged(workspace.database, backup, lambda *_: None) as copy:
                kept = put_in_place(workspace.database, copy, SystemClock().now())
            assert reader.execute("select distinct step_key from outbox").fetchall() == before
            reader.execute("commit")
            assert reader.execute("select distinct step_key from outbox").fetchall() == [(None,)]
        workspace.close()
        assert day.rows("distinct step_key") == [(None,)]
        assert kept is not None
        with closing(sqlite3.connect(kept)) as old:
            assert old.execute("select distinct step_key from outbox").fetchall() == [("later",)]


def _order(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "carillon", "-w", str(folder), *words]
