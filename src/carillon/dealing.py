"""Which account sends which email: what each has left, and the work dealt out among several (02-pace §4).

Pure. Emails come as arrays of shape (n,), in the order in which scarce room goes to them. A contact keeps the
account that wrote to it last; all others are dealt out in proportion to what the accounts have left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from carillon.accounts import DEFAULT_GROUP
from carillon.campaigns import Campaign
from carillon.columns import Index
from carillon.words import FIRST_CAMPAIGN, Kind

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


def groups_of(
    kinds: npt.NDArray[np.integer], campaigns: Iterable[Campaign], given: Mapping[str, str]
) -> npt.NDArray[np.object_]:
    """The group of accounts that each email of the planner goes through, shape (n,).

    `kinds`: those of their keys, so that a follow-up goes the way of what it answers; `given`: groups by
    type of email or campaign, `sending.account_groups`. An instance's own group is nearer than its type's.
    """
    known = {int(kind): given.get(kind.email_type, DEFAULT_GROUP) for kind in Kind}
    for one in campaigns:
        usual = given.get(one.type.name, DEFAULT_GROUP)
        known[FIRST_CAMPAIGN + one.instance.id] = one.account_group or usual
    there, whose = np.unique(kinds, return_inverse=True)
    groups = [known.get(kind, DEFAULT_GROUP) for kind in there.tolist()]
    return np.array(groups, np.object_)[whose]


def deal(kept: Index, rooms: list[Room]) -> Index:
    """The account of each email, `NO_ROOM` where none has any.

    `kept`: the account that wrote to the contact last, `NO_ROOM` where none did or it is not among these.
    What all of them together have no room for is what comes last.
    """
    every = len(kept)
    chosen = np.full(every, NO_ROOM, np.int64)
    n = min(every, sum(room.capacity(every) for room in rooms))
    chosen[:n] = _deal(kept[:n], rooms)
    return chosen


def _deal(kept: Index, rooms: list[Room]) -> Index:
    n = len(kept)
    chosen = np.full(n, NO_ROOM, np.int64)
    widest = max((room.left or 0 for room in rooms), default=0)
    free, weights = [], []
    for account, room in enumerate(rooms):
        capacity = room.capacity(n)
        mine = np.flatnonzero(kept == account)[:capacity]
        chosen[mine] = account
        free.append(capacity - len(mine))
        weights.append((max(n, widest) if room.left is None else room.left) - len(mine))
    open_ = np.flatnonzero(chosen == NO_ROOM)
    # Places at even distances in [0, 1): sorted together they alternate in proportion.
    room_left, weight = np.array(free, np.int64), np.maximum(np.array(weights, np.int64), 1)
    some = _first(room_left, weight, len(open_))
    whose = np.repeat(np.arange(len(rooms)), some)
    turns = np.arange(len(whose)) - np.repeat(np.cumsum(some) - some, some)
    at = (turns + 0.5) / weight[whose]
    order = np.lexsort((whose, at))[: len(open_)]
    chosen[open_[: len(order)]] = whose[order]
    return chosen


def _first(free: Index, weight: Index, n: int) -> Index:
    """How many of each account's places are looked at: the first `n` of all are among them, and few more."""
    low, high = 0.0, 1.0
    if int(free.sum()) <= n:
        return free
    for _ in range(60):
        middle = (low + high) / 2
        if int(np.minimum(free, (middle * weight + 0.5).astype(np.int64)).sum()) >= n:
            high = middle
        else:
            low = middle
    return np.minimum(free, (high * weight + 0.5).astype(np.int64) + 1)
