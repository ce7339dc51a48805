"""When the emails of a day leave: bulk mail through relay accounts (02-pace §4).

Pure. Emails come as arrays of shape (n,), in the order in which scarce room goes to them. Which account each
goes to is `dealing`'s; which slot of a mailbox `slotting`'s; here is when relays send. Times are microseconds
after the start of release.
"""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush

import numpy as np
import numpy.typing as npt

from carillon.columns import Index
from carillon.dealing import NO_ROOM, Room


def times(
    chosen: Index, domain: npt.NDArray[np.int64], rooms: list[Room], wanted: Index | None = None
) -> Index:
    """When each email leaves at the earliest, in the order given; `NO_ROOM` where its day is over by then.

    `domain`: a number for each recipient domain; `wanted`: when each is to leave at the earliest, where that
    is not the start.
    """
    at = np.full(len(chosen), NO_ROOM, np.int64)
    for account, room in enumerate(rooms):
        mine = np.flatnonzero(chosen == account)
        since = np.zeros(len(mine), np.int64) if wanted is None else np.maximum(wanted[mine], 0)
        order = np.argsort(since, kind="stable")
        mine, since = mine[order], since[order]
        if room.domain_interval:
            moments = _spaced(domain[mine], since, room)
        else:
            turns = np.arange(len(mine), dtype=np.int64) * room.interval
            moments = np.maximum.accumulate(since - turns) + turns if len(mine) else since
        at[mine] = np.where(moments <= room.span, moments, NO_ROOM)
    return at


def _spaced(domain: npt.NDArray[np.int64], since: Index, room: Room) -> Index:
    """Apart from each other, and further apart where they go to one domain.

    Whenever the account may send, the first email whose time has come and whose domain may be written to
    goes. `since`: ascending.
    """
    queues: dict[int, deque[int]] = {}
    for place, one in enumerate(domain.tolist()):
        queues.setdefault(one, deque()).append(place)
    wanted = since.tolist()
    shut = [(wanted[queue[0]], one) for one, queue in queues.items()]
    heapify(shut)
    open_: list[tuple[int, int]] = []
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
            heappush(shut, (max(moment + room.domain_interval, wanted[queues[one][0]]), one))
        moment += room.interval
    return found
