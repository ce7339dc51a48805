"""Enrollments on their way: where each of a page stands, and what was done on the way there.

Pure. A page is columns of shape (n,): one row for each enrollment that is moved in this transaction. Moments
are milliseconds since 1970. What a step means for the world outside (emails, contacts, other sequences) is
`run`'s; here is what it means for the enrollment.

`due` of an enrollment is when the step it stands at falls due: at once for most, at its end for a delay.
So a step happens at the moment it fell due, however late somebody looks, and the next one counts from there.
`stepped` is when the step before happened; none means that the enrollment has yet to arrive where it stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from carillon.columns import Bools, Index
from carillon.local_time import Moments
from carillon.sequences import DelaySettings, EmailSettings, ExitSettings, Sequence, Step
from carillon.words import EnrollmentStatus, ExitReason, StepType

NONE = -1
END = -2
"""The place of no step: the sequence is over."""
EXITED = "exited"
"""The outcome of an exit step."""

Arrival = Callable[[Index, DelaySettings, Sequence, Moments], Moments]
"""When delays end that enrollments (rows of the page) arrive at: rows, delay, sequence, moments."""


@dataclass(frozen=True)
class Placed:
    """A step and where it stands."""

    sequence: Sequence
    step: Step


class Book:
    """All steps of some sequences, each with a number; the ways between them as columns."""

    def __init__(self, sequences: Iterable[Sequence]) -> None:
        self.placed = [Placed(one, step) for one in sequences for step in one.steps]
        self._places = {(one.sequence.id, one.step.key): at for at, one in enumerate(self.placed)}
        self._first: dict[int, int] = {}
        for at, one in enumerate(self.placed):
            self._first.setdefault(one.sequence.id, at)
        types = list(StepType)
        self.type = np.array([types.index(one.step.type) for one in self.placed], np.int8)
        self.next = np.array([self._way(one, one.step.next) for one in self.placed], np.int64)
        self.otherwise = np.array([self._way(one, one.step.otherwise) for one in self.placed], np.int64)

    def place(self, sequence: int, key: str) -> int:
        """Of a step by its key, or where everybody begins without one; `NONE` where it is not there."""
        return self._places.get((sequence, key), NONE) if key else self._first.get(sequence, NONE)

    def obeys_windows(self, place: int) -> bool:
        """Whether the email of a step waits for a day outside the windows; of one that is gone, too."""
        settings = self.placed[place].step.settings if place != NONE else None
        return settings.respect_exclusion_windows if isinstance(settings, EmailSettings) else True

    def of_type(self, steps: Index, type: StepType) -> Bools:
        """Which of these places are steps of a type."""
        return self.type[steps] == list(StepType).index(type)

    def by_place(self, rows: Index, steps: Index) -> Iterable[tuple[Placed, int, Index]]:
        """Rows that stand at the same step, with it and its place."""
        for place in np.unique(steps[rows]).tolist():
            yield self.placed[place], place, rows[steps[rows] == place]

    def _way(self, one: Placed, key: str | None) -> int:
        return END if key is None else self._places.get((one.sequence.id, key), END)


class Words:
    """Texts by number, each once."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def code(self, text: str | None) -> int:
        """The number of a text; `NONE` for none."""
        return NONE if text is None else self._codes.setdefault(text, len(self._codes))

    def codes(self, texts: Iterable[str | None]) -> Index:
        return np.array([self.code(text) for text in texts], np.int64)

    @property
    def texts(self) -> list[str]:
        return list(self._codes)


