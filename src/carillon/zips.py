"""ZIP codes, and the state and time zone each one lies in.

What belongs here: the strict format of a ZIP as it stands in the database, and its place, from the data
of the `zipcodes` package. What does not: guessing what a spreadsheet made of a ZIP (`files/places.py`).
`STATES` must change with that data; a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from zoneinfo import available_timezones

import numpy as np
import numpy.typing as npt
import polars as pl
import zipcodes

from carillon import states

STATES: tuple[str, ...] = tuple(sorted(states.STATES))
"""Every postal state code: states, DC, territories and the military's AA, AE, AP."""

_FORMAT = r"^([0-9]{5})(?:-?[0-9]{4})?$"


@cache
def _table() -> npt.NDArray[np.uint8]:
    """One entry for each of 00000..99999: 0, or the position in `STATES` plus one; see `_look_up`."""
    return np.zeros(100_000, np.uint8)


@cache
def _look_up(digit: int) -> dict[str, str]:
    """Enter the ZIPs that begin with `digit` into the table; returns their time zones.

    The first costs 0.3 s, which the package takes to unpack its data; each 0.03 s more, for the
    package's one dict per ZIP. So whoever asks about one contact does not wait for the whole country.
    """
    index = {state: i + 1 for i, state in enumerate(STATES)}
    similar_to: Callable[[str], list[dict[str, str]]] = zipcodes.similar_to
    records = similar_to(str(digit))
    numbers = [int(record["zip_code"]) for record in records]
    _table()[numbers] = [index.get(record["state"], 0) for record in records]
    # Some of the package's values are no zones.
    known = available_timezones()
    return {one["zip_code"]: one["timezone"] for one in records if one["timezone"] in known}


def state_indices(zips: pl.Series) -> npt.NDArray[np.uint8]:
    """The state of each ZIP: 0 where it is badly written or unknown, else `STATES` position plus one.

    A ZIP is five digits, ZIP+4 with a hyphen, or nine digits; surrounding blanks are ignored.
    """
    five = zips.cast(pl.String).str.strip_chars().str.extract(_FORMAT, 1)
    # No post office has 00000, so it can stand for "no ZIP".
    numbers = five.cast(pl.UInt32).fill_null(0).to_numpy()
    for digit in np.flatnonzero(np.bincount(numbers // 10_000)).tolist():
        _look_up(digit)
    found: npt.NDArray[np.uint8] = _table()[numbers]
    return found


def state_of(zip_code: str) -> str | None:
    """The state code of one ZIP, or None."""
    index = int(state_indices(pl.Series([zip_code], dtype=pl.String))[0])
    return STATES[index - 1] if index else None


def zone_names(zips: pl.Series) -> list[str]:
    """The IANA time zone of each ZIP; "" where it is badly written or unknown."""
    five = zips.cast(pl.String).str.strip_chars().str.extract(_FORMAT, 1)
    return ["" if one is None else _look_up(int(one[0])).get(one, "") for one in five.to_list()]
