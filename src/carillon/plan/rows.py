"""What goes through the planner's stages: rows about to be planned, rows stored, rows sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from carillon.columns import Bools, Frame, Index
from carillon.days import Days
from carillon.keys import Keys, Kinds, event_of, is_followup, kind_of
from carillon.windows import Reasons

Small = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Stored(Frame):
    """Rows of the current plan, ascending by key."""

    key: Keys
    send: Days
    ideal: Days
    reason: Reasons
    priority: Small
    pinned: Bools

    @classmethod
    def none(cls) -> Self:
        days = np.zeros(0, np.int32)
        small = np.zeros(0, np.uint8)
        return cls(np.zeros(0, np.int64), days, days, small, small, np.zeros(0, bool))


@dataclass(frozen=True)
class Sent(Frame):
    """Emails that have left the planner's hands, ascending by key.

    A key without a known event holds event day 0: it is no candidate's, and counts for frequency only.
    `counts`: whether it counts for frequency and cap (failed and cancelled ones do not).
    """

    key: Keys
    send: Days
    counts: Bools

    @classmethod
    def none(cls) -> Self:
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, bool))


@dataclass(frozen=True)
class Wanted(Frame):
    """Candidates: emails that someone's data calls for, before any rule has looked at them.

    `who` indexes the people of the batch.
    """

    key: Keys
    who: Index
    ideal: Days
    deadline: Days
    priority: Small
    lawful: Bools
    """Whether exclusion windows bind it (all but campaign types that say otherwise)."""

    @classmethod
    def none(cls) -> Self:
        days = np.zeros(0, np.int32)
        keys = np.zeros(0, np.int64)
        return cls(keys, keys, days, days, np.zeros(0, np.uint8), np.zeros(0, bool))


@dataclass(frozen=True)
class Rows(Frame):
    """The plan in the making: one row an email, planned or skipped."""

    key: Keys
    who: Index
    ideal: Days
    deadline: Days
    priority: Small
    lawful: Bools
    send: Days
    reason: Reasons
    pinned: Bools
    sticky: Bools
    """Kept the day it was stored with."""
    final: Bools
    """A skip whose day has passed: settled for its event, only kept."""
    fresh: Bools
    """Placed in this run on its ideal day or the first open one after it: smoothing may move it."""

    @property
    def kind(self) -> Kinds:
        return kind_of(self.key)

    @property
    def event(self) -> Days:
        return event_of(self.key)

    @property
    def followup(self) -> Bools:
        return is_followup(self.key)


def find(keys: Keys, among: Keys) -> tuple[Bools, Index]:
    """Which `keys` stand in the ascending array `among`, and where (0 where they do not)."""
    if len(among) == 0:
        return np.zeros(len(keys), bool), np.zeros(len(keys), np.int64)
    at = np.searchsorted(among, keys)
    at[at == len(among)] = 0
    found = among[at] == keys
    return found, np.where(found, at, 0)
