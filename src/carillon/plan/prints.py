"""Fingerprints and wake days: what lets tomorrow's run read one contact in a hundred.

For each contact: a fingerprint of what the planner reads of it, one of the rows it has, and its wake
day, the next day on which time alone could change something for it. They are stored in blocks of
65,536 contact ids, numbered from 0 on. A night changes a few values in nearly every block: it stores
them as a note, numbered from -1 down, and only once in a while are blocks written anew. Checksums are
sums of fingerprints modulo 2^64: cheap, order-independent, and kept up by adding and subtracting what
changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from carillon.columns import Index, People
from carillon.days import FAR, NO_DAY, Days, anniversary, date_of
from carillon.keys import Keys
from carillon.plan.hashing import Hashes
from carillon.plan.rows import Rows
from carillon.plan.rules import Rules
from carillon.splitmix import splitmix64
from carillon.words import SkipReason

MODULUS = 1 << 64
BLOCK_BITS = 16
BLOCK = 1 << BLOCK_BITS
LAYOUT = np.dtype([("person", "<u8"), ("rows", "<u8"), ("wake", "<i4"), ("eligible", "u1")])
"""One contact's values."""
Values = npt.NDArray[np.void]
NOTE = np.dtype([("id", "<i8"), ("values", LAYOUT)])
"""A contact's values as a note holds them, in the place of those in its block and in older notes."""
FEW_BLOCKS = 4
"""So many blocks are written anew each time: that takes no longer than keeping notes."""
NOTED_SHARE = 0.2
"""Above this share of the blocks' values, notes are given up for new blocks."""
NEVER = FAR


def checksum(prints: Hashes) -> int:
    """The sum of fingerprints modulo 2^64."""
    return int(np.add.reduce(prints, dtype=np.uint64)) if len(prints) else 0


def values(people: People, born: Days, rows: Rows, row: Hashes, rules: Rules, today: int) -> Values:
    """What is stored of each contact, shape (people,); `row`: fingerprints of `rows`."""
    made = np.zeros(len(people), LAYOUT)
    made["person"] = people_prints(people)
    made["rows"] = sum_by_person(rows.who, row, len(people))
    made["wake"] = wake_days(people, born, rows, rules, today)
    made["eligible"] = people.eligible
    return made


def people_prints(people: People) -> Hashes:
    """A fingerprint of each contact's planning data, shape (n,); never 0."""
    mixed = splitmix64(people.seed ^ people.id.astype(np.uint64))
    for column in (
        people.state,
        people.birth_code,
        people.birth_year,
        people.effective_code,
        people.effective_year,
        people.eligible,
    ):
        mixed = splitmix64(mixed ^ column.astype(np.uint64))
    return mixed | np.uint64(1)


def row_prints(key: Keys, send: Days, ideal: Days, state: npt.NDArray[np.int32]) -> Hashes:
    """A fingerprint of each stored row, shape (n,)."""
    days = (send.astype(np.uint64) << np.uint64(32)) ^ ideal.astype(np.uint64)
    return splitmix64(splitmix64(key.astype(np.uint64)) ^ days ^ (state.astype(np.uint64) << np.uint64(20)))


def sum_by_person(owner: Index, prints: Hashes, people: int) -> Hashes:
    """Each contact's sum of row fingerprints, shape (people,); `owner` ascending."""
    total = np.concatenate([[np.uint64(0)], np.cumsum(prints, dtype=np.uint64)])
    edge = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=people))])
    return total[edge[1:]] - total[edge[:-1]]


