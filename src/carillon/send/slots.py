"""When the dispatcher looks at mailboxes: every few minutes, and slots are put in order first (02-pace §5).

With `run` and `books` a file of this room that opens the store.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from carillon.store.slot_keeping import put_in_order
from carillon.workspace import Workspace

SETTLED = timedelta(seconds=30)
"""How long after a slot was used, at most, `slots` says what became of it."""


class Mailboxes:
    """Looks at the mailboxes of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._every = timedelta(minutes=workspace.settings.pacing.send_interval)
        self._looked: datetime | None = None
        self._settled: datetime | None = None

    def look(self) -> bool:
        """Whether the mail of mailboxes is to be looked at now; then its slots are in order."""
        now = self._workspace.clock.now()
        is_time = self._looked is None or now - self._looked >= self._every
        if is_time or self._settled is None or now - self._settled >= SETTLED:
            self.settle()
        if is_time:
            self._looked = now
        return is_time

    def settle(self) -> None:
        """Put slots in order now."""
        here = self._workspace
        self._settled = here.clock.now()
        put_in_order(here.database, here.settings, self._settled)
