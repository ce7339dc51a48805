"""What goes through the planner's stages: rows about to be planned, rows stored, rows sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from carillon.columns import Bools, Frame, Index
from carillon.days import Days
from carillon.keys import Keys, Kinds, event_of, is_followup, kind_of
from carillon.packing import Small
from carillon.windows import Reasons
from carillon.words import Standing


@dataclass(frozen=True)
class Stored(Frame):
    """Rows of the current plan, ascending by key."""

    key: Keys
    send: Days
    ideal: Days
    reason: Reasons
    priority: Small
    pinned: Bools
    tier: Small
    """`words.Tier` of follow-ups."""


@dataclass(frozen=True)
class Sent(Frame):
    """Emails that have left the planner's hands, ascending by key.

    A key without a known event holds event day 0: it is no candidate's, and counts for frequency only.
    """

    key: Keys
    send: Days
    standing: Small
    """`words.Standing`."""
    priority: Small

    @property
    def counts(self) -> Bools:
        """Whether it counts for frequency and cap (failed and cancelled ones do not)."""
        return self.standing != Standing.UNSENT


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
    verdict: Reasons
    """Why it is skipped whatever the day; `SkipReason.NONE` for most."""
    held_up: Bools
    """Its campaign is paused or inactive: that keeps back even what was moved by hand."""
    tier: Small
    """`words.Tier` of follow-ups."""

    @classmethod
    def none(cls) -> Self:
        days = np.zeros(0, np.int32)
        keys = np.zeros(0, np.int64)
        small, flags = np.zeros(0, np.uint8), np.zeros(0, bool)
        return cls(keys, keys, days, days, small, flags, small, flags, small)


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
    tier: Small

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
