"""Opens the database of a workspace: connections, transactions, one border for errors.

SQLite runs in WAL mode with foreign keys on; transactions are begun by us, so that DDL is part of them.
PostgreSQL is reached through psycopg 3. Nothing else in Carillon opens a database.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet

from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy import Connection as Connection  # for the rooms, which do not know the library
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from carillon.errors import Busy, CarillonError, WorkspaceError
from carillon.store.schema import known_versions, newest_version, upgrade, version_of

T = TypeVar("T")

BUSY_SECONDS = 60
"""How long SQLite itself waits for another writer before it says that the database is locked."""
FOREIGN_BUSY_SECONDS = 10
"""The same for a file of another program, which may be at work all day."""
SEPARATOR = "\x1e"
"""ASCII's record separator, which bulk reading puts between values: no one types it."""


class Database:
    """One workspace's database. Make it with `open_database`."""

    def __init__(self, engine: Engine, place: str, attempts: int, delay: float) -> None:
        """`place`: what to call it to people; `attempts`, `delay` (seconds): for transient errors."""
        self.engine, self.place = engine, place
        self._attempts, self._delay = attempts, delay
        self.opening: Callable[[Connection], object] | None = None
        """Done once, at the beginning of the first transaction that writes, and as a part of it."""
        # SQLite has one writer: our threads wait here for each other, without the pauses of its busy loop.
        self.turn = threading.RLock() if self.is_sqlite else nullcontext()
        self._writers: WeakSet[Writer] = WeakSet()

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @property
    def file(self) -> Path | None:
        """The SQLite file; None on PostgreSQL."""
        return Path(str(self.engine.url.database)) if self.is_sqlite else None

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection on which everything read belongs to one moment."""
        with self.border(), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    def write(self, work: Callable[[Connection], T], *, durable: bool = False) -> T:
        """Run `work` in one transaction, again with growing pauses if another writer is in the way.

        `durable`: what it writes outlives a loss of power, too (SQLite; PostgreSQL's always does).

        Raises Busy if it still is after the last attempt, WorkspaceError where the disk is full or
        read-only. `work` may be called more than once and must do all its writing on its connection.
        """
        for attempt in Retrying(
            retry=retry_if_exception_type(Busy),
            stop=stop_after_attempt(self._attempts),
            wait=wait_exponential(multiplier=self._delay),
            reraise=True,
        ):
            with attempt, self.turn, self.border(), self.engine.connect() as connection:
                connection.execution_options(carillon_writes=True, carillon_durable=durable)
                with connection.begin():
                    if self.opening is not None:
                        self.opening(connection)
                    done = work(connection)
                self.opening = None
                return done
        raise AssertionError("Retrying either returns or raises")

    def version(self) -> str | None:
        """The schema revision the database is at; None for one without our tables."""
        with self.border(), self.engine.connect() as connection:
            return version_of(connection)

    def require_current(self) -> None:
        """Raise WorkspaceError unless the schema is exactly this program's."""
        at, head = self.version(), newest_version()
        if at == head:
            return
        if at is None:
            raise WorkspaceError(
                f"{self.place} holds no Carillon workspace yet. Make one with `carillon init DIR`."
            )
        if at not in known_versions():
            raise WorkspaceError(
                f"{self.place} was made by a newer Carillon (schema {at}; this one knows up to {head}). "
                "Update Carillon and try again; nothing was changed."
            )
        raise WorkspaceError(
            f"{self.place} was made by an older Carillon (schema {at}; this one needs {head}). "
            "Run `carillon init DIR` on the workspace to bring it up to date; a backup is made first."
        )

    def migrate(self) -> None:
        """Bring the schema up to date; all of it or nothing."""
        self.write(upgrade)

    def writer(self) -> Writer:
        """For someone who writes often."""
        made = Writer(self)
        self._writers.add(made)
        return made

    def close(self) -> None:
        for writer in self._writers:
            writer.close()
        self.engine.dispose()

    @contextmanager
    def border(self) -> Iterator[None]:
        """What the library or the driver raises inside becomes an error of ours."""
        driver = self.engine.dialect.dbapi
        assert driver is not None
        try:
            yield
        except (DBAPIError, driver.Error) as error:
            raise translate(error, self.place) from error


class Writer:
    """Short durable transactions, one after the other, on a connection that is kept between them.

    For one thread at a time. Taking a connection from the pool and giving it back costs more than many a
    transaction.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    def write(self, work: Callable[[Connection], T]) -> T:
        """As `Database.write`, durable; what it cannot do at once is done there, with its retries."""
        if self._database.opening is not None:
            return self._database.write(work, durable=True)
        try:
            with self._database.turn, self._database.border():
                if self._connection is None:
                    self._connection = self._database.engine.connect()
                    self._connection.execution_options(carillon_writes=True, carillon_durable=True)
                with self._connection.begin():
                    return work(self._connection)
        except Busy:
            self.close()
            return self._database.write(work, durable=True)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the connection up; the next transaction opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it may be broken already
                connection.close()


def open_database(url: str, folder: Path, attempts: int = 3, delay: float = 5.0) -> Database:
    """The database that `url` names; a relative SQLite path counts from `folder`.

    Raises WorkspaceError for a URL that names no database we can reach.
    """
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise WorkspaceError(f"database.url {url!r}: a workspace's SQLite database must be a file.")
            file = folder / parsed.database
            engine = create_engine(parsed.set(database=str(file)), connect_args={"isolation_level": None})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return Database(engine, str(file), attempts, delay)
        if parsed.get_backend_name() != "postgresql":
            raise WorkspaceError(
                f"database.url names {parsed.get_backend_name()!r}: Carillon runs on sqlite and postgresql."
            )
        engine = create_engine(parsed)
        return Database(engine, parsed.render_as_string(hide_password=True), attempts, delay)
    except ArgumentError as error:
        raise WorkspaceError(
            f"database.url {url!r} is not a database URL. Examples: sqlite:///carillon.db, "
            "postgresql://user@host/database."
        ) from error
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise WorkspaceError(
            'PostgreSQL needs an extra: install it with `pip install "carillon-mail[postgres]"`.'
        ) from error


def open_foreign(file: Path) -> Database:
    """The SQLite database of another program.

    Nothing in its schema is trusted, its journal mode stays as it is, references between its tables are
    not enforced while they are changed, and text need not be UTF-8. Nothing is tried twice.
    """
    url = URL.create("sqlite", database=str(file))
    engine = create_engine(url, connect_args={"isolation_level": None})
    event.listen(engine, "connect", _prepare_foreign)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine, str(file), attempts=1, delay=0)


_SQLITE_WORDS: tuple[tuple[str, type[CarillonError], str], ...] = (
    ("database is locked", Busy, "is in use by another process that is writing. Try again when it is done."),
    ("database or disk is full", WorkspaceError, "cannot grow: the disk is full. Free some space and run it "
     "again; nothing was changed."),
    ("disk i/o error", WorkspaceError, "cannot be written: the disk reports an error or is full. Nothing was "
     "changed."),
    ("readonly database", WorkspaceError, "is read-only. Give yourself write permission on the file and its "
     "folder."),
    ("unable to open database", WorkspaceError, "cannot be opened. Check that its folder exists and that you "
     "may write to it."),
    ("file is not a database", WorkspaceError, "is not an SQLite database, or it is damaged. `carillon "
     "restore` goes back to a backup."),
    ("malformed", WorkspaceError, "is damaged. `carillon restore` goes back to a backup."),
)  # fmt: skip

_POSTGRES_CODES = {
    "40001": Busy,
    "40P01": Busy,
    "55P03": Busy,
}


def translate(error: Exception, place: str) -> CarillonError:
    """A driver's error in our words; what the map does not know keeps its own text."""
    original = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    # PostgreSQL's details repeat the row, and with it what nobody but the database should hold.
    said = str(original).partition("\nDETAIL:")[0].strip()
    for words, kind, meaning in _SQLITE_WORDS:
        if words in said.lower():
            return kind(f"{place} {meaning}")
    code = getattr(original, "sqlstate", None)
    if code in _POSTGRES_CODES:
        return Busy(f"{place} is in use by another process that is writing. Try again when it is done.")
    if code == "53100":
        return WorkspaceError(f"{place} cannot grow: the server's disk is full. Nothing was changed.")
    if "connection" in said.lower() and code is None:
        return WorkspaceError(f"{place} cannot be reached: {said}")
    return WorkspaceError(f"{place}: {said}")


def dbapi(connection: Connection) -> Any:
    """The driver's own connection, for bulk paths."""
    return connection.connection.dbapi_connection


def scalar(connection: Connection, statement: str, **values: object) -> Any:
    """The first column of the first row of a statement; None if there is no row."""
    return connection.execute(text(statement), values).scalar()


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute(f"pragma busy_timeout = {BUSY_SECONDS * 1000}")
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
    connection.execute("pragma foreign_keys = on")
    # A large cache makes CREATE INDEX two to three times slower (it spills instead of sorting).
    connection.execute("pragma cache_size = -2000")


def _prepare_foreign(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute(f"pragma busy_timeout = {FOREIGN_BUSY_SECONDS * 1000}")
    connection.execute("pragma trusted_schema = off")
    connection.execute("pragma foreign_keys = off")
    connection.execute("pragma cache_size = -2000")
    connection.text_factory = _lenient


def _lenient(raw: bytes) -> str:
    """Text as UTF-8 or, value by value, as old programs on Windows wrote it."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        separator = SEPARATOR.encode()
        return SEPARATOR.join(_in_some_encoding(part) for part in raw.split(separator))


def _in_some_encoding(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("carillon_writes"):
        # A connection is used again by others: each transaction that writes says how safe it wants to be.
        level = "full" if options.get("carillon_durable") else "normal"
        connection.exec_driver_sql(f"pragma synchronous = {level}")
        connection.exec_driver_sql("begin immediate")
    else:
        connection.exec_driver_sql("begin")
