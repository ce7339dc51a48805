"""Emails that failed, and that a person wants sent after all: what was wrong with them is mended.

Touches the store, as `doubt` does. They leave as any other: windows, limits and suppressions are asked again.
"""

from __future__ import annotations

from collections.abc import Sequence

from carillon.days import day_number
from carillon.send.doubt import LISTED
from carillon.store import unsent as store
from carillon.store.audit import note
from carillon.store.engine import Connection
from carillon.user import user_name
from carillon.workspace import Workspace


def send_again(workspace: Workspace, since: int, ids: Sequence[int] | None, by: str | None = None) -> int:
    """Let failed emails leave with the next dispatch, each with its own Message-ID. Returns how many.

    `since`: a day number; what was to go before it is too old. `ids`: of these only; None: all. What cannot
    leave any more stays failed: see `store.unsent.again`. `by`: who wants it, for the log.
    """
    now, who = workspace.clock.now(), by or user_name()

    def work(connection: Connection) -> int:
        found = store.again(connection, since, ids, now, day_number(workspace.today()))
        if found:
            what = {"emails": len(found), "ids": found[:LISTED]}
            note(connection, who, "failed emails sent again", now, None, what)
        return len(found)

    return workspace.database.write(work, durable=True)
