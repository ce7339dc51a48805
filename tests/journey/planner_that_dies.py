"""A planner in a process of its own that kills itself, or is killed, at an awkward moment.

    python -m tests.journey.planner_that_dies FOLDER URL YYYY-MM-DD [progress N | write N | commit N]

`progress N`: at the Nth sign of life; `write N`: right before the Nth SQL statement of the swap; `commit N`:
right before (0) or right after (1) the swap is committed. Without one it says "planning" and runs through.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import date
from pathlib import Path

from sqlalchemy import Connection, event

from carillon.plan.run import Request, run
from carillon.store.engine import Database, open_database
from tests.contract.diary import workspace_for
from tests.plan.bridge import settings_of
from tests.plan.reference import default_rules


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Moments:
    """Counts what happens, and dies when its number is up."""

    def __init__(self, what: str, number: int) -> None:
        self._what, self._left = what, number
        self.swapping = False

    def progress(self, stage: str, _done: int, _of: int) -> None:
        self.swapping |= stage == "write"
        self._count("progress")

    def statement(self, *_: object) -> None:
        if self.swapping:
            self._count("write")

    def before_commit(self, _connection: Connection) -> None:
        if self.swapping:
            self._count("commit")

    def end(self) -> None:
        self._count("commit")

    def _count(self, what: str) -> None:
        if what != self._what:
            return
        if self._left == 0:
            die()
        self._left -= 1


def watch(database: Database, moments: Moments) -> None:
    event.listen(database.engine, "before_cursor_execute", moments.statement)
    event.listen(database.engine, "commit", moments.before_commit)


def main(folder: str, url: str, today: str, what: str = "nothing", number: str = "0") -> None:
    database = open_database(url, Path(folder))
    workspace = workspace_for(database, settings_of(default_rules()), date.fromisoformat(today), 2_000)
    moments = Moments(what, int(number))
    watch(database, moments)
    print("planning", flush=True)
    run(workspace, Request(workspace.today()), moments.progress, lambda _: None)
    moments.end()
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
