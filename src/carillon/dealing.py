"""Which account sends which email: what each has left, and the work dealt out among several (02-pace §4).

Pure. Emails come as arrays of shape (n,), in the order in which scarce room goes to them. A contact keeps the
account that wrote to it last; all others are dealt out in proportion to what the accounts have left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carillon.columns import Index

NO_ROOM = -1


@dataclass(frozen=True)
class Room:
    """What one account can take today."""

    left: int | None
    """Emails of its daily limit that are left; None: no limit."""
    interval: int
    """Microseconds between two of its emails at least."""
    domain_interval: int
    """The same between two emails to one recipient domain."""
    span: int
    """Microseconds until its day is over."""

    def capacity(self, n: int) -> int:
        """Of `n` emails, how many it can take."""
        room = n if self.left is None else min(n, max(self.left, 0))
        return min(room, self.span // self.interval + 1) if self.interval else room


def deal(kept: Index, rooms: list[Room]) -> Index:
    """The account of each email, `NO_ROOM` where none has any.

    `kept`: the account that wrote to the contact last, `NO_ROOM` where none did or it is not among these.
    """
    n = len(kept)
    chosen = np.full(n, NO_ROOM, np.int64)
    widest = max((room.left or 0 for room in rooms), default=0)
    places = []
    for account, room in enumerate(rooms):
        capacity = room.capacity(n)
        mine = np.flatnonzero(kept == account)[:capacity]
        chosen[mine] = account
        # Places at even distances in [0, 1): sorted together they alternate in proportion.
        weight = (max(n, widest) if room.left is None else room.left) - len(mine)
        turns = np.arange(capacity - len(mine))
        places.append(((turns + 0.5) / max(weight, 1), np.full(len(turns), account)))
    open_ = np.flatnonzero(chosen == NO_ROOM)
    if places and len(open_):
        at = np.concatenate([place for place, _ in places])
        whose = np.concatenate([account for _, account in places])
        order = np.lexsort((whose, at))[: len(open_)]
        chosen[open_[: len(order)]] = whose[order]
    return chosen
