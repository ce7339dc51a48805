"""The hour of a planned email, where hours are chosen (02-pace §6).

Pure. The planned day is law: only hours of that day in the workspace's zone are chosen from, and none on a
day that a window of the contact's state holds where it lives. An email that finds none keeps the time it
would have had.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from carillon.columns import Bools, Index
from carillon.contact_texts import known_zones_of, people_of
from carillon.keys import CONTACT_SHIFT
from carillon.send_times import NOBODY, Times, Wanted, lawful_days
from carillon.store.timing import Timing
from carillon.windows import Windows


def best_times(
    ids: Index,
    instances: Sequence[str],
    accounts: Index,
    contacts: pl.DataFrame,
    lawful: Bools,
    timing: Timing,
    windows: Windows,
    zone: ZoneInfo,
    span: tuple[int, int],
) -> Times:
    """When emails are to leave at the earliest, 0 where nobody chose.

    `instances`: their campaigns' ids, "" for none; `accounts`: those whose settings hold; `contacts`: as
    `slot_use.readers` has them, ascending; `span`: from now on, and until the day is over.
    """
    at, chosen = np.zeros(len(ids), np.int64), np.full(len(ids), NOBODY, np.int64)
    whose = np.searchsorted(contacts["id"].cast(pl.Int64).to_numpy(), ids >> CONTACT_SHIFT)
    people, known = people_of(contacts).take(whose), known_zones_of(contacts)
    industries = contacts["industry"].str.strip_chars().str.to_lowercase().to_list()
    pairs = pl.DataFrame({"instance": instances, "account": accounts}).with_row_index("row")
    for (instance, account), mine in pairs.group_by("instance", "account"):
        rules = timing.levels.of(int(str(account)), int(str(instance)) if instance else None)
        if not rules.enabled:
            continue
        rows = mine["row"].cast(pl.Int64).to_numpy()
        default = ZoneInfo(rules.target_timezone) if rules.target_timezone else zone
        lives = [known[one] or default for one in whose[rows].tolist()]
        zones = list(dict.fromkeys(lives))
        place = {one: number for number, one in enumerate(zones)}
        found = timing.choose(
            Wanted.of(
                ids[rows],
                np.array([place[one] for one in lives], np.int64),
                np.full(len(rows), span[0]),
                np.full(len(rows), span[1]),
            ),
            [industries[one] for one in whose[rows].tolist()],
            rules,
            zones,
            lawful_days(windows, people.take(rows), lives, lawful[rows], zone),
        )
        chosen[rows] = found.chosen
        at[rows] = np.where(found.at == span[0], 0, found.at)
    return Times(at, chosen)


def whose_settings(last: Index, accounts: Sequence[int]) -> Index:
    """The account whose settings hold before one is dealt: the only one, else who wrote last; 0: none."""
    if len(accounts) == 1:
        return np.full(len(last), accounts[0])
    return np.where(np.isin(last, accounts), last, 0)
