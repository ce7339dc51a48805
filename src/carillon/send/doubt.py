"""Emails in doubt: handed over completely, and the answer lost.

Evidence or a person settles them, or what `safety.on_doubt` says, which the dispatcher asks for now and then.
"""

from __future__ import annotations

from dataclasses import asdict

from carillon.days import day_number
from carillon.errors import InputError
from carillon.store import doubts as store
from carillon.store.doubts import Doubt, Which
from carillon.user import user_name
from carillon.words import Status
from carillon.workspace import Workspace

RESEND_AFTER_MINUTES = 10
"""A slow server may still be working on the first copy until then."""
MOST_ATTEMPTS = 3
"""An email tried so often is not sent again by policy: whatever loses the answers loses them again."""
BY_POLICY = "the dispatcher"
"""Who settles by policy, in the audit log."""

LISTED = 1000
"""Ids written into one line of the audit log at most."""

_BECOMES = {"sent": Status.SENT, "unsent": Status.FAILED, "resend": Status.SCHEDULED}
_WORDS = {
    "sent": "Email {} counts as sent.",
    "unsent": "Email {} counts as not sent, and is not sent again.",
    "resend": "Email {} is sent again with the next dispatch, with the same Message-ID.",
}


def listed(workspace: Workspace, which: Which = Which()) -> list[Doubt]:
    """Those that are meant, the oldest first."""
    with workspace.database.snapshot() as connection:
        return store.doubts(connection, which)


def settle_by_policy(workspace: Workspace) -> int:
    """Do with emails in doubt what `safety.on_doubt` says; returns how many were settled.

    `hold`: nothing; `assume_sent`: they count as sent; `resend`: those handed over long enough ago are sent
    again, with the same Message-ID.
    """
    policy = workspace.settings.safety.on_doubt
    if policy == "hold":
        return 0
    again = policy == "resend"
    status = Status.SCHEDULED if again else Status.SENT
    age = (RESEND_AFTER_MINUTES, MOST_ATTEMPTS) if again else (0, None)
    with workspace.database.snapshot() as connection:
        if not store.any_of_age(connection, *age):
            return 0
    now, today = workspace.clock.now(), day_number(workspace.today())

    def work(connection: store.Connection) -> int:
        settled = store.settle_all(connection, status, now, today, *age)
        if settled:
            what = {"emails": len(settled), "ids": settled[:LISTED]}
            store.note(connection, BY_POLICY, f"doubts settled: on_doubt is {policy}", now, None, what)
        return len(settled)

    return workspace.database.write(work, durable=True)


def settle_many(workspace: Workspace, which: Which, verdict: str, by: str | None = None) -> int:
    """Decide all that are meant at once: `sent`, `unsent` or `resend`. Returns how many were settled.

    What was handed over less than ten minutes ago is not sent again: it stays in doubt. `by`: as in `settle`.
    """
    now, who = workspace.clock.now(), by or user_name()
    minutes = RESEND_AFTER_MINUTES if verdict == "resend" else 0

    def work(connection: store.Connection) -> int:
        today = day_number(workspace.today())
        settled = store.settle_all(connection, _BECOMES[verdict], now, today, minutes, which=which)
        if settled:
            meant = {name: str(value) for name, value in asdict(which).items() if value is not None}
            what = {"emails": len(settled), "ids": settled[:LISTED]} | meant
            store.note(connection, who, f"doubts settled: {verdict}", now, None, what)
        return len(settled)

    return workspace.database.write(work, durable=True)


def settle(workspace: Workspace, number: int, verdict: str, by: str | None = None) -> str:
    """Decide one: `sent`, `unsent` or `resend`. Returns what follows, in words.

    `by`: who decides, for the log. Raises InputError where the email is not in doubt, or is to be sent again
    too soon.
    """
    now, who = workspace.clock.now(), by or user_name()

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
