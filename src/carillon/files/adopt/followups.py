"""Which email an old follow-up followed, where the old program does not say."""

from __future__ import annotations

import numpy as np

from carillon.columns import Index
from carillon.days import NO_DAY, Days
from carillon.files.adopt.emails import Emails, Ints
from carillon.files.adopt.events import REACH, owned

_ROUNDS = 4
"""How often follow-ups look for an email that no other one follows."""


def parents(emails: Emails, key: Ints, send: Days, event: Days, rows: Index, days_after: int) -> Ints:
    """Keys of the emails that follow-ups (`rows`) follow, 0 where none can be found.

    The one they name; else, each only once, one of the contact for the same event; else the one whose
    follow-up was due nearest to its day.
    """
    found = np.zeros(len(rows), np.int64)
    initial = np.flatnonzero(key != 0)
    if len(initial) == 0:
        return found
    by_name = initial[np.argsort(emails.name[initial], kind="stable")]
    at = np.minimum(np.searchsorted(emails.name[by_name], emails.parent[rows]), len(by_name) - 1)
    named = by_name[at]
    right = (emails.name[named] == emails.parent[rows]) & (emails.parent[rows] != 0)
    right &= emails.contact[named] == emails.contact[rows]
    found[right] = key[named[right]]

    due = (send - days_after).astype(np.int32)
    _, same_event = np.unique(owned(emails.contact, event), return_inverse=True)
    for owner, asked in ((same_event, event[rows] != NO_DAY), (emails.contact, np.ones(len(rows), bool))):
        for _ in range(_ROUNDS):
            free = initial[~np.isin(key[initial], found)]
            open_ = np.flatnonzero((found == 0) & asked)
            if len(free) == 0 or len(open_) == 0:
                break
            near = _nearest(owner, send, free, rows[open_], due)
            some = np.flatnonzero(near >= 0)
            # Two that follow one email: the first does, the other looks again.
            taken, first = np.unique(key[near[some]], return_index=True)
            found[open_[some[first]]] = taken
    return found


def _nearest(owner: Ints, send: Days, free: Index, rows: Index, due: Days) -> Index:
    """For each of `rows` the one of `free` of its owner, not sent after it, nearest to a day; -1: none."""
    line = owned(owner[free], send[free])
    order = np.argsort(line, kind="stable")
    line, free = line[order], free[order]
    at = np.searchsorted(line, owned(owner[rows], due[rows]))
    best = np.full(len(rows), -1, np.int64)
    distance = np.full(len(rows), REACH + 1)
    for step in (-1, 0):
        near = free[np.clip(at + step, 0, len(free) - 1)]
        off = np.abs(send[near] - due[rows])
        fits = (owner[near] == owner[rows]) & (send[near] <= send[rows]) & (off < distance)
        best, distance = np.where(fits, near, best), np.where(fits, off, distance)
    return best
