"""Putting a backup in the place of an SQLite database, so that a crash leaves the old or the new one, whole.

The backup is copied and brought up to date beside the database (`staged`), and then written over it in one
transaction of SQLite's own (`put_in_place`). The file itself is never exchanged under programs that have it
open: their write-ahead log would go into the new one. Only a file that is no database any more is renamed.
What was there before is kept beside it, whatever state it is in.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from carillon.errors import Busy, CarillonError, WorkspaceError
from carillon.store.backup import MOMENT, PAGES_A_STEP, Progress
from carillon.store.engine import BUSY_SECONDS, Database, open_database, translate
from carillon.store.home import Home, home_of
from carillon.store.schema import known_versions, newest_version

TRIES = 5
"""How often someone may write between the copy of the present database and its replacement."""
_SIDES = ("", "-wal", "-shm", "-journal")
_STAGE, _PART = ".restoring", ".part"


class _Changed(Exception):
    """Somebody wrote to the database after it was copied."""


@contextmanager
def staged(database: Database, backup: Path, progress: Progress) -> Iterator[Database]:
    """A copy of `backup` beside the database, found sound and of this program's schema; removed at the end.

    Raises WorkspaceError where the backup is damaged, holds no workspace or is of a newer Carillon, or where
    the copy cannot be written.
    """
    assert database.file is not None
    stage = database.file.with_name(database.file.name + _STAGE)
    _remove(stage)
    try:
        with _told(stage):
            _copy(_reading(backup), stage, lambda _status, left, total: progress(total - left, total))
            said = _quick_check(stage)
        if said != "ok":
            raise WorkspaceError(
                f"the backup {backup} is damaged ({said}). Nothing was changed; take an older one: "
                "`carillon restore` lists them."
            )
        copy = open_database(f"sqlite:///{stage.name}", stage.parent)
        try:
            _bring_up_to_date(copy, backup)
            yield copy
        finally:
            copy.close()
    finally:
        _remove(stage)


def home_now(database: Database) -> Home | None:
    """Where the present database says that mail is sent from, if it can be read at all."""
    assert database.file is not None
    if database.file.exists():
        with suppress(CarillonError), database.snapshot() as connection:
            return home_of(connection)
    return None


def put_in_place(database: Database, new: Database, now: datetime) -> Path | None:
    """Make `new` (from `staged`) the database. Returns where the old one is kept; None: there was none.

    Other programs may have it open: they go on with the new one. Raises Busy if they write all the time.
    """
    live, stage = database.file, new.file
    assert live is not None
    assert stage is not None
    new.close()
    database.close()
    with _told(live):
        with closing(_open(stage)) as copy:
            copy.execute("pragma journal_mode = delete")
        if not live.exists():
            _rename(stage, live)
            return None
        kept = _free_name(live, now)
        if not _is_database(live):
            _keep_as_it_is(live, kept)
            _rename(stage, live)
            return kept
        for _ in range(TRIES):
            with suppress(_Changed):
                _write_over(live, stage, kept)
                return kept
    raise Busy(f"{live} is written to all the time. Stop `carillon run` and `web`, and try again.")


def _bring_up_to_date(copy: Database, backup: Path) -> None:
    version = copy.version()
    if version is None:
        raise WorkspaceError(f"{backup} holds no Carillon workspace. Nothing was changed.")
    if version not in known_versions():
        raise WorkspaceError(
            f"{backup} was made by a newer Carillon (schema {version}; this one knows up to "
            f"{newest_version()}). Update Carillon and try again; nothing was changed."
        )
    copy.migrate()


def _write_over(live: Path, stage: Path, kept: Path) -> None:
    """Copy the old database to `kept`, then the new one over it: two databases of one moment."""
    with closing(_open(live)) as watcher, closing(_open(live)) as writer, closing(_open(stage)) as new:
        with closing(_open(live)) as others:
            others.execute("begin immediate")  # nobody writes while the old one is copied
            version = _version(watcher)
            _copy(watcher, kept.with_name(kept.name + _PART), lambda *_: None)
            _rename(kept.with_name(kept.name + _PART), kept)
        _same_pages(new, writer)

        def unchanged(status: int, _left: int, _total: int) -> None:
            if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise Busy(f"{live} is in use by another process that is writing. Nothing was changed.")
            # From the first step on nobody else can write; after the last one everything is new.
            if status != sqlite3.SQLITE_DONE and _version(watcher) != version:
                raise _Changed

        try:
            writer.execute("pragma synchronous = full")
            pages = int(new.execute("pragma page_count").fetchone()[0])
            new.backup(writer, pages=min(PAGES_A_STEP, pages // 2), progress=unchanged)
        except BaseException:
            # The old database is where it was.
            kept.unlink(missing_ok=True)
            raise
        # A reader of the old one may keep its log in use; then whoever comes later sees to it.
        writer.execute("pragma busy_timeout = 1000")
        writer.execute("pragma wal_checkpoint(truncate)")


def _version(watcher: sqlite3.Connection) -> int:
    """Changes whenever another connection has written to the database."""
    return int(watcher.execute("pragma data_version").fetchone()[0])


def _same_pages(new: sqlite3.Connection, live: sqlite3.Connection) -> None:
    """A database in WAL mode keeps its page size (that of an adopted one is another)."""
    size, wanted = (int(one.execute("pragma page_size").fetchone()[0]) for one in (new, live))
    if size != wanted:
        new.execute(f"pragma page_size = {wanted}")
        new.execute("vacuum")


def _copy(source: sqlite3.Connection, target: Path, progress: Callable[[int, int, int], None]) -> None:
    _remove(target)
    with closing(_open(target)) as copy:
        source.backup(copy, pages=PAGES_A_STEP, progress=progress)
        copy.execute("pragma journal_mode = delete")
    _sync(target)


def _quick_check(file: Path) -> str:
    try:
        with closing(_open(file)) as connection:
            return str(connection.execute("pragma quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return str(error)


def _reading(backup: Path) -> sqlite3.Connection:
    """A backup may lie where nothing can be written; one with a log beside it is read with its log."""
    alone = not backup.with_name(f"{backup.name}-wal").exists()
    return _open(f"{backup.resolve().as_uri()}?mode=ro{'&immutable=1' if alone else ''}")


def _open(place: Path | str) -> sqlite3.Connection:
    return sqlite3.connect(place, timeout=BUSY_SECONDS, isolation_level=None, uri=isinstance(place, str))


def _is_database(live: Path) -> bool:
    """Whether SQLite can lock it, and so write over it, however damaged it is inside."""
    try:
        with closing(_open(live)) as connection:
            connection.execute("begin immediate")
            connection.execute("rollback")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY):
            raise
        return False
    except sqlite3.DatabaseError:
        return False
    return True


def _keep_as_it_is(live: Path, kept: Path) -> None:
    """What SQLite cannot read: its files, renamed. A log of the old one must never meet the new one."""
    for side in reversed(_SIDES):
        if (part := live.with_name(live.name + side)).exists():
            part.replace(kept.with_name(kept.name + side))


def _free_name(live: Path, now: datetime) -> Path:
    """Beside the database, and nobody's yet."""
    first = f"{live.stem}-before-restore-{now.astimezone(UTC).strftime(MOMENT)}"
    number = 1
    while (kept := live.with_name(f"{first}{f'-{number}' if number > 1 else ''}{live.suffix}")).exists():
        number += 1
    return kept


def _rename(part: Path, whole: Path) -> None:
    """Under its name it is on disk, too."""
    _sync(part)
    part.replace(whole)
    _sync(whole.parent)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _remove(file: Path) -> None:
    for side in _SIDES:
        file.with_name(file.name + side).unlink(missing_ok=True)


@contextmanager
def _told(place: Path) -> Iterator[None]:
    """What goes wrong with files, in words."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, str(place)) from error
    except OSError as error:
        raise WorkspaceError(
            f"{place} cannot be written ({error.strerror or error}). Free some space or give yourself write "
            "permission; nothing was changed."
        ) from error
