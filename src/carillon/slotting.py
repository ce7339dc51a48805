"""Which email takes which slot of which mailbox (02-pace §4).

Pure. Moments are milliseconds since 1970; emails come as columns of shape (n,), in the order in which scarce
slots go to them. Planner emails and those of sequences take slots by the same rules: each email has the
moments between which it may leave, and takes the first free slot there, of its own account if it can.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo

import numpy as np

from carillon.columns import Bools, Frame, Index, People
from carillon.days import day_number
from carillon.dealing import NO_ROOM
from carillon.local_time import DAY, day_bounds, on_the_wall
from carillon.windows import Windows
from carillon.words import SkipReason

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Slots(Frame):
    """Free slots."""

    account: Index
    """Id."""
    at: Index
    day: Index
    """Day number of the account's local date: daily limits count by it."""


@dataclass
class _Lane:
    """Slots in the order of time, some of them taken; `after` leads from a place to the next free one."""

    slots: list[int]
    """Places in the board."""
    at: list[int]
    after: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.after = list(range(len(self.at) + 1))

    def free(self, place: int) -> int:
        """The first free place from this one on; as many as there are: none is."""
        after = self.after
        while after[place] != place:
            after[place] = after[after[place]]
            place = after[place]
        return place

    def close(self, place: int) -> None:
        self.after[place] = place + 1


class Board:
    """The free slots of some accounts while they are given away."""

    def __init__(
        self,
        slots: Slots,
        left: Mapping[tuple[int, int], int],
        apart: Mapping[int, int],
        busy: Iterable[tuple[int, int, int]] = (),
    ) -> None:
        """`left`: by account and its local day, how many more emails its limit lets go, where it has one;
        `apart`: by account, milliseconds between two emails to one domain, where that is limited; `busy`:
        account, domain and moment of emails that have slots already."""
        self._account, self._at = slots.account.tolist(), slots.at.tolist()
        self._day = slots.day.tolist()
        self._left, self._apart = dict(left), apart
        self._written: dict[tuple[int, int], list[int]] = {}
        for account, domain, at in busy:
            self._written.setdefault((account, domain), []).append(at)
        order = np.lexsort((slots.account, slots.at))
        self._all = self._lane(order)
        self._own = {one: self._lane(order[slots.account[order] == one]) for one in set(self._account)}
        self._place = {}
        for lane in (self._all, *self._own.values()):
            for place, slot in enumerate(lane.slots):
                self._place[slot, lane is self._all] = place
        self.free = len(self._at)
        """How many slots are left."""
        for account, day in [key for key, n in self._left.items() if n <= 0]:
            self._close_day(account, day)

    def room(self) -> dict[int, int]:
        """By account, how many slots it can give."""
        counts: dict[tuple[int, int], int] = {}
        for slot in self._all.slots:
            key = self._account[slot], self._day[slot]
            counts[key] = counts.get(key, 0) + 1
        found: dict[int, int] = {}
        for (account, day), n in counts.items():
            some = max(0, min(n, self._left.get((account, day), n)))
            found[account] = found.get(account, 0) + some
        return found

    def take(self, earliest: int, latest: int, domain: int, account: int | None) -> int:
        """The first free slot from `earliest` on and before `latest`; `NO_ROOM` if there is none.

        `account`: whose; None: anybody's.
        """
        lane = self._all if account is None else self._own.get(account)
        if lane is None:
            return NO_ROOM
        place = lane.free(bisect_left(lane.at, earliest))
        while place < len(lane.at) and lane.at[place] < latest:
            slot = lane.slots[place]
            if self._may_write(slot, domain):
                self._take(slot, domain)
                return slot
            place = lane.free(place + 1)
        return NO_ROOM

    def _lane(self, slots: Index) -> _Lane:
        return _Lane(slots.tolist(), [self._at[slot] for slot in slots.tolist()])

    def _may_write(self, slot: int, domain: int) -> bool:
        apart = self._apart.get(self._account[slot])
        if apart is None:
            return True
        near = self._written.get((self._account[slot], domain), ())
        return all(abs(at - self._at[slot]) >= apart for at in near)

    def _take(self, slot: int, domain: int) -> None:
        account, day = self._account[slot], self._day[slot]
        self._close(slot)
        if account in self._apart:
            self._written.setdefault((account, domain), []).append(self._at[slot])
        if (account, day) in self._left:
            self._left[account, day] -= 1
            if self._left[account, day] <= 0:
                self._close_day(account, day)

    def _close(self, slot: int) -> None:
        own, place = self._own[self._account[slot]], self._place[slot, False]
        if own.after[place] == place:
            own.close(place)
            self._all.close(self._place[slot, True])
            self.free -= 1

    def _close_day(self, account: int, day: int) -> None:
        for slot in self._own[account].slots if account in self._own else ():
            if self._day[slot] == day:
                self._close(slot)


