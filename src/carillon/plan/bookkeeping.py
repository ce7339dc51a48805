"""What is stored beside the plan so that the next run can trust it: fingerprints, checksums, day counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carillon.columns import Index
from carillon.errors import ChecksumMismatch
from carillon.keys import KIND_MASK, KIND_SHIFT, contact_of
from carillon.packing import pack_state
from carillon.plan import prints
from carillon.plan.gather import Read
from carillon.plan.hashing import Hashes
from carillon.plan.prints import LAYOUT, MODULUS, Prints, Values
from carillon.plan.rows import Stored, find
from carillon.plan.rules import Rules
from carillon.plan.spread import smoothed
from carillon.plan.working import Working
from carillon.store.swap import DayCounts, PlanRows
from carillon.words import SkipReason


@dataclass(frozen=True)
class Accounts:
    """What the swap stores: fingerprints and checksums (integers below 2^64)."""

    seen: Index
    """Contacts that the run looked at, ascending; some may be gone."""
    blocks: dict[int, bytes]
    """Blocks and notes of fingerprints, see `prints`."""
    all_blocks: bool
    """Whether there are to be no others."""
    eligible: int
    """Eligible contacts by these fingerprints: what the next run counts on from."""
    contacts_checksum: int
    before_checksum: int
    after_checksum: int


def new_values(working: Working, new: PlanRows, rules: Rules, today: int) -> Values:
    """Fingerprints and wake days of everyone in the working set, shape (people,)."""
    row = prints.row_prints(new.key, new.send, new.ideal, new.state)
    return prints.values(working.people, working.born, working.rows, row, rules, today)


def account(read: Read, working: Working, values: Values, late: Index) -> Accounts:
    """Put new values in the place of the old ones; contacts in `late` keep theirs."""
    everyone = read.wanted is None
    people = working.people.id
    seen = people if read.wanted is None else np.union1d(read.wanted, people)
    stored = Prints.load(read.blocks)
    before = stored.of(seen)
    # A contact that was deleted keeps zeros.
    after = np.zeros(len(seen), LAYOUT)
    after[np.searchsorted(seen, people)] = values
    if len(late):
        stale = np.isin(seen, late)
        after[stale] = before[stale]
    book = Prints({}) if everyone else stored
    book.put(seen, after)
    note = None if everyone else book.note(seen)
    blocks = book.everything() if note is None else note

    contacts, rows = prints.checksum(after["person"]), prints.checksum(after["rows"])
    rows_before = prints.checksum(_stored_prints(working.before))
    eligible = int(after["eligible"].sum())
    if not everyone and read.state is not None:
        contacts += read.state.contacts_checksum - prints.checksum(before["person"])
        unseen = read.state.schedules_checksum - prints.checksum(before["rows"])
        rows, rows_before = rows + unseen, rows_before + unseen
        eligible += read.state.eligible - int(before["eligible"].sum())
    return Accounts(
        seen,
        blocks,
        note is None,
        eligible,
        contacts % MODULUS,
        rows_before % MODULUS,
        rows % MODULUS,
    )


def verify(read: Read, working: Working, fingerprint: str, today: int) -> None:
    """Compare stored fingerprints with what a full read found, for everyone that nobody has changed.

    Raises ChecksumMismatch, naming the first contact.
    """
    people, stored = working.people, Prints.load(read.blocks)
    were = stored.of(people.id)
    _, owner = find(contact_of(working.stored.key), people.id)
    rows = prints.sum_by_person(owner, _stored_prints(working.stored), len(people))
    settled = (were["person"] != 0) & ~np.isin(people.id, read.changed) & (were["wake"] > today)
    wrong = settled & (rows != were["rows"])
    if read.state is not None and read.state.rules == fingerprint:
        wrong |= settled & (prints.people_prints(people) != were["person"])
    gone = np.setdiff1d(stored.known(), np.concatenate([people.id, read.changed]))
    offenders = np.concatenate([people.id[wrong], gone])
    if len(offenders):
        raise ChecksumMismatch(
            f"{len(offenders)} contacts or their planned emails are not as the last run left them, "
            f"although no change of them was noted (the first: contact {offenders[0]}). Something "
            "wrote to the database past its triggers. Nothing was changed; `carillon plan --fresh` plans "
            "them anew."
        )


def day_counts(working: Working) -> DayCounts:
    """What the day tables hold when the working set is everyone."""
    rows = working.rows
    if len(rows) == 0:
        return DayCounts([np.zeros(0, np.int64)] * 4, [np.zeros(0, np.int64)] * 2)
    sort = (rows.key >> KIND_SHIFT) & (2 * KIND_MASK + 1)
    kinds = np.flatnonzero(np.bincount(sort))
    place = np.zeros(int(kinds.max()) + 1, np.int64)
    place[kinds] = np.arange(len(kinds))
    first, reasons = int(rows.send.min()), len(SkipReason)
    n = np.bincount(((rows.send - first) * len(kinds) + place[sort]) * reasons + rows.reason)
    cells = np.flatnonzero(n)
    day, rest = cells // (len(kinds) * reasons) + first, cells % (len(kinds) * reasons)
    ideal = rows.ideal[smoothed(rows)]
    start = int(ideal.min(initial=first))
    spread = np.bincount(ideal - start)
    full = np.flatnonzero(spread)
    return DayCounts([day, kinds[rest // reasons], rest % reasons, n[cells]], [full + start, spread[full]])


def _stored_prints(stored: Stored) -> Hashes:
    state = pack_state(stored.reason, stored.priority, stored.pinned, stored.tier)
    return prints.row_prints(stored.key, stored.send, stored.ideal, state)
