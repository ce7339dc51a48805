"""Emails in doubt: handed over completely, and the answer lost. Only evidence or a person settles them."""

from __future__ import annotations

from dataclasses import asdict

from carillon.days import day_number
from carillon.errors import InputError
from carillon.store import doubts as store
from carillon.store.doubts import Doubt
from carillon.user import user_name
from carillon.words import Status
from carillon.workspace import Workspace

RESEND_AFTER_MINUTES = 10
"""A slow server may still be working on the first copy until then."""

_BECOMES = {"sent": Status.SENT, "unsent": Status.FAILED, "resend": Status.SCHEDULED}
_WORDS = {
    "sent": "Email {} counts as sent.",
    "unsent": "Email {} counts as not sent, and is not sent again.",
    "resend": "Email {} is sent again with the next dispatch, with the same Message-ID.",
}


def listed(workspace: Workspace) -> list[Doubt]:
    """All of them, the oldest first."""
    with workspace.database.snapshot() as connection:
        return store.doubts(connection)


def settle(workspace: Workspace, number: int, verdict: str) -> str:
    """Decide one: `sent`, `unsent` or `resend`. Returns what follows, in words.

    Raises InputError where the email is not in doubt, or is to be sent again too soon.
    """
    now, who = workspace.clock.now(), user_name()

    def work(connection: store.Connection) -> str:
        found = store.find(connection, number)
        if found is None:
            raise InputError(f"email {number} is not in doubt; `carillon doubts` lists those that are.")
        if verdict == "resend" and found.minutes < RESEND_AFTER_MINUTES:
            raise InputError(
                f"email {number} was handed over {found.minutes} minutes ago; a slow server may still be "
                f"at it. Try again {RESEND_AFTER_MINUTES - found.minutes} minutes from now."
            )
        store.settle(connection, found, _BECOMES[verdict], now, day_number(workspace.today()))
        store.note(connection, who, f"doubt settled: {verdict}", now, asdict(found), None)
        return _WORDS[verdict].format(number)

    return workspace.database.write(work, durable=True)