def wake_days(people: People, born: Days, rows: Rows, rules: Rules, today: int) -> Days:
    """The next day after `today` on which a contact could change without anyone touching it.

    That is the day after a planned email, an event that makes way for the next one, or the day on
    which a birth date stops lying in the future (`born`, shape (n,)).
    """
    wake = born.copy()
    year = date_of(today).year
    for codes in (people.birth_code, people.effective_code):
        event = anniversary(codes, year)
        event = np.where(event > today, event, anniversary(codes, year + 1))
        wake = np.minimum(wake, np.where(people.eligible & (event != NO_DAY), event, NEVER))
    upcoming = rules.aep_days[rules.aep_days >= today]
    if len(upcoming):
        wake = np.where(people.eligible, np.minimum(wake, upcoming[0] + 1), wake)
    planned = rows.reason == SkipReason.NONE
    np.minimum.at(wake, rows.who[planned], rows.send[planned] + 1)
    return wake.astype(np.int32)


@dataclass
class Prints:
    """Blocks of stored fingerprints, by block number, with all notes entered."""

    blocks: dict[int, Values]
    noted: int = 0
    """How many values stand in notes."""
    lowest: int = 0
    """The number of the newest note, or 0."""

    @classmethod
    def load(cls, stored: dict[int, bytes]) -> Prints:
        blocks = {
            number: np.frombuffer(data, LAYOUT).copy() for number, data in stored.items() if number >= 0
        }
        numbers = sorted((number for number in stored if number < 0), reverse=True)
        if not numbers:
            return cls(blocks)
        notes = np.concatenate([np.frombuffer(stored[number], NOTE) for number in numbers])
        book = cls(blocks, len(notes), numbers[-1])
        notes = notes[np.argsort(notes["id"], kind="stable")]
        newest = notes[np.diff(notes["id"], append=-1) != 0]
        book.put(newest["id"], newest["values"])
        return book

    def known(self) -> Index:
        """Ids of the contacts that have values, ascending."""
        ids = [
            (number << BLOCK_BITS) + np.flatnonzero(block["person"] != 0)
            for number, block in sorted(self.blocks.items())
        ]
        return np.concatenate(ids) if ids else np.zeros(0, np.int64)

    def waking(self, today: int) -> Index:
        """Ids of the contacts whose wake day has come, ascending."""
        ids = [
            (number << BLOCK_BITS) + np.flatnonzero((block["wake"] <= today) & (block["person"] != 0))
            for number, block in sorted(self.blocks.items())
        ]
        return np.concatenate(ids) if ids else np.zeros(0, np.int64)

    def put(self, ids: Index, values: Values) -> None:
        """Replace the values of some contacts; `ids` ascending, both of shape (n,)."""
        for number, at, place in self._places(ids):
            self.blocks.setdefault(number, np.zeros(BLOCK, LAYOUT))[at] = values[place]

    def of(self, ids: Index) -> Values:
        """The stored values of some contacts, zeros where there are none, shape (n,)."""
        found = np.zeros(len(ids), LAYOUT)
        for number, at, place in self._places(ids):
            if number in self.blocks:
                found[place] = self.blocks[number][at]
        return found

    def note(self, ids: Index) -> dict[int, bytes] | None:
        """The values of `ids` as a note to be stored; None where it is time to store all blocks anew."""
        if len(ids) == 0:
            return {}
        room = BLOCK * len(self.blocks) * NOTED_SHARE
        if len(self.blocks) <= FEW_BLOCKS or self.noted + len(ids) > room:
            return None
        made = np.zeros(len(ids), NOTE)
        made["id"], made["values"] = ids, self.of(ids)
        return {self.lowest - 1: made.tobytes()}

    def everything(self) -> dict[int, bytes]:
        """All blocks, ready to be stored; they make notes needless."""
        return {number: block.tobytes() for number, block in self.blocks.items()}

    @staticmethod
    def _places(ids: Index) -> list[tuple[int, Index, Index]]:
        numbers, start = np.unique(ids >> BLOCK_BITS, return_index=True)
        edges = [*start.tolist(), len(ids)]
        return [
            (int(number), ids[low:high] & (BLOCK - 1), np.arange(low, high))
            for number, low, high in zip(numbers, edges[:-1], edges[1:], strict=True)
        ]
