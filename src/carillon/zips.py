"""ZIP codes and the state each one lies in.

What belongs here: the strict format of a ZIP as it stands in the database, and its state, from the data
of the `zipcodes` package. What does not: guessing what a spreadsheet made of a ZIP (`files/places.py`).
`STATES` must change with that data; a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import chain

import numpy as np
import numpy.typing as npt
import polars as pl
import zipcodes

STATES: tuple[str, ...] = (
    "AA", "AE", "AK", "AL", "AP", "AR", "AS", "AZ", "CA", "CO", "CT", "DC", "DE", "FL", "FM", "GA",
    "GU", "HI", "IA", "ID", "IL", "IN", "KS", "KY", "LA", "MA", "MD", "ME", "MH", "MI", "MN", "MO",
    "MP", "MS", "MT", "NC", "ND", "NE", "NH", "NJ", "NM", "NV", "NY", "OH", "OK", "OR", "PA", "PR",
    "PW", "RI", "SC", "SD", "TN", "TX", "UT", "VA", "VI", "VT", "WA", "WI", "WV", "WY",
)  # fmt: skip
"""Every postal state code: states, DC, territories and the military's AA, AE, AP."""

_FORMAT = r"^([0-9]{5})(?:-?[0-9]{4})?$"


@cache
def _state_by_zip() -> npt.NDArray[np.uint8]:
    """One entry for each of 00000..99999: 0, or the position in `STATES` plus one.

    0.6 to 0.9 s once per process: 0.3 s is the package unpacking its data, the rest its one dict per
    ZIP. It is asked by first digit because `list_all()` would keep 80 MB of those dicts for ever.
    """
    index = {state: i + 1 for i, state in enumerate(STATES)}
    table = np.zeros(100_000, dtype=np.uint8)
    similar_to: Callable[[str], list[dict[str, str]]] = zipcodes.similar_to
    for record in chain.from_iterable(map(similar_to, "0123456789")):
        table[int(record["zip_code"])] = index.get(record["state"], 0)
    table.setflags(write=False)
    return table


def state_indices(zips: pl.Series) -> npt.NDArray[np.uint8]:
    """The state of each ZIP: 0 where it is badly written or unknown, else `STATES` position plus one.

    A ZIP is five digits, ZIP+4 with a hyphen, or nine digits; surrounding blanks are ignored.
    """
    five = zips.cast(pl.String).str.strip_chars().str.extract(_FORMAT, 1)
    # No post office has 00000, so it can stand for "no ZIP".
    found: npt.NDArray[np.uint8] = _state_by_zip()[five.cast(pl.UInt32).fill_null(0).to_numpy()]
    return found


def state_of(zip_code: str) -> str | None:
    """The state code of one ZIP, or None."""
    index = int(state_indices(pl.Series([zip_code], dtype=pl.String))[0])
    return STATES[index - 1] if index else None