@dataclass
class Page:
    """Enrollments that are moved together."""

    book: Book
    words: Words
    id: Index
    sequence: Index
    contact: Index
    step: Index
    due: Moments
    stepped: Moments
    visits: Index
    account: Index
    enrolled: Moments
    mail: npt.NDArray[np.object_]
    """The status of the email it is waiting for; "" for none."""
    free: Bools
    """Whether it may go on: it is active, and so is its sequence."""
    status: Index
    reason: Index
    ended: Moments
    changed: Bools
    held: Bools
    """Whether it waits for something that is not here yet: nothing more is done with it."""
    done: list[tuple[Index, ...]] = field(default_factory=list)
    """Columns of `store.advance.DONE` that are not stored yet."""
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Steps that were done, by type and outcome."""

    @classmethod
    def of(cls, frame: pl.DataFrame, book: Book, free: Bools) -> Page:
        """From what `store.advance` took."""
        n = frame.height

        def numbers(name: str) -> Index:
            return frame[name].to_numpy().astype(np.int64)

        keys = zip(frame["sequence_id"].to_list(), frame["current_step"].to_list(), strict=True)
        places = {key: book.place(*key) for key in set(keys)}
        keys = zip(frame["sequence_id"].to_list(), frame["current_step"].to_list(), strict=True)
        return cls(
            book,
            Words(),
            numbers("id"),
            numbers("sequence_id"),
            numbers("contact_id"),
            np.array([places[key] for key in keys], np.int64),
            numbers("next_action_at"),
            numbers("stepped_at"),
            numbers("visits"),
            numbers("account_id"),
            numbers("enrolled_at"),
            frame["mail"].to_numpy().astype(object),
            free.copy(),
            np.full(n, NONE, np.int64),
            np.full(n, NONE, np.int64),
            np.full(n, NONE, np.int64),
            np.zeros(n, bool),
            np.zeros(n, bool),
        )

    def __len__(self) -> int:
        return len(self.id)

    def due_rows(self, now: int) -> Index:
        """Enrollments with something to do."""
        return np.flatnonzero(self.free & ~self.held & (self.due != NONE) & (self.due <= now))

    def log(self, rows: Index, outcome: str, detail: str | None, at: Moments) -> None:
        """Note that enrollments' present steps were done, as the visits they count by now."""
        if not len(rows):
            return
        some = len(rows)
        for place in np.unique(self.step[rows]).tolist():
            type = self.book.placed[place].step.type.value if place >= 0 else "unknown"
            self.counts[type, outcome] += int((self.step[rows] == place).sum())
        codes = [np.full(some, self.words.code(text), np.int64) for text in (outcome, detail)]
        self.done.append((self.id[rows], self._keys(rows, ""), self.visits[rows], *codes, at.copy()))

    def end(self, rows: Index, reason: str, at: Moments) -> None:
        """Enrollments that are over, and why."""
        over = ExitReason.COMPLETED
        status = EnrollmentStatus.COMPLETED if reason == over else EnrollmentStatus.EXITED
        self.status[rows], self.reason[rows] = self.words.code(status.value), self.words.code(reason)
        self.ended[rows], self.due[rows] = at, NONE
        self.free[rows], self.changed[rows] = False, True

    def ended_now(self, rows: Index) -> Bools:
        """Which of the rows were ended in this page."""
        return self.ended[rows] != NONE

    def forget(self, which: Bools) -> None:
        """Enrollments that somebody else has ended."""
        self.free[which] = self.changed[which] = False

    def go(self, rows: Index, to: Index, at: Moments, arrival: Arrival) -> None:
        """Enrollments go on to steps (`END`: they are through), having done the one before at `at`."""
        over = to == END
        self.stepped[rows], self.changed[rows] = at, True
        if over.any():
            self.end(rows[over], ExitReason.COMPLETED.value, at[over])
        rows, to, at = rows[~over], to[~over], at[~over]
        self.step[rows], self.due[rows], self.mail[rows] = to, at, ""
        waits = self.book.of_type(to, StepType.DELAY)
        for placed, _, mine in self.book.by_place(rows[waits], self.step):
            settings = placed.step.settings
            assert isinstance(settings, DelaySettings)
            begun = self.stepped[mine]
            self.due[mine] = np.maximum(arrival(mine, settings, placed.sequence, begun), begun)

    def exits(self, rows: Index) -> None:
        """Enrollments at an exit step."""
        for placed, _, mine in self.book.by_place(rows, self.step):
            settings = placed.step.settings
            assert isinstance(settings, ExitSettings)
            self.visits[mine] += 1
            self.log(mine, EXITED, settings.reason, self.due[mine])
            self.end(mine, settings.reason, self.due[mine])

    def moved(self) -> list[Index]:
        """Columns of `store.advance.MOVED` of those that changed."""
        rows = np.flatnonzero(self.changed)
        steps = self._keys(rows, None)
        columns = (self.due, self.stepped, self.visits, self.account, self.status, self.reason, self.ended)
        return [self.id[rows], steps, *(column[rows] for column in columns)]

    def _keys(self, rows: Index, unknown: str | None) -> Index:
        """The keys of the steps that enrollments stand at, as words."""
        places, whose = np.unique(self.step[rows], return_inverse=True)
        keys = (self.book.placed[place].step.key if place >= 0 else unknown for place in places.tolist())
        return self.words.codes(keys)[whose]


def latest(frame: pl.DataFrame, n: int) -> Mapping[tuple[str, ...], Moments]:
    """Columns `place`, names, `at` as one column of moments for each name; `NONE` where there is none."""
    names = [column for column in frame.columns if column not in ("place", "at")]
    found = {}
    for key, part in frame.group_by(names):
        column = np.full(n, NONE, np.int64)
        column[part["place"].to_numpy()] = part["at"].to_numpy()
        found[tuple(str(one) for one in key)] = column
    return found
