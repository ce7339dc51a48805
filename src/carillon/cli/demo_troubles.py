"""The part of `carillon demo` in which something goes wrong: emails that fail or stay in doubt, a job that
fails once, somebody who rings up.

No server refuses anything in a demo, so that the outcomes are written here as the dispatcher writes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from carillon.cli.demo_accounts import RELAY

if TYPE_CHECKING:
    from carillon.store.engine import Connection
    from carillon.words import Status
    from carillon.workspace import Workspace

IN_DOUBT = "the server was given all of the email and the connection ended before its answer"
FULL = "given up after 4 tries: 452 4.2.2 The recipient's mailbox is full"
GREY = "given up after 4 tries: 451 4.7.1 Greylisting in action, please come back later"
EMAILS = ((12, "failed", FULL), (6, "failed", GREY), (4, "in_doubt", IN_DOUBT), (3, "in_doubt", IN_DOUBT))
"""From so many days before today on, what becomes of the next email, and why."""
CALLS = (("@rival.example", "a competitor"), ("board@agency.example", "our own board"))
CALLED_DAYS, NO_BACKUP_DAYS = 8, 10
"""When somebody rings up, and when no backup could be made."""


class Troubles:
    """What is still to go wrong."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._emails = list(EMAILS)
        self._days = {CALLED_DAYS: self._suppress, NO_BACKUP_DAYS: self._no_backup}

    def happen(self, days_ago: int) -> None:
        """What goes wrong now, so many days before today."""
        from carillon.words import Status

        if work := self._days.pop(days_ago, None):
            work()
        if self._emails and days_ago <= self._emails[0][0]:
            _, status, why = self._emails[0]
            if _outcome(self._workspace, Status(status), why):
                self._emails.pop(0)

    def _suppress(self) -> None:
        from carillon.store import suppressions

        now = self._workspace.clock.now()

        def work(connection: Connection) -> None:
            for address, why in CALLS:
                suppressions.add(connection, address, "all", why, now, "ruth")

        self._workspace.database.write(work)

    def _no_backup(self) -> None:
        """Something else has the name of the folder for backups, for a while."""
        from carillon.jobs.lease import holder, perform
        from carillon.jobs.table import JOBS

        place = self._workspace.folder / self._workspace.settings.audit.backup_folder
        backup = next(job for job in JOBS if job.name == "backup")
        place.touch()
        perform(self._workspace, backup, holder(), None)
        place.unlink()


def _outcome(workspace: Workspace, status: Status, why: str) -> bool:
    """Give the relay's next email an outcome, as a dispatcher does that met with it; whether there is one."""
    from carillon.days import day_number
    from carillon.rates import limits_of
    from carillon.store import accounts, dispatch, intents
    from carillon.store.dispatch import Claimed, Outcome

    now, today = workspace.clock.now(), day_number(workspace.today())
    token = f"{'d' * dispatch.HOLDER}:{today}"

    def claim(connection: Connection) -> list[Claimed]:
        relay = accounts.find(connection, RELAY)
        return dispatch.claim(connection, relay.id, limits_of(relay), (today, today), now, token, 1)

    def work(connection: Connection) -> None:
        for row in claimed:
            name = f"<{row.id}.{today}@agency.example>"
            basis = intents.bases(connection, [row.contact_id])[row.contact_id]
            intents.intend(connection, [intents.Intent(row.id, token, name, basis)])
            intents.record(connection, [Outcome(row.id, token, status, error=why, message_id=name)], now)

    claimed = workspace.database.write(claim)
    workspace.database.write(work)
    for row in claimed:
        what = status.value.replace("_", " ")
        workspace.log.warning(f"email {what}", email=row.id, contact=row.contact_id, account=RELAY)
    return bool(claimed)
