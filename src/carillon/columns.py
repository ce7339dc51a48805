"""The shapes the rules work on: columns of equal length, one array each.

What belongs here: the frames that more than one room hands around, and how to cut and join them.
A frame of one row is a contact looked at alone (explain, the check before sending); a frame of a
hundred thousand is a batch of the planner. The rules cannot tell the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from carillon.days import Codes, Days, Years, split

Bools = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Frame:
    """Columns of equal length."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def take(self, which: Bools | Index | slice) -> Self:
        """The rows that a mask, an index array or a slice selects."""
        return replace(self, **{f.name: getattr(self, f.name)[which] for f in fields(self)})

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """One frame of all parts, in their order; at least one part is needed."""
        if len(parts) == 1:
            return parts[0]
        return cls(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)})


@dataclass(frozen=True)
class People(Frame):
    """Contacts as the rules see them.

    `state` indexes `zips.STATES` plus one (0: none). A code of 0 is an unknown date.
    """

    id: npt.NDArray[np.int64]
    seed: npt.NDArray[np.uint64]
    state: npt.NDArray[np.uint8]
    birth_code: Codes
    birth_year: Years
    effective_code: Codes
    effective_year: Years
    eligible: Bools

    @classmethod
    def of(
        cls,
        id: npt.NDArray[np.int64],
        seed: npt.NDArray[np.uint64],
        state: npt.NDArray[np.uint8],
        birth: Days,
        effective: Days,
        eligible: Bools,
    ) -> Self:
        """From dates as day numbers (`NO_DAY`: unknown)."""
        return cls(id, seed, state, *split(birth), *split(effective), eligible)