def place(board: Board, first: Index, bound: Bools, earliest: Index, latest: Index, domain: Index) -> Index:
    """The slot of each email, shape (n,); `NO_ROOM` where none is left that it may have.

    `first`: the account it should leave through, `NO_ROOM`: any; `bound`: no other will do.
    """
    found = np.full(len(first), NO_ROOM, np.int64)
    hopeless: set[tuple[int, int, int, int]] = set()
    columns = (first.tolist(), bound.tolist(), earliest.tolist(), latest.tolist(), domain.tolist())
    for row, (account, stays, begin, end, name) in enumerate(zip(*columns, strict=True)):
        if not board.free:
            break
        for one in (account, NO_ROOM) if account != NO_ROOM and not stays else (account,):
            # Slots only become fewer: what found none once need not be asked again.
            if (one, begin, end, name) in hopeless:
                continue
            found[row] = board.take(begin, end, name, None if one == NO_ROOM else one)
            if found[row] != NO_ROOM:
                break
            hopeless.add((one, begin, end, name))
    return found


def allowed_hours(
    people: People,
    zone: Index,
    zones: Sequence[tzinfo],
    windows: Windows,
    lawful: Bools,
    day: date,
    workspace: tzinfo,
) -> tuple[Index, Index]:
    """From when on and until when each contact may be written to on a day of the workspace.

    No window may hold its own date, nor the workspace's. Shape (n,) each; equal where there is no such time.
    `zone`: the place of each one's time zone among `zones`; `lawful`: whether windows bind its email.
    """
    some = len(zone)
    begin, end = day_bounds(day, workspace)
    first, last = milliseconds(begin), milliseconds(end)
    earliest, latest = np.full(some, first, np.int64), np.full(some, last, np.int64)
    shut = _shut(people, np.flatnonzero(lawful), windows, day)
    latest[shut] = first
    for number in np.unique(zone).tolist():
        mine = np.flatnonzero((zone == number) & lawful & (latest > earliest))
        if not len(mine):
            continue
        there = zones[number]
        at, until = (moment.astimezone(there).date() for moment in (begin, end - _MILLISECOND))
        while at <= until:
            since, over = (milliseconds(one) for one in day_bounds(at, there))
            closed = _shut(people, mine, windows, at)
            # Of the day the part after a closed date is kept, or that before one.
            before = closed[earliest[closed] >= since]
            earliest[before] = np.maximum(earliest[before], over)
            after = closed[earliest[closed] < since]
            latest[after] = np.minimum(latest[after], since)
            at += timedelta(days=1)
    return earliest, np.maximum(latest, earliest)


def _shut(people: People, rows: Index, windows: Windows, day: date) -> Index:
    """Those of the rows that a window holds on a day."""
    days = np.full(len(rows), day_number(day), np.int32)
    return rows[windows.reasons(people, rows, days) != SkipReason.NONE]


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


def moment_at(at: int) -> datetime:
    """The other way round."""
    return _EPOCH + at * _MILLISECOND


def day_in(moments: Index, zone: tzinfo) -> Index:
    """Day numbers of moments by the clocks of a zone."""
    return on_the_wall(moments, zone) // DAY
