"""Mailboxes that nobody reads: what health says of them. No 'no reply' is decided until they are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from carillon.accounts import Account
from carillon.store.inboxes import Folder

LAG = timedelta(hours=1)
"""From here on a mailbox was not read for long."""


def about_mailboxes(
    accounts: Iterable[Account],
    folders: Mapping[int, Sequence[Folder]],
    now: datetime,
    waiting: Mapping[int, int],
) -> list[str]:
    """A sentence on each account whose mailbox is not read, and why, where that is known.

    `waiting`: contacts of sequences that are due and wait for it, by account.
    """
    found = []
    for account in accounts:
        if account.inbox is None:
            continue
        known = folders.get(account.id, [])
        read = [one.read_at for one in known]
        until = min((at for at in read if at is not None), default=None) if all(read) else None
        if until is not None and now - until <= LAG:
            continue
        since = f"since {until:%Y-%m-%d %H:%M} UTC" if until else "yet"
        error = next((one.last_error for one in known if one.last_error), None)
        why = error or "run `carillon listen`"
        words = f"the mailbox of account {account.name} has not been read {since}: {why}"
        if n := waiting.get(account.id, 0):
            who = "1 contact waits" if n == 1 else f"{n:,} contacts wait"
            words = f"{words.removesuffix('.')}; {who} for it in sequences"
        found.append(words)
    return found
