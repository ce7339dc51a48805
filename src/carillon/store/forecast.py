"""How much mail goes on which day.

By type and campaign the plan itself is never scanned: `plan_days` holds its counts by day, kind and reason, a
few thousand rows however many contacts there are. By state it has to be: no count of that is kept, so every
planned row is read once, with the state of its contact. PostgreSQL does so in one statement; SQLite would
sort all rows to group them, so there they are counted in arrays, a range of contacts at a time.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl
from sqlalchemy import Connection, text

from carillon.keys import CONTACT_SHIFT, KIND_MASK, KIND_SHIFT
from carillon.packing import REASON_MASK
from carillon.store.bulk import is_sqlite, read_integers, read_strings
from carillon.store.left_days import FOLLOWUP, left, left_by_state
from carillon.store.planning import PlanReader, iter_ranges

_STEP = 500_000
"""Contacts whose rows are in memory at a time."""
_FOLLOWUPS = KIND_MASK + 1
"""`plan_days.kind` of a kind's follow-ups is so much more."""
_DAY_BITS = 16
"""Enough for every day there can be in a plan."""

_Counts = Counter[tuple[str | None, int, int]]
"""How many by state, kind (as in `plan_days`) and day."""


@dataclass(frozen=True)
class LastPlan:
    """The day the stored plan was made for, and how many contacts were eligible then."""

    today: int
    eligible: int


@dataclass(frozen=True)
class Volume:
    """Emails of one type and campaign on one day (a day number)."""

    day: int
    email_type: str
    planned: int
    left: int
    """Released, sent or in doubt: no longer the planner's, and counted against the cap."""
    campaign: str | None = None
    """The name of the instance it belongs to, also that of a follow-up."""
    state: str | None = None
    """Of the contacts, where it was asked for and is known."""


def last_plan(connection: Connection) -> LastPlan | None:
    """What the last completed run left behind; None before the first."""
    row = connection.execute(text("select today, eligible from planner_state where id = 1")).one_or_none()
    return None if row is None else LastPlan(int(row[0]), int(row[1]))


def volumes(connection: Connection, first: int, last: int, by_state: bool = False) -> list[Volume]:
    """Cap-counted emails of the days `first` to `last` (both included), ascending by day and type."""
    planned = (_planned_by_state if by_state else _planned)(connection, first, last)
    kinds = _kinds(connection)
    counts: dict[tuple[int, str, str, str], list[int]] = {}
    for (state, sort, day), n in planned.items():
        email_type, campaign = kinds.get(sort % _FOLLOWUPS, ("campaign", None))
        name = FOLLOWUP if sort >= _FOLLOWUPS else email_type
        counts.setdefault((day, name, campaign or "", state or ""), [0, 0])[0] += n
    for day, name, campaign, state, n in (left_by_state if by_state else left)(connection, first, last):
        counts.setdefault((day, name, campaign or "", state or ""), [0, 0])[1] += n
    return [
        Volume(day, name, planned, left, campaign or None, state or None)
        for (day, name, campaign, state), (planned, left) in sorted(counts.items())
    ]


def skips(connection: Connection) -> dict[str, int]:
    """Skipped rows of the whole plan by reason."""
    rows = connection.execute(
        text(
            "select r.word, sum(d.n) from plan_days d join skip_reasons r on r.code = d.reason"
            " where d.n > 0 group by r.word order by r.word"
        )
    )
    return {word: int(n) for word, n in rows}


def _kinds(connection: Connection) -> dict[int, tuple[str, str | None]]:
    """Email type and name of the campaign instance, by kind."""
    rows = connection.execute(
        text(
            "select k.kind, k.email_type, i.instance_name from plan_kinds k"
            " left join campaign_instances i on i.id = k.campaign_instance_id where k.kind >= 0"
        )
    )
    return {int(kind): (email_type, campaign) for kind, email_type, campaign in rows}


