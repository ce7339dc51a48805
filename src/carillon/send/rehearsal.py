"""`safety.dry_run`: what is due is written into a Maildir, once each, and stays due.

What is written is checked and rendered by the code that sends. Rows, counters and history stay as they are;
the files' names are the only record of what was written before.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from carillon.accounts import Account
from carillon.days import day_number
from carillon.rates import Limits
from carillon.send.books import StoreBooks
from carillon.send.engine import Ready
from carillon.send.letters import renderer
from carillon.send.transports.maildir import write_copy
from carillon.store import waiting as store
from carillon.words import SkipReason
from carillon.workspace import Workspace

FOLDER = "dry-run"
"""In the workspace's folder: the Maildir of accounts that have none."""
BATCH = 500
WRITTEN, BEFORE = "written", "written_before"


@dataclass
class Rehearsal:
    """One account's dry run."""

    workspace: Workspace
    account: Account
    lawless: frozenset[int]
    counts: Counter[str] = field(default_factory=Counter)
    """Emails by what became of them: `written`, `written_before`, or what would keep them from leaving."""
    _seen: set[int] = field(default_factory=set)

    @property
    def folder(self) -> Path:
        """The Maildir."""
        own = self.account.settings.get("path") if self.account.transport == "maildir" else FOLDER
        return self.workspace.folder / Path(str(own or FOLDER)).expanduser()

    def write(self) -> None:
        """Write everything that is due and was not looked at yet.

        Raises InputError where the Maildir cannot be written to.
        """
        workspace, after = self.workspace, store.FIRST
        # Nothing leaves this machine: also what may go to no server is written.
        stand_in = replace(self.account, transport="maildir")
        books = StoreBooks(workspace, stand_in, Limits(), renderer(workspace, stand_in), self.lawless)
        now, today = workspace.clock.now(), day_number(workspace.today())
        while True:
            with workspace.database.snapshot() as connection:
                rows = store.due(connection, self.account.id, now, today, after, BATCH)
            if not rows:
                return
            after = rows[-1].id
            new = [row for row in rows if row.id not in self._seen]
            self._seen.update(row.id for row in new)
            for one in books.prepare(new) if new else ():
                if isinstance(one, Ready):
                    self.counts[WRITTEN if write_copy(self.folder, one.envelope) else BEFORE] += 1
                else:
                    reason = one.back if one.back not in (None, SkipReason.NONE) else None
                    self.counts[reason.word if reason else one.status.value] += 1
