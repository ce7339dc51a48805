"""One holder at a time: a lock that the operating system or the server gives back when its holder dies.

SQLite workspaces lock a file beside the database; PostgreSQL takes an advisory lock of a session. Neither
leaves anything behind after a crash, so the next run never waits for a dead one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import text
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from carillon.errors import Busy, WorkspaceError
from carillon.store.engine import Database

LOOK_AGAIN_SECONDS = 0.25


@contextmanager
def only_one(
    database: Database, job: str, wait_seconds: float, waiting: Callable[[str], None]
) -> Iterator[None]:
    """Hold the lease of `job`, waiting up to `wait_seconds` for whoever has it.

    `waiting` is called once, with a sentence, if that takes long enough to be noticed. Raises Busy when
    the time is over.
    """
    take = _file_lease if database.is_sqlite else _session_lease
    with take(database, job, wait_seconds, waiting):
        yield


@contextmanager
def _file_lease(
    database: Database, job: str, wait_seconds: float, waiting: Callable[[str], None]
) -> Iterator[None]:
    assert database.file is not None
    path = database.file.with_name(f"{database.file.name}.{job}.lock")
    holder = path.with_suffix(".pid")
    try:
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting(f"another `{job}` is under way{_by(holder)}; waiting for it to end")
            try:
                lock.acquire(timeout=wait_seconds, poll_interval=LOOK_AGAIN_SECONDS)
            except Timeout as error:
                raise _still_busy(job, wait_seconds) from error
    except OSError as error:
        raise WorkspaceError(
            f"{path.parent} cannot be written to ({error.strerror}). Give yourself write permission."
        ) from error
    try:
        holder.write_text(str(os.getpid()), encoding="ascii")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


@contextmanager
def _session_lease(
    database: Database, job: str, wait_seconds: float, waiting: Callable[[str], None]
) -> Iterator[None]:
    number = int.from_bytes(hashlib.sha256(f"carillon {job}".encode()).digest()[:8], "big", signed=True)
    with database.engine.connect() as connection:
        statement = text("select pg_try_advisory_lock(:number)")

        def take() -> bool:
            got = bool(connection.execute(statement, {"number": number}).scalar())
            connection.commit()
            return got

        if not take():
            waiting(f"another `{job}` is under way; waiting for it to end")
            tries = Retrying(
                retry=retry_if_result(lambda got: not got),
                stop=stop_after_delay(wait_seconds),
                wait=wait_fixed(LOOK_AGAIN_SECONDS),
                retry_error_callback=lambda _state: False,
            )
            if not tries(take):
                raise _still_busy(job, wait_seconds)
        try:
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(:number)"), {"number": number})
            connection.commit()


def _by(holder: Path) -> str:
    try:
        return f" (process {holder.read_text(encoding='ascii')})"
    except OSError:
        return ""


def _still_busy(job: str, wait_seconds: float) -> Busy:
    return Busy(
        f"another `{job}` has been under way for more than {wait_seconds:.0f} seconds. "
        "Nothing was changed; try again when it is done."
    )
