"""A day's emails dealt out to relays and mailboxes of one group (02-pace §4).

Pure. Emails come as arrays of shape (n,), in the order in which scarce room goes to them; accounts by their
places, relays first. Both kinds share in proportion to what they have left; what a mailbox was dealt takes a
slot there if it can have one, else one of the group's, else a relay that has room; slots that are left go to
who comes next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from carillon.columns import Index
from carillon.dealing import NO_ROOM, Room, deal
from carillon.slotting import Board, place

CHUNK = 50_000
"""Emails that are tried on what slots are left, together."""

Hours = Callable[[Index], tuple[Index, Index]]
"""From when on and until when emails, by their places, may leave: `slotting.allowed_hours`."""


@dataclass(frozen=True)
class Shared:
    """Who got what, shape (n,) each; `NO_ROOM` in both: nobody had room."""

    relay: Index
    """The place of a relay among the accounts."""
    slot: Index
    """The place of a slot in the board."""


def share(
    kept: Index, domain: Index, wanted: Index, ids: Index, relays: list[Room], board: Board, hours: Hours
) -> Shared:
    """`kept`: the place of the account that wrote to the contact last, or `NO_ROOM`; `domain`: a number for
    each; `wanted`: milliseconds, from which on an email takes a slot if there is one; `ids`: of accounts."""
    n, first_box = len(kept), len(relays)
    left = board.room()
    rooms = [*relays, *(Room(left.get(one, 0), 0, 0, 0) for one in ids[first_box:].tolist())]
    chosen = deal(kept, rooms)
    slot = np.full(n, NO_ROOM, np.int64)
    if not board.free:
        return Shared(chosen, slot)

    def ask(rows: Index, account: Index, since: Index) -> None:
        earliest, latest = hours(rows)
        bound = np.zeros(len(rows), bool)
        slot[rows] = place(board, account, bound, np.maximum(earliest, since), latest, domain[rows])

    dealt = np.flatnonzero(chosen >= first_box)
    ask(dealt, ids[chosen[dealt]], wanted[dealt])
    counts = np.bincount(chosen[chosen != NO_ROOM], minlength=len(rooms))
    chosen[dealt] = NO_ROOM
    failed = dealt[slot[dealt] == NO_ROOM]
    spare = [Room(room.capacity(n) - int(some), 0, 0, 0) for room, some in zip(relays, counts, strict=False)]
    chosen[failed] = deal(np.full(len(failed), NO_ROOM), spare)
    others = np.flatnonzero((chosen == NO_ROOM) & (slot == NO_ROOM))
    box = np.where(kept >= first_box, ids[kept], NO_ROOM)
    for begin in range(0, len(others), CHUNK):
        if not board.free:
            break
        some = others[begin : begin + CHUNK]
        ask(some, box[some], np.zeros(len(some), np.int64))
    return Shared(chosen, slot)
