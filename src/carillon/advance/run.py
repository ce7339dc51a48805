"""Moving enrollments on: what one pass does, page by page (03-sequences §3).

A pass activates what is to begin, takes notice of emails that have ended, and moves everybody who is due, a
page at a time: each page is one transaction with a constant number of statements, in which its enrollments go
on until none is due any more. A worker that dies leaves pages done or not done. On PostgreSQL several may
work at once: a page is locked, and what another has locked is passed over.

With `turn`, `facts` and `deeds` the only file of this room that opens the store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import polars as pl

from carillon.advance.calls import deliver
from carillon.advance.emails import Senders
from carillon.advance.facts import milliseconds
from carillon.advance.steps import NONE, Book, Page
from carillon.advance.turn import MOST_ROUNDS, Given, Turn, Turned, Waiting
from carillon.columns import Bools
from carillon.days import day_number
from carillon.errors import InputError
from carillon.store import advance as store
from carillon.store import completion, slot_use
from carillon.store import release as release_store
from carillon.store import sequences as sequence_store
from carillon.store.accounts import accounts
from carillon.store.advance import Mark
from carillon.store.engine import Connection
from carillon.store.inboxes import read_until
from carillon.store.slot_keeping import put_in_order
from carillon.store.timing import timing
from carillon.windows import Windows
from carillon.words import EnrollmentStatus
from carillon.workspace import Workspace

PAGE = 20_000
"""Enrollments in one transaction."""
SEQUENCES_A_PAGE = 20


@dataclass
class AdvanceReport:
    """What a pass did. Counts are enrollments or their steps."""

    sequences_begun: int = 0
    enrollments_begun: int = 0
    sequences_completed: int = 0
    campaigns_completed: int = 0
    done: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Steps by type and outcome. An email is counted when it is `queued`, and again when it has ended."""
    waiting: Waiting = field(default_factory=Waiting)
    calls: Counter[str] = field(default_factory=Counter)
    """Webhooks by what became of the call."""
    faults: dict[str, str] = field(default_factory=dict)
    """Sequences that cannot be read, and why."""

    def as_json(self) -> dict[str, object]:
        """Plain values only."""
        done: dict[str, dict[str, int]] = {}
        for (kind, outcome), n in sorted(self.done.items()):
            done.setdefault(kind, {})[outcome] = n
        return {
            "sequences_begun": self.sequences_begun,
            "enrollments_begun": self.enrollments_begun,
            "sequences_completed": self.sequences_completed,
            "campaigns_completed": self.campaigns_completed,
            "done": done,
            "waiting_for_inbox": self.waiting.inbox,
            "waiting_for_account": self.waiting.account,
            "calls": dict(self.calls),
            "faults": self.faults,
        }


def advance(workspace: Workspace) -> AdvanceReport:
    """One pass. Again at once, or at the same time elsewhere, it does no harm."""
    report = AdvanceReport()
    now, database = workspace.clock.now(), workspace.database
    begun = database.write(lambda connection: store.activate(connection, now))
    report.sequences_begun, report.enrollments_begun = begun
    for _ in range(MOST_ROUNDS):
        walk = _Walk(workspace)
        again = walk.once(report)
        report.faults |= walk.faults
        if not again:
            break
    # Whoever writes through a mailbox gets a slot of it now, or when there are more.
    put_in_order(database, workspace.settings, now)
    with database.snapshot() as connection:
        through = completion.is_to_do(connection)
    if through:
        done = database.write(lambda connection: completion.complete(connection, now))
        report.sequences_completed, report.campaigns_completed = done
    report.calls = deliver(workspace)
    if report.done or report.sequences_begun or report.sequences_completed or report.calls:
        workspace.log.info("sequences advanced", **report.as_json())
    return report


