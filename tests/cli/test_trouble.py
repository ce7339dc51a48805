"""Full disks, read-only places, foreign databases, two planners at once: words, and nothing lost."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from carillon.store import engine, schema
from carillon.store.engine import Database
from tests.cli.conftest import NOW, Run, command, in_a_process, read_only, tmpfs


def rows_in(database: Path) -> tuple[int, int]:
    connection = sqlite3.connect(database)
    try:
        counts = [
            connection.execute(f"select count(*) from {table}").fetchone()[0]
            for table in ("contacts", "plan")
        ]
        assert connection.execute("pragma integrity_check").fetchone()[0] == "ok"
        return counts[0], counts[1]
    finally:
        connection.close()


def many(path: Path, rows: int) -> Path:
    lines = (
        f"person{n}@example.com,{'x' * 100},75201,19{n % 60 + 30}-03-{n % 28 + 1:02d}" for n in range(rows)
    )
    path.write_text("email,company,zip,birth_date\n" + "\n".join(lines) + "\n")
    return path


def test_a_full_disk_during_import_leaves_the_contacts_as_they_were(planned: Path, tmp_path: Path) -> None:
    before = rows_in(planned / "carillon.db")
    size = (planned / "carillon.db").stat().st_size // 1024
    with tmpfs(tmp_path / "disk", f"size={size + 900}k") as disk:
        folder = disk / "ws"
        shutil.copytree(planned, folder, ignore=shutil.ignore_patterns("backups", "imports"))
        result = in_a_process(
            "-w", folder, "import", "contacts", many(tmp_path / "many.csv", 20_000), TMPDIR=str(tmp_path)
        )
        assert result.code == 1
        assert "disk" in result.err
        assert "full" in result.err
        assert "Traceback" not in result.err
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        assert rows_in(folder / "carillon.db") == before


def test_a_full_disk_during_a_plan_leaves_the_old_plan(planned: Path, run: Run, tmp_path: Path) -> None:
    assert run("-w", planned, "import", "contacts", many(tmp_path / "many.csv", 5_000)).code == 0
    shutil.rmtree(planned / "backups", ignore_errors=True)
    before = rows_in(planned / "carillon.db")
    size = (planned / "carillon.db").stat().st_size // 1024
    with tmpfs(tmp_path / "disk", f"size={size + 250}k") as disk:
        folder = disk / "ws"
        shutil.copytree(planned, folder, ignore=shutil.ignore_patterns("backups", "imports"))
        result = in_a_process("-w", folder, "--now", NOW, "plan", CARILLON_AUDIT__BACKUPS="false")
        assert result.code == 1
        assert "the disk is full" in result.err
        assert "Traceback" not in result.err
        assert rows_in(folder / "carillon.db") == before
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        assert run("-w", folder, "--now", NOW, "plan").code == 0


def test_a_read_only_workspace_can_be_looked_at_but_not_changed(
    planned: Path, contacts: Path, run: Run
) -> None:
    with read_only(planned):
        for words in (("plan",), ("import", "contacts", contacts), ("backup",), ("init", planned)):
            result = run("-w", planned, "--now", NOW, *words)
            assert "Traceback" not in result.err
            assert "defect" not in result.err
            if words[0] != "init":
                assert result.code == 1
                assert "read-only" in result.err.lower() or "cannot be" in result.err


def test_a_read_only_database_can_be_read(planned: Path, contacts: Path, run: Run) -> None:
    with read_only(planned / "carillon.db"):
        for words in (("forecast",), ("explain", "1"), ("plan", "--dry-run")):
            assert run("-w", planned, "--now", NOW, *words).code == 0
        for words in (("plan",), ("import", "contacts", str(contacts))):
            result = run("-w", planned, "--now", NOW, *words)
            assert result.code == 1
            assert "is read-only" in result.err
            assert "Traceback" not in result.err


def test_a_folder_that_cannot_be_made(run: Run, tmp_path: Path) -> None:
    with read_only(tmp_path):
        result = run("init", tmp_path / "new")
    assert result.code == 1
    assert "cannot be made" in result.err


def test_a_database_of_a_newer_version_is_left_alone(planned: Path, run: Run) -> None:
    connection = sqlite3.connect(planned / "carillon.db")
    with connection:
        connection.execute("update alembic_version set version_num = '9999'")
    connection.close()
    for words in (("plan",), ("init", planned), ("explain", "1")):
        result = run("-w", planned, *words)
        assert result.code == 1
        assert "newer Carillon" in result.err


def test_an_older_database_is_backed_up_and_brought_up_to_date(
    planned: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same tables under the number of a schema that never was."""
    connection = sqlite3.connect(planned / "carillon.db")
    with connection:
        connection.execute("update alembic_version set version_num = '0000'")
    connection.close()
    newest = schema.newest_version()
    for module in (engine, schema):
        monkeypatch.setattr(module, "known_versions", lambda: ("0000", newest))

    def migrate(database: Database) -> None:
        database.write(
            lambda open_: open_.exec_driver_sql(f"update alembic_version set version_num = '{newest}'")
        )

    monkeypatch.setattr(Database, "migrate", migrate)
    assert "older Carillon" in run("-w", planned, "plan").err
    settings = (planned / "carillon.yaml").read_text()
    result = run("init", planned)
    assert result.code == 0
    assert "Backed up the database" in result.out
    assert f"from schema 0000 to {newest}" in result.out
    assert (planned / "carillon.yaml").read_text() == settings
    assert run("-w", planned, "--now", NOW, "plan").code == 0


def test_a_file_that_is_no_database(planned: Path, run: Run) -> None:
    for leftover in planned.glob("carillon.db-*"):
        leftover.unlink()
    (planned / "carillon.db").write_text("hello " * 1000)
    result = run("-w", planned, "forecast")
    assert result.code == 1
    assert "not an SQLite database" in result.err


def test_a_second_planner_waits_and_says_so(planned: Path) -> None:
    lock = FileLock(planned / "carillon.db.plan.lock")
    with lock.acquire():
        waiting = subprocess.Popen(
            command("-w", planned, "--now", NOW, "plan"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert waiting.stderr is not None
        said = ""
        while "under way" not in said:
            line = waiting.stderr.readline()
            assert line, "it ended without waiting"
            said += line
        assert "waiting for it to end" in said
    out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, err
    assert "Planned for 2026-03-10" in out
