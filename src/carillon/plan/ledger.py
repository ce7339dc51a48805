"""The emails of each contact side by side: what conflicts, frequency and cap look at and change.

Holds the rows still in play (planned, or skipped for frequency or conflict, and not settled) together
with what has already left, grouped by contact. `choose` and `spread` change `send` and `kept`; nothing
else may.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from carillon.columns import Bools, Index, People
from carillon.days import FAR, Days
from carillon.keys import Keys, contact_of, is_followup, kind_of
from carillon.packing import Small
from carillon.plan.hashing import Hashes
from carillon.plan.place import chance
from carillon.plan.rows import Rows, Sent, Stored, find
from carillon.words import FIRST_CAMPAIGN, UNKNOWN_KIND, SkipReason

_PLAYING = np.isin(
    np.arange(len(SkipReason)),
    [SkipReason.NONE, SkipReason.CAMPAIGN_CONFLICT, SkipReason.FREQUENCY_LIMIT],
)


def in_play(rows: Rows) -> Bools:
    """Rows that are planned or could be: not settled, and not skipped for a reason of their own."""
    return undecided(rows) & ~rows.final


def undecided(rows: Rows | Stored) -> Bools:
    """Rows that are planned, or skipped only because there was too much else."""
    return _PLAYING[rows.reason]


def running(counts: Index | Bools) -> Index:
    """The sum of what stands before each position, and of all at the end: shape (n + 1,)."""
    sums = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=sums[1:])
    return sums


class Ledger:
    """Entries (n,), ascending by contact and then by key. `row` points into the rows; -1: has left."""

    def __init__(self, people: People, rows: Rows, sent: Sent, codes: Hashes) -> None:
        self.people, self.rows, self.codes = people, rows, codes
        row = np.flatnonzero(in_play(rows))
        found, owner = find(contact_of(sent.key), people.id)
        left = np.flatnonzero(found & sent.counts)
        who, key, send = rows.who[row], rows.key[row], rows.send[row]
        fixed, priority = rows.pinned[row], rows.priority[row]
        if len(left):
            who = np.concatenate([owner[left], who])
            order = np.argsort(who, kind="stable")
            row = np.concatenate([np.full(len(left), -1), row])[order]
            key = np.concatenate([sent.key[left], key])[order]
            send = np.concatenate([sent.send[left], send])[order]
            fixed = np.concatenate([np.ones(len(left), bool), fixed])[order]
            priority = np.concatenate([np.zeros(len(left), np.uint8), priority])[order]
            who = who[order]
        self.who: Index = who
        self.key: Keys = key
        self.row: Index = row
        self.send: Days = send
        self.kept: Bools = np.ones(len(row), bool)
        self.limited: Bools = ~is_followup(key)
        kind = kind_of(key)
        self.campaign: Bools = self.limited & (kind >= FIRST_CAMPAIGN) & (kind != UNKNOWN_KIND)
        self.fixed: Bools = fixed
        self.priority: Small = priority
        self._offset = running(np.bincount(self.who, minlength=len(people)))

    def __len__(self) -> int:
        return len(self.who)

    def same_contact(self, entries: Index) -> tuple[Index, Bools]:
        """The other kept entries of each entry's contact: indices (n, w) and which of them are real."""
        who = self.who[entries]
        begin, end = self._offset[who], self._offset[who + 1]
        width = int((end - begin).max(initial=0))
        others = begin[:, None] + np.arange(width)
        real = (others < end[:, None]) & (others != entries[:, None])
        others = np.where(real, others, 0)
        return others, real & self.kept[others]

    def edges(self, some: Bools) -> Index:
        """Where each contact's entries begin among the entries `some`, shape (people + 1,)."""
        return running(some)[self._offset]

    def crowd(self, first: int, last: int) -> Index:
        """By person: how many emails that count for frequency lie in these days, both included."""
        here = self.limited & self.kept & (self.send >= first) & (self.send <= last)
        return np.bincount(self.who[here], minlength=len(self.people))

    def days_nearby(self, entries: Index) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Days (n, w) of the contact's other emails that count: for frequency, and campaign ones."""
        others, real = self.same_contact(entries)
        days = self.send[others]
        limited = np.where(real & self.limited[others], days, FAR)
        return limited.astype(np.int32), np.where(real & self.campaign[others], days, FAR).astype(np.int32)

    def chance(self, entries: Index) -> Hashes:
        return chance(self.people, self.who[entries], self.key[entries], self.codes)

    def result(self, reason_of_skip: npt.NDArray[np.uint8]) -> Rows:
        """The rows with the days and skips that stand in the ledger now."""
        mine = np.flatnonzero(self.row >= 0)
        self.rows.send[self.row[mine]] = self.send[mine]
        self.rows.reason[self.row[mine]] = np.where(self.kept[mine], 0, reason_of_skip[mine])
        return self.rows