def _planned(connection: Connection, first: int, last: int) -> _Counts:
    rows = connection.execute(
        text(
            "select kind, day, n from plan_days where reason = 0 and n > 0 and day between :first and :last"
        ),
        {"first": first, "last": last},
    )
    return Counter({(None, int(kind), int(day)): int(n) for kind, day, n in rows})


def _planned_by_state(connection: Connection, first: int, last: int) -> _Counts:
    if is_sqlite(connection):
        return _counted(connection, first, last)
    rows = connection.execute(
        text(
            f"select c.state, (p.id >> {KIND_SHIFT}) & {2 * _FOLLOWUPS - 1}, p.send, count(*) from plan p"
            f" left join contacts c on c.id = p.id >> {CONTACT_SHIFT}"
            f" where p.state & {REASON_MASK} = 0 and p.send between :first and :last group by 1, 2, 3"
        ),
        {"first": first, "last": last},
    )
    return Counter({(state, int(sort), int(day)): int(n) for state, sort, day, n in rows})


def _counted(connection: Connection, first: int, last: int) -> _Counts:
    """The same, added up here."""
    # The plus keeps SQLite from going by day, which would look up every row on its own.
    days = f"+send between {max(first, 0)} and {min(last, (1 << _DAY_BITS) - 1)}"
    packed = f"((id >> {KIND_SHIFT}) << {_DAY_BITS}) | send"

    def fetch(span: tuple[int, int]) -> tuple[pl.DataFrame, np.ndarray]:
        low, high = span
        where = f"from contacts where id >= {low} and id < {high}"
        people = read_strings(connection, ("id", "state"), where)
        where = f"id >= {low << CONTACT_SHIFT} and id < {high << CONTACT_SHIFT} and {days}"
        where += f" and state & {REASON_MASK} = 0"
        return people, read_integers(connection, (packed,), f"from plan where {where}")[0]

    counts: _Counts = Counter()
    with ThreadPoolExecutor(1) as reading:
        for people, values in reading.map(fetch, iter_ranges(PlanReader(connection).edges(_STEP))):
            ids, places, names = _states(people)
            contact = values >> (CONTACT_SHIFT - KIND_SHIFT + _DAY_BITS)
            at = np.searchsorted(ids, contact)
            place = np.where(ids[at] == contact, places[at], 0)
            sort, day = (values >> _DAY_BITS) & (2 * _FOLLOWUPS - 1), values & ((1 << _DAY_BITS) - 1)
            counts.update(_cells(place, sort, day, names))
    return counts


def _states(frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, list[str | None]]:
    """Contact ids, ascending, the place of each one's state in the third, which begins with None."""
    known = frame["state"].unique().sort()
    places = frame["state"].replace_strict(known, range(1, len(known) + 1), return_dtype=pl.Int64).to_numpy()
    ids = frame["id"].cast(pl.Int64).to_numpy()
    order = np.argsort(ids)
    # One that is never met, for the rows of contacts that are gone.
    return (
        np.append(ids[order], np.iinfo(np.int64).max),
        np.append(places[order], 0),
        [None, *(name or None for name in known)],
    )


def _cells(
    place: np.ndarray, sort: np.ndarray, day: np.ndarray, names: list[str | None]
) -> dict[tuple[str | None, int, int], int]:
    """How many rows there are of each state, kind and day."""
    if len(day) == 0:
        return {}
    kinds = np.flatnonzero(np.bincount(sort))
    index = np.zeros(int(kinds[-1]) + 1, np.int64)
    index[kinds] = np.arange(len(kinds))
    start, length = int(day.min()), int(day.max() - day.min()) + 1
    n = np.bincount((place * len(kinds) + index[sort]) * length + day - start)
    found: _Counts = Counter()
    for cell in np.flatnonzero(n).tolist():
        rest, offset = divmod(cell, length)
        state, kind = divmod(rest, len(kinds))
        found[names[state], int(kinds[kind]), start + offset] += int(n[cell])
    return found
