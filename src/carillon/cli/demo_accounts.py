"""The part of `carillon demo` that says how mail goes: settings, and the accounts that send and are read.

Everything stays in the demo's folder: an account sends into one Maildir and reads another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from carillon.cli.demo_campaigns import BY

if TYPE_CHECKING:
    from carillon.store.engine import Connection
    from carillon.workspace import Workspace

SENT, RECEIVED = "mail", "inbox"
"""Folders with a Maildir for each account."""
RELAY, WARMING, FAIRS = "service", "clara", "dan"
SETTINGS = {
    "sending.public_url": "https://mail.agency.example",
    "sending.postal_address": "12 Main Street, Springfield, IL 62701",
    "sending.sender_name": "Sample Agency",
    "tracking.opens": True,
    "tracking.clicks": True,
    "smart_scheduling.enabled": True,
}


def settle(workspace: Workspace) -> None:
    """Write what is set otherwise than usual, and make a key for programs, which nobody ever sees.

    The workspace is to be opened anew.
    """
    from carillon.jobs import settings as jobs
    from carillon.store import apikeys

    jobs.make(workspace, jobs.changed(workspace, SETTINGS), "for the demo", BY)
    now = workspace.clock.now()
    workspace.database.write(lambda c: apikeys.create(c, "monthly-report", (apikeys.READ,), now, BY))


def make(workspace: Workspace) -> None:
    """A relay for the plan's mail; mailboxes of four people, one new and one with a list it had better not
    have written to.
    """
    from carillon.accounts import Account
    from carillon.store import accounts as store

    def account(name: str, person: str) -> Account:
        (workspace.folder / RECEIVED / name / "new").mkdir(parents=True)
        inbox = {"source": "maildir", "path": f"{RECEIVED}/{name}"}
        settings = {"path": f"{SENT}/{name}"}
        address = f"{name}@agency.example"
        return Account(0, name, address, "maildir", settings, inbox=inbox, display_name=person)

    def mailbox(name: str, person: str, group: str) -> Account:
        return replace(account(name, person), kind="mailbox", group=group, holidays="US")

    ramp = {"start": 3, "step": 1, "most": 14}
    anna, ben = mailbox("anna", "Anna Berg", "sales"), mailbox("ben", "Ben Okoye", "sales")
    clara, dan = mailbox(WARMING, "Clara Lindt", "sales"), mailbox(FAIRS, "Dan Reyes", "fairs")
    wanted = (
        account(RELAY, "Sample Agency"),
        replace(anna, timezone="America/New_York", daily_limit=5),
        replace(ben, timezone="America/Los_Angeles", daily_limit=4),
        replace(clara, timezone="America/Denver", warmup_enabled=True, warmup=ramp),
        replace(dan, warmup_enabled=True, warmup={"start": 8, "step": 1}),
    )
    now = workspace.clock.now()

    def store_all(connection: Connection) -> None:
        for one in wanted:
            store.create(connection, one, now, BY)

    workspace.database.write(store_all)
