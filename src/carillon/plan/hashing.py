"""Every choice the planner makes by chance, made by arithmetic instead.

The same contact, type and event give the same number on every machine, engine and version: no
library's own hash, no database id. See `carillon.splitmix`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from carillon.days import Days
from carillon.keys import Keys, is_followup, kind_of
from carillon.splitmix import splitmix64
from carillon.variants import instance_code
from carillon.words import FIRST_CAMPAIGN

Hashes = npt.NDArray[np.uint64]

_FOLLOWUP = np.uint64(7)


def code_table(instance_names: Mapping[int, str]) -> Hashes:
    """The code that each kind brings to the hash, indexed by kind.

    `instance_names`: campaign kinds and the names of their instances.
    """
    table = splitmix64(np.arange(max(instance_names, default=0) + FIRST_CAMPAIGN, dtype=np.uint64))
    for kind, name in instance_names.items():
        table[kind] = instance_code(name)
    return table


def codes_of(keys: Keys, table: Hashes) -> Hashes:
    """The code of each email, shape (n,): its kind's, or one made from it for a follow-up."""
    codes = table[kind_of(keys)]
    following = is_followup(keys)
    if following.any():
        codes = np.where(following, splitmix64(codes ^ _FOLLOWUP), codes)
    return codes


def choice(seed: Hashes, code: Hashes, event: Days) -> Hashes:
    """The number by which an email is placed and ranked."""
    return splitmix64(seed ^ code ^ event.astype(np.uint64))
