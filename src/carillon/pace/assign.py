"""Which account sends which email of a day, and when: bulk mail through relay accounts (02-pace §4).

Pure. Emails come as arrays of shape (n,), in the order in which scarce room goes to them. A contact keeps
the account that wrote to it last; all others are dealt out in proportion to what the accounts have left.
Times are microseconds after the start of release.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np
import numpy.typing as npt

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


def times(chosen: Index, domain: npt.NDArray[np.int64], rooms: list[Room]) -> Index:
    """When each email leaves at the earliest, in the order given; `NO_ROOM` where its day is over by then.

    `domain`: a number for each recipient domain.
    """
    at = np.full(len(chosen), NO_ROOM, np.int64)
    for account, room in enumerate(rooms):
        mine = np.flatnonzero(chosen == account)
        if room.domain_interval:
            moments = _spaced(domain[mine], room)
        else:
            moments = np.arange(len(mine), dtype=np.int64) * room.interval
        at[mine] = np.where(moments <= room.span, moments, NO_ROOM)
    return at


def _spaced(domain: npt.NDArray[np.int64], room: Room) -> Index:
    """Apart from each other, and further apart where they go to one domain.

    Whenever the account may send, the first email whose domain may be written to goes.
    """
    queues: dict[int, deque[int]] = {}
    for place, one in enumerate(domain.tolist()):
        queues.setdefault(one, deque()).append(place)
    open_ = [(queue[0], one) for one, queue in queues.items()]
    heapify(open_)
    shut: list[tuple[int, int]] = []
    found, moment = np.empty(len(domain), np.int64), 0
    while open_ or shut:
        if not open_:
            moment = max(moment, shut[0][0])
        while shut and shut[0][0] <= moment:
            one = heappop(shut)[1]
            heappush(open_, (queues[one][0], one))
        place, one = heappop(open_)
        found[place] = moment
        queues[one].popleft()
        if queues[one]:
            heappush(shut, (moment + room.domain_interval, one))
        moment += room.interval
    return found
