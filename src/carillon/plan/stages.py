"""The planner's stages over one batch of contacts: candidates, what holds, verdict and place.

Pure: same people, stored rows, history, rules and day give the same rows, in any batch size and on any
engine. What needs everybody at once (smoothing, cap) follows in `settle`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from carillon.columns import People
from carillon.keys import contact_of, kind_of
from carillon.plan import candidates
from carillon.plan.followups import Followed
from carillon.plan.hashing import Hashes
from carillon.plan.place import keep_history, place
from carillon.plan.rows import Rows, Sent, Stored, Wanted, find
from carillon.plan.rules import Rules
from carillon.words import Kind

F = TypeVar("F", Rows, Wanted, Stored, Sent, Followed)


def plan_batch(
    people: People,
    stored: Stored,
    sent: Sent,
    extra: Wanted,
    rules: Rules,
    today: int,
    codes: Hashes,
) -> Rows:
    """Every row these people have or should have, ascending by key, before smoothing and limits.

    `people` ascend by id; `stored` and `sent` are theirs, ascending by key; `extra` are candidates of
    campaigns and follow-ups for those who may get them; `codes`: see `hashing.code_table`.
    """
    _, owner = find(contact_of(stored.key), people.id)
    after = kind_of(stored.key) == Kind.POST_WINDOW

    wanted = Wanted.concat(
        [
            candidates.anniversaries(people, rules, today),
            candidates.held(people, stored, owner, rules),
            extra,
        ]
    )
    wanted = candidates.not_sent_yet(_once(wanted), stored, sent, rules, today)
    rows = place(people, wanted, stored, rules, today, codes)
    known, _ = find(stored.key, rows.key)
    parts = [rows, keep_history(stored, owner, known | after, today)]

    wanted = candidates.after_windows(people, Rows.concat(parts), sent, rules)
    wanted = candidates.not_sent_yet(wanted, stored, sent, rules, today)
    parts.append(place(people, wanted, stored, rules, today, codes))

    known, _ = find(stored.key, np.sort(np.concatenate([part.key for part in parts])))
    parts.append(keep_history(stored, owner, known, today))
    return in_order(Rows.concat(parts))


def in_order(frame: F) -> F:
    """Ascending by key."""
    keys = frame.key
    if len(keys) < 2 or (keys[1:] >= keys[:-1]).all():
        return frame
    return frame.take(np.argsort(keys, kind="stable"))


def _once(wanted: Wanted) -> Wanted:
    """Ascending by key, each key once: a held event can be the next one as well.

    A campaign can want the same email for a target and for everyone; one came too late only if both did.
    """
    wanted = in_order(wanted)
    if len(wanted) < 2:
        return wanted
    first = np.concatenate([[True], wanted.key[1:] != wanted.key[:-1]])
    if first.all():
        return wanted
    verdict = np.minimum.reduceat(wanted.verdict, np.flatnonzero(first))
    return replace(wanted.take(first), verdict=verdict)
