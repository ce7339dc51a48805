"""Backups of the database: made whole, proven readable, and kept within days and megabytes.

SQLite is copied by its online backup API, from one snapshot, while others read and write; it goes through
the connection of `engine`, because one process must not open a database with two SQLite libraries.
PostgreSQL is dumped by its own `pg_dump`. A backup gets its name when it is whole and was checked.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from carillon.errors import WorkspaceError
from carillon.settings_sections import Audit
from carillon.store.engine import Database, dbapi
from carillon.store.lease import only_one

PAGES_A_STEP = 4_096
"""16 MB: often enough to tell how far it is."""

_NAME = re.compile(r"carillon-(\d{8}T\d{6}Z)\.(db|dump)")
MOMENT = "%Y%m%dT%H%M%SZ"
_PART = re.compile(r"\.carillon-\d{8}T\d{6}Z\.(db|dump)\.part(-\w+)?")
"""What a backup is called while it is made."""
WAIT_SECONDS = 3_600
"""How long one backup waits for another."""

Progress = Callable[[int, int], None]
"""Told how much is copied and how much there is."""


@dataclass(frozen=True)
class Backup:
    """A backup that was made and found sound."""

    path: Path
    size: int
    """Bytes."""
    check: str
    """`quick`; `full` for the first of a week; `none` for PostgreSQL, whose dump checks itself."""
    removed: list[Path]
    """Older ones that had to go."""


def backup(
    database: Database,
    folder: Path,
    now: datetime,
    audit: Audit,
    progress: Progress = lambda _done, _total: None,
) -> Backup:
    """Copy the database into `folder` (`workspace.folder / audit.backup_folder`).

    Made even if `audit.backups` is off. Older ones beyond `audit`'s days and megabytes are removed, the
    new one never. Raises WorkspaceError if the folder cannot be written to, the disk is full, the copy is
    damaged, or `pg_dump` is missing or fails; then nothing is left behind and no older one is removed.
    """
    with only_one(database, "backup", WAIT_SECONDS, lambda _said: None):
        return _make(database, folder, now, audit, progress)


def backup_if_due(
    database: Database,
    folder: Path,
    now: datetime,
    audit: Audit,
    progress: Progress = lambda _done, _total: None,
) -> Backup | None:
    """The same, unless `audit.backups` is off or there is one of this day (UTC) already: then None."""
    if not audit.backups:
        return None
    today = now.astimezone(UTC).date()
    with only_one(database, "backup", WAIT_SECONDS, lambda _said: None):
        if any(moment.date() == today for moment, _ in existing(folder)):
            return None
        return _make(database, folder, now, audit, progress)


def existing(folder: Path) -> list[tuple[datetime, Path]]:
    """The backups in a folder and when each was made (UTC), the newest first."""
    if not folder.is_dir():
        return []
    found = [(_NAME.fullmatch(path.name), path) for path in folder.iterdir()]
    dated = [(datetime.strptime(name[1], MOMENT).replace(tzinfo=UTC), path) for name, path in found if name]
    return sorted(dated, reverse=True)


def _make(database: Database, folder: Path, now: datetime, audit: Audit, progress: Progress) -> Backup:
    now = now.astimezone(UTC)
    target = folder / f"carillon-{now.strftime(MOMENT)}.{'db' if database.is_sqlite else 'dump'}"
    part = folder / f".{target.name}.part"
    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        try:
            if database.is_sqlite:
                full = not any(_week(moment) == _week(now) for moment, _ in existing(folder))
                _copy(database, part, full, progress)
                check = "full" if full else "quick"
            else:
                _dump(database, part)
                check = "none"
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            part.replace(target)
        except BaseException:
            _sweep(folder)
            raise
        return Backup(target, target.stat().st_size, check, _retire(folder, target, now, audit))


def _sweep(folder: Path) -> None:
    """Remove what an interrupted backup left: there is only one at a time."""
    for path in folder.iterdir():
        if _PART.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _copy(database: Database, part: Path, full: bool, progress: Progress) -> None:
    with database.snapshot() as connection, closing(_opened(part)) as copy:
        # The snapshot begins with the first read; without one, every write of others would make the copy
        # start from its beginning.
        connection.exec_driver_sql("select count(*) from sqlite_master")
        try:
            dbapi(connection).backup(
                copy, pages=PAGES_A_STEP, progress=lambda _s, left, total: progress(total - left, total)
            )
            # One file that can be read anywhere; opened by Carillon, it is in WAL mode again.
            copy.execute("pragma journal_mode = delete")
            check = "integrity_check" if full else "quick_check"
            said = str(copy.execute(f"pragma {check}(1)").fetchone()[0])
        except sqlite3.OperationalError as error:
            # The database is only read: what cannot be written is the copy.
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                raise
            raise _full(part.parent) from error
        except sqlite3.DatabaseError as error:
            said = str(error)
    if said != "ok":
        raise WorkspaceError(
            f"the copy of {database.place} is damaged ({said.strip()}), and so, most likely, is the database "
            "itself. No backup was made and the older ones are untouched: keep them, and go back to the "
            "newest one."
        )


def _opened(part: Path) -> sqlite3.Connection:
    part.touch()  # so that a folder that cannot be written to says why
    copy = sqlite3.connect(part)
    copy.execute("pragma synchronous = off")
    return copy


def _full(folder: Path) -> WorkspaceError:
    return WorkspaceError(
        f"the backup folder {folder} has no room for a copy of the database: its disk is full, or reports an "
        "error. Nothing was left behind. Free some space, or name another folder as audit.backup_folder."
    )


def _dump(database: Database, part: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise WorkspaceError(
            "backups of a PostgreSQL database need the program pg_dump, which is not on the PATH. Install "
            "PostgreSQL's client programs (Debian: postgresql-client), or leave backups to the server's "
            "administrator and set `audit.backups: false` in carillon.yaml."
        )
    url = database.engine.url.set(drivername="postgresql")
    environment = dict(os.environ)
    if url.password:
        # Not on the command line, which every user of the computer can read.
        environment["PGPASSWORD"] = str(url.password)
    address = url._replace(password=None).render_as_string(hide_password=False)
    done = subprocess.run(
        [program, "--format=custom", "--no-password", f"--file={part}", f"--dbname={address}"],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        why = " ".join(done.stderr.split()) or f"it ended with code {done.returncode}"
        raise WorkspaceError(
            f"pg_dump could not back up {database.place}: {why}. Nothing was left behind. Put this right, or "
            "set `audit.backups: false` in carillon.yaml if backups are made elsewhere."
        )


def _retire(folder: Path, newest: Path, now: datetime, audit: Audit) -> list[Path]:
    """Remove what is too old, and the oldest of what is too much."""
    oldest = now - timedelta(days=audit.backup_retention_days)
    room = audit.backup_max_megabytes * 1_000_000
    removed = []
    for moment, path in existing(folder):
        room -= path.stat().st_size
        if path != newest and (moment < oldest or room < 0):
            path.unlink(missing_ok=True)
            removed.append(path)
    return removed


def _week(moment: datetime) -> tuple[int, int]:
    year, week, _ = moment.isocalendar()
    return year, week


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """What goes wrong in the backup folder, in words that name it. The database's own errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise _full(folder) from error
        raise WorkspaceError(
            f"the backup folder {folder} cannot be written to ({error.strerror or error}). Give yourself "
            "write permission, name another one as audit.backup_folder, or set `audit.backups: false`."
        ) from error
