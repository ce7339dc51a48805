"""Why a planned email has the day it has: what the planner would have done with it alone.

The row is placed once more as on the day it was planned. What differs from that came from smoothing, which
can be asked too, or, where nothing else is left, from the daily cap.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np

from carillon.days import date_of, day_number
from carillon.keys import kind_of
from carillon.plan.place import place
from carillon.plan.rows import Rows, Stored, Wanted
from carillon.plan.spread import smooth
from carillon.plan.working import Task, Working
from carillon.words import FIRST_CAMPAIGN, Kind

_NAMES = {
    Kind.BIRTHDAY: "birthday",
    Kind.EFFECTIVE_DATE: "effective-date",
    Kind.AEP: "AEP",
    Kind.POST_WINDOW: "post-window",
}


class Move(StrEnum):
    """What gave a planned email another day than its ideal one."""

    BY_HAND = "by_hand"
    CATCH_UP = "catch_up"
    SMOOTHING = "smoothing"
    CAP = "cap"
    BLACKOUT = "blackout"


@dataclass(frozen=True)
class Moved:
    """A move, in a word and in a sentence."""

    by: Move
    words: str


def name_of(kind: int) -> str:
    """An email kind as people say it."""
    return _NAMES[Kind(kind)] if kind < FIRST_CAMPAIGN else "campaign"


def ideal_words(kind: int, event: int, ideal: int) -> str:
    """What makes its ideal day the ideal one."""
    day, ahead = date_of(event), event - ideal
    if kind == Kind.POST_WINDOW:
        return f"the day after the exclusion window that ends on {day}"
    if kind == Kind.AEP and not ahead:
        return "the AEP date"
    what = {Kind.BIRTHDAY: "the birthday", Kind.EFFECTIVE_DATE: "the anniversary of the effective date"}.get(
        Kind(kind) if kind < FIRST_CAMPAIGN else Kind.AEP, "the event"
    )
    return f"{ahead} days before {what} on {day}" if ahead else f"{what} itself"


def why_moved(
    working: Working, task: Task, stored: Stored, deadline: int, lawful: bool, on: date | None
) -> Moved | None:
    """Why a stored row (one) that is planned does not lie on its ideal day; None where it does.

    `on`: the day of the run that wrote it last; None: not known.
    """
    send, ideal = int(stored.send[0]), int(stored.ideal[0])
    if stored.pinned[0]:
        return Moved(Move.BY_HAND, "moved there by hand; the planner only checks it against windows")
    if send == ideal:
        return None
    run_day = task.today if on is None else day_number(on)
    alone = _alone(working, task, stored, deadline, lawful, run_day)
    usual = int(alone.send[0]) if len(alone) else ideal
    if ideal < run_day:
        words = (
            f"its day had passed when it was planned on {date_of(run_day)}, so it goes on one of the "
            f"{task.rules.catch_up_days} days after"
        )
        if send != usual:
            words += ", or the next that was not full"
        return Moved(Move.CATCH_UP, words)
    if send == usual:
        return Moved(Move.BLACKOUT, "no mail goes on that day, so it goes on the first one that is open")
    smooth(working.people, alone, task.rules, run_day, stored.ideal, task.codes)
    if len(alone) and send == int(alone.send[0]) and kind_of(stored.key)[0] == Kind.EFFECTIVE_DATE:
        return Moved(
            Move.SMOOTHING,
            "many effective-date emails share that day, so they are spread over the days around it",
        )
    return Moved(Move.CAP, "the days before this one were full (daily cap)")


def _alone(working: Working, task: Task, stored: Stored, deadline: int, lawful: bool, run_day: int) -> Rows:
    """The row as it would be placed anew on the day of its run, if no other email were there."""
    wanted = Wanted(
        key=stored.key,
        who=np.zeros(1, np.int64),
        ideal=stored.ideal,
        deadline=np.array([deadline], np.int32),
        priority=stored.priority,
        lawful=np.array([lawful]),
    )
    return place(working.people, wanted, Stored.none(), task.rules, run_day, task.codes)