class _Walk:
    """One look at everything that has ended or is due."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace, self._now = workspace, workspace.clock.now()
        self.faults: dict[str, str] = {}
        settings = workspace.settings
        with workspace.database.snapshot() as connection:
            self._ended = self._readable(connection, store.ended_sequences(connection))
            taken = release_store.waiting(connection, day_number(workspace.today()))
            slots = slot_use.left_over(connection, self._now)
            senders = Senders(accounts(connection), taken, slots, slot_use.usual(connection))
            read = read_until(connection)
        self._given = Given(
            self._now,
            settings.workspace.zone,
            Windows(settings.state_rules, settings.timing_constants.pre_window_exclusion_days),
            senders,
            {one: NONE if until is None else milliseconds(until) for one, until in read.items()},
            timing(workspace.database, settings.smart_scheduling, self._now),
            settings.sequences.count_in_frequency_limit,
        )

    def once(self, report: AdvanceReport) -> bool:
        """Returns whether more may be due now."""
        again = False
        report.waiting = Waiting()
        for turned in self._all_ended():
            report.done += turned.done
        for turned in self._all_due():
            report.done += turned.done
            # Who waits is due, also where its email was noticed a moment ago: here it is counted once.
            report.waiting.inbox += turned.waiting.inbox
            report.waiting.account += turned.waiting.account
            again = again or turned.again
        return again

    def _all_ended(self) -> Iterator[Turned]:
        after: int | None = 0 if self._ended else None
        while after is not None:
            turned = self._workspace.database.write(partial(self._turn_ended, after=after))
            after = turned.after
            yield turned

    def _all_due(self) -> Iterator[Turned]:
        # Who waited for an email may be due by now, with the sequence not among those that were.
        with self._workspace.database.snapshot() as connection:
            due = self._readable(connection, store.due_sequences(connection, self._now))
        for begin in range(0, len(due), SEQUENCES_A_PAGE):
            marks: Mapping[int, Mark] = dict.fromkeys(due[begin : begin + SEQUENCES_A_PAGE], Mark())
            while marks:
                turned = self._workspace.database.write(partial(self._turn_due, marks=marks))
                marks = turned.marks
                yield turned

    def _readable(self, connection: Connection, sequences: list[int]) -> list[int]:
        """Those of the sequences that can be read: one that another program spoilt holds up nobody else."""
        try:
            sequence_store.sequences(connection, sequences)
            return sequences
        except InputError as error:
            if len(sequences) == 1:
                self.faults[f"sequence {sequences[0]}"] = str(error)
                return []
        return [one for each in sequences for one in self._readable(connection, [each])]

    def _turn_due(self, connection: Connection, marks: Mapping[int, Mark]) -> Turned:
        store.hold_definitions(connection, marks)
        limit = max(1, PAGE // len(marks))
        frames, further = [], {}
        open_ = store.moving(connection) & marks.keys()
        for sequence in sorted(open_):
            frame = store.take_due(connection, sequence, self._now, marks[sequence], limit)
            frames.append(frame)
            if frame.height == limit:
                last = frame.sort("next_action_at", "id").row(-1, named=True)
                further[sequence] = Mark(last["next_action_at"], last["id"])
        if not any(frame.height for frame in frames):
            return Turned()
        frame = pl.concat(frames)
        turn = self._turn_of(connection, frame, np.ones(frame.height, bool))
        turn.settle_doubts(frame["mail_at"].to_numpy())
        return replace(turn.finish(), marks=further)

    def _turn_ended(self, connection: Connection, after: int) -> Turned:
        store.hold_definitions(connection, self._ended)
        frame = store.take_ended(connection, self._ended, after, PAGE)
        if not frame.height:
            return Turned()
        waiting = frame.filter(pl.col("waits") == 1)
        free = (waiting["status"] == EnrollmentStatus.ACTIVE).to_numpy()
        moving = np.array(sorted(store.moving(connection)), np.int64)
        turn = self._turn_of(connection, waiting, free & np.isin(waiting["sequence_id"].to_numpy(), moving))
        turn.pass_by(frame.filter(pl.col("waits") == 0))
        turn.notice(waiting)
        after = int(frame["id"].to_numpy().max())
        return replace(turn.finish(), after=after if frame.height == PAGE else None)

    def _turn_of(self, connection: Connection, frame: pl.DataFrame, free: Bools) -> Turn:
        known = sequence_store.sequences(connection, frame["sequence_id"].unique().to_list())
        return Turn(connection, self._given, Page.of(frame, Book(known.values()), free))
