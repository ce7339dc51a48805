"""Going back to a backup without writing to anybody twice, and noticing when somebody went back without us.

`restore` puts a backup in the place of an SQLite database; `replay` is for a database that was put back by
other means. Either way mail stays paused until somebody has looked. The rules and their reasons are in
docs/decisions/0006-restore.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from carillon.days import day_number
from carillon.errors import Busy, WorkspaceError
from carillon.send.journal import Journal
from carillon.send.replay import last_sent, read
from carillon.store import replay as store
from carillon.store.accounts import accounts
from carillon.store.audit import note
from carillon.store.engine import Connection
from carillon.store.home import Home, home_of, require_home, set_home
from carillon.store.lease import only_one
from carillon.store.moments import stamp
from carillon.store.restore import home_now, put_in_place, staged
from carillon.user import user_name
from carillon.words import Status
from carillon.workspace import Workspace

Progress = Callable[[int, int], None]


@dataclass
class RestoreReport:
    """What going back did. Counts are emails."""

    backup: Path | None = None
    """What was put in place; None: only the journal was replayed."""
    kept: Path | None = None
    """The database that was there before."""
    epoch: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    """Emails that the database did not know of, by the status they have now."""
    unexplained: int = 0
    """Of those in doubt, emails of which the journal says nothing at all."""
    strangers: int = 0
    """Emails to contacts that the database does not know: they were imported later."""
    files: int = 0
    """Of the journal, read."""
    damaged: dict[str, int] = field(default_factory=dict)
    """Lines of the journal that were cut off or cannot be read, by file."""
    journal_is_whole: bool = True
    """Whether the journal reaches back to the backup."""

    def as_json(self) -> dict[str, object]:
        """Plain values only."""
        paths = {name: None if (path := getattr(self, name)) is None else str(path) for name in _PATHS}
        return dict(self.__dict__) | paths


_PATHS = ("backup", "kept")


def restore(workspace: Workspace, backup: Path, gap_in_doubt: bool, progress: Progress) -> RestoreReport:
    """Put `backup` in the place of the workspace's SQLite database, brought up to the sent journal.

    `gap_in_doubt`: the journal is not to be trusted. Raises Busy where a planner or dispatcher is at work,
    WorkspaceError where the backup cannot be used; then nothing was changed.
    """
    database = workspace.database
    with _alone(workspace), staged(database, backup, progress) as copy:
        home = home_now(database)
        report = copy.write(lambda c: _catch_up(c, workspace, gap_in_doubt, backup, home), durable=True)
        report.kept = put_in_place(database, copy, workspace.clock.now())
    workspace.log.warning("backup restored", backup=backup.name, epoch=report.epoch, emails=report.counts)
    return report


def replay(workspace: Workspace, gap_in_doubt: bool) -> RestoreReport:
    """Bring a database that was put back by other means up to the sent journal. Raises as `restore` does."""
    database = workspace.database
    with _alone(workspace):
        report = database.write(lambda c: _catch_up(c, workspace, gap_in_doubt, None, None), durable=True)
    workspace.log.warning("sent journal replayed", epoch=report.epoch, emails=report.counts)
    return report


def admit(workspace: Workspace) -> None:
    """Raise WorkspaceError unless mail may leave from here, and the database knows what has left.

    The first who sends makes this the place to send from. Cheap: it is asked before every dispatch.
    """
    sent = last_sent(workspace.folder)
    with workspace.database.snapshot() as connection:
        home = require_home(connection, workspace.folder)
        forgotten = store.not_known_as_sent(connection, sent)
    if forgotten:
        raise WorkspaceError(
            f"the sent journal in {workspace.folder} says that email {min(forgotten)} has left, and the "
            "database says that it has not: an older database was put in its place. Run `carillon restore "
            "--replay` first; nothing was sent."
        )
    if home is None:
        Journal(workspace.folder).begin()
        workspace.database.write(lambda connection: set_home(connection, workspace.folder))


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """No planner and no dispatcher is at work, and none begins."""
    database = workspace.database
    with ExitStack() as stack:
        for job in ("plan", "send") if database.is_sqlite else ("plan",):
            try:
                stack.enter_context(only_one(database, job, 0.0, lambda _said: None))
            except Busy:
                raise Busy(
                    f"a `{job}` is under way in this workspace. Nothing was changed; stop it, or try again "
                    "when it is done."
                ) from None
        if not database.is_sqlite:
            with database.snapshot() as connection:
                if store.anyone_sends(connection):
                    raise Busy("a dispatcher is at work. Stop it and try again in a minute.")
        yield


def _catch_up(
    connection: Connection, workspace: Workspace, gap_in_doubt: bool, backup: Path | None, home: Home | None
) -> RestoreReport:
    """All that makes a database fit to go on with. `home`: as the database in use had it."""
    now, folder, who = workspace.clock.now(), workspace.folder, user_name()
    newest = store.newest_intent(connection)
    journal = read(folder, newest and newest[1], workspace.settings.workspace.zone)
    # Every intent is in the journal before it is in the database; and whoever has sent has a journal.
    whole = (newest is None or journal.has(newest[0])) and (journal.is_there or home_of(connection) is None)
    done = store.replay(
        connection, journal.lines, now, day_number(workspace.today()), gap_in_doubt or not whole
    )
    store.reserve_ids(connection, journal.lines)
    store.count_rates(connection, _left_today(connection, workspace, journal.lines, now))
    if home is not None:
        set_home(connection, folder, home)
    what = "restore" if backup is None else f"restore of {backup.name}"
    report = RestoreReport(
        backup,
        None,
        store.begin_anew(connection, now, f"{who}, {what}"),
        done.counts,
        len(done.unexplained),
        done.strangers,
        journal.files,
        journal.damaged,
        whole,
    )
    note(connection, who, "restore", now, None, report.as_json())
    Journal(folder).note(now, (_line(one, now) for one in done.unexplained))
    return report


def _line(one: store.Doubtful, now: datetime) -> dict[str, object]:
    """From here on the journal knows of it, too."""
    return {
        "schedule_id": one.id,
        "message_id": one.message_id,
        "account_id": one.account_id,
        "outcome": Status.IN_DOUBT.value,
        "at": stamp(now),
    }


def _left_today(
    connection: Connection, workspace: Workspace, lines: pl.DataFrame, now: datetime
) -> dict[int, tuple[int, int]]:
    """By account: its day, and how many emails have left on it according to the journal."""
    found = {}
    for account in accounts(connection):
        zone = ZoneInfo(account.timezone) if account.timezone else workspace.settings.workspace.zone
        start = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        left = lines.filter(
            (pl.col("account_id") == account.id)
            & (pl.col("became") != store.UNSENT)
            & (pl.col("at") >= stamp(start))
        )
        if left.height:
            found[account.id] = (day_number(start.date()), left.height)
    return found
