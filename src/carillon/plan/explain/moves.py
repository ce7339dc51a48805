"""Why a planned email has another day than its ideal one: what the planner would have done with it alone.

What was late was caught up. All other moved rows are placed once more, by the planner's own code, as on the
days they were planned. What differs from that came from smoothing, which can be asked too, or, where nothing
else is left, from the daily cap.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from carillon.days import date_of, day_number
from carillon.plan.explain.case import Case, Row
from carillon.plan.explain.ideals import days_words
from carillon.plan.place import place
from carillon.plan.rows import Wanted
from carillon.plan.spread import smooth
from carillon.words import Kind, SkipReason


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


class Moves:
    """Asks about the stored rows of one contact."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._usual: dict[int, int] = {}
        """By key, where a row would lie if no other email were there."""
        self._spread: dict[int, int] = {}
        """The same, where its ideal day holds too many effective-date emails."""
        moved: defaultdict[int, list[Row]] = defaultdict(list)
        for row in case.stored.values():
            free = row.reason == SkipReason.NONE and not row.pinned and row.send != row.ideal
            run_day = self._run_day(row)
            if free and not _was_late(row, run_day):
                moved[run_day].append(row)
        for run_day, rows in moved.items():
            self._place(rows, run_day)

    def why(self, row: Row) -> Moved | None:
        """Why a row that is planned does not lie on its ideal day; None where it does."""
        if row.pinned:
            return Moved(Move.BY_HAND, "moved there by hand; the planner only checks it against windows")
        if row.send == row.ideal:
            return None
        run_day = self._run_day(row)
        if _was_late(row, run_day):
            return Moved(Move.CATCH_UP, self._late(row, run_day))
        usual = self._usual.get(row.key, row.ideal)
        if row.send == usual:
            return Moved(Move.BLACKOUT, "no mail goes on that day, so it goes on the first one that is open")
        if row.kind == Kind.EFFECTIVE_DATE and row.send == self._spread.get(row.key):
            return Moved(
                Move.SMOOTHING,
                "many effective-date emails share that day, so they are spread over the days around it",
            )
        return Moved(Move.CAP, "the days before this one were full (daily cap)")

    def _late(self, row: Row, run_day: int) -> str:
        if row.followup:
            rest = "" if row.send == run_day + 1 else ", or the first after it that is open and not full"
            return f"its day had come when it was planned on {date_of(run_day)}: it goes the next day{rest}"
        days = self._case.task.rules.catch_up_days
        rest = "" if row.send <= run_day + days else ", or the next that was not full"
        return (
            f"its day had passed when it was planned on {date_of(run_day)}, so it goes on one of the "
            f"{days_words(days)} after{rest}"
        )

    def _run_day(self, row: Row) -> int:
        """The day of the run that gave the row its day; today where that is not known."""
        on = self._case.facts.planned_on.get(row.key)
        return self._case.today if on is None else day_number(on)

    def _place(self, rows: list[Row], run_day: int) -> None:
        case, n = self._case, len(rows)
        ideal = np.array([row.ideal for row in rows], np.int32)
        wanted = Wanted(
            key=np.array([row.key for row in rows]),
            who=np.zeros(n, np.int64),
            ideal=ideal,
            deadline=np.array([case.deadline(row) for row in rows], np.int32),
            priority=np.array([row.priority for row in rows], np.uint8),
            lawful=np.array([case.is_lawful(row) for row in rows]),
            verdict=np.zeros(n, np.uint8),
            held_up=np.zeros(n, bool),
            tier=np.array([row.tier for row in rows], np.uint8),
        )
        people, rules, codes = case.working.people, case.task.rules, case.task.codes
        alone = place(people, wanted, case.working.stored.take(slice(0, 0)), rules, run_day, codes)
        self._usual.update(zip(alone.key.tolist(), alone.send.tolist(), strict=True))
        smooth(people, alone, rules, run_day, ideal, codes)
        self._spread.update(zip(alone.key.tolist(), alone.send.tolist(), strict=True))


def _was_late(row: Row, run_day: int) -> bool:
    """Whether its ideal day was over when it was planned; for a follow-up, whether it had come."""
    return row.ideal <= run_day if row.followup else row.ideal < run_day
