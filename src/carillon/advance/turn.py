"""One page of enrollments in one transaction: from where they stood to where none is due any more.

Everything is put down once, at the end of the page or when a question to the store needs it: enrollments,
executions and emails in one statement each, however many they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import polars as pl

from carillon.advance.conditions import asks, counts_from, fields_of, holds
from carillon.advance.deeds import DONE, FAILED, Deeds, Given, Waiting, columns_of
from carillon.advance.facts import Facts, milliseconds
from carillon.advance.steps import NONE, Page, Placed
from carillon.columns import Index
from carillon.errors import InputError
from carillon.keys import MOST_VISITS, sequence_key
from carillon.local_time import Moments
from carillon.sequences import ActionSettings, ConditionSettings
from carillon.store import advance as store
from carillon.store import enrollments
from carillon.store import sequences as sequence_store
from carillon.store.advance import Mark
from carillon.store.engine import Connection
from carillon.store.enrolling import enroll
from carillon.words import ActionKind, ExitReason, SequenceStatus, Sign, Status, StepType

__all__ = ["Given", "Turn", "Turned", "Waiting"]

MOST_ROUNDS = 50
"""Steps that follow one another at once; the rest is for the next pass."""
DOUBT = timedelta(hours=72)
"""How long an enrollment waits for an email in doubt; then it goes on as if it had been sent."""
YES, NO, OVER = "yes", "no", "over"
"""Outcomes of conditions and delays."""
_REASONS = {Status.FAILED: ExitReason.ERROR, Status.BOUNCED: ExitReason.BOUNCED}
"""Ends of an email that end its sequence, too."""
_REFUSED = {ExitReason.SUPPRESSED.value, ExitReason.OPTED_OUT.value}
"""The same of those that were cancelled."""


@dataclass
class Turned:
    """What became of a page."""

    done: Counter[tuple[str, str]] = field(default_factory=Counter)
    waiting: Waiting = field(default_factory=Waiting)
    again: bool = False
    """Whether more may be due now than before."""
    marks: Mapping[int, Mark] = field(default_factory=dict)
    """Sequences with more that is due, and how far they have been gone through."""
    after: int | None = None
    """The last enrollment of a page of ended emails; None: there are no more."""


class Turn:
    """A page at work."""

    def __init__(self, connection: Connection, given: Given, page: Page) -> None:
        self._connection, self._given, self._page = connection, given, page
        self._at = milliseconds(given.now)
        self._facts = Facts(connection, page, given.zone, given.inboxes, self._flush)
        self._deeds = Deeds(connection, given, page, self._facts)
        self._noticed: list[Index] = []
        self._again = False

    # -- emails that have ended -----------------------------------------------------------------------

    def pass_by(self, strays: pl.DataFrame) -> None:
        """Emails whose enrollments have gone on or ended without them: noted, and nothing follows."""
        if not strays.height:
            return
        words, keys = self._page.words, strays["key"].to_numpy()
        texts = [words.codes(strays[name].to_list()) for name in ("key_step", "mail", "why")]
        columns = [strays["id"].to_numpy(), texts[0], store.visit_of(keys), *texts[1:]]
        store.stage_words(self._connection, words.texts)
        at = np.minimum(strays["at"].to_numpy(), self._at)
        store.note_done(self._connection, [*columns, at], again=True)
        self._noticed.append(keys)

    def notice(self, frame: pl.DataFrame) -> None:
        """Emails that the page's enrollments were waiting for, as `store.advance.take_ended` gave them."""
        page, keys = self._page, frame["key"].to_numpy()
        at = np.minimum(frame["at"].to_numpy(), self._at)
        groups = frame.with_row_index("row").group_by("mail", "why", maintain_order=True).agg("row")
        for mail, why, members in groups.iter_rows():
            rows = np.array(members, np.int64)
            if mail == Status.IN_DOUBT:
                page.due[rows] = self._at + round(DOUBT.total_seconds() * 1000)
                page.changed[rows] = True
                continue
            if mail == Status.SKIPPED:
                self._noticed.append(self._deeds.put_off(rows, keys[rows], frame["at"].to_numpy()[rows]))
                continue
            self._ended(rows, mail, why, at[rows])
            self._noticed.append(keys[rows])

    def settle_doubts(self, sent: Moments) -> None:
        """Enrollments whose time to wait for an email in doubt is over go on as if it had been sent.

        `sent`: when the emails were to leave. Whose email is not in doubt any more waits for it as before.
        """
        page = self._page
        mailed = np.flatnonzero(page.mail != "")
        doubt = page.mail[mailed] == Status.IN_DOUBT.value
        self._noticed.append(sequence_key(page.id[mailed[doubt]], page.visits[mailed[doubt]]))
        page.due[mailed[~doubt]], page.changed[mailed[~doubt]] = NONE, True
        self._ended(mailed[doubt], Status.IN_DOUBT.value, "", sent[mailed[doubt]])

    def _ended(self, rows: Index, mail: str, why: str, at: Moments) -> None:
        """An email has ended: its enrollment goes on, or ends with it."""
        page = self._page
        page.log(rows, mail, why or None, at)
        reason = _REASONS[Status(mail)].value if mail in _REASONS else why if why in _REFUSED else None
        lost = page.step[rows] == NONE
        if reason is not None or lost.any():
            some = rows if reason is not None else rows[lost]
            page.end(some, reason or ExitReason.ERROR.value, at if reason is not None else at[lost])
            rows, at = rows[~page.ended_now(rows)], at[~page.ended_now(rows)]
        page.go(rows, page.book.next[page.step[rows]], at, self._facts.arrival)

    # -- steps ----------------------------------------------------------------------------------------

    def finish(self) -> Turned:
        """Let everybody go on until nobody is due, and put it down."""
        page, rounds = self._page, 0
        while len(rows := page.due_rows(self._at)) and rounds < MOST_ROUNDS:
            self._round(rows)
            rounds += 1
        self._store()
        again = self._again or bool(len(rows))
        return Turned(page.counts, self._deeds.waiting, again)

    def _round(self, rows: Index) -> None:
        """One step of each."""
        page = self._page
        lost = (page.step[rows] == NONE) | (page.visits[rows] >= MOST_VISITS)
        self._give_up(rows[lost])
        rows = rows[~lost]
        new = page.stepped[rows] == NONE
        page.go(rows[new], page.step[rows[new]], page.due[rows[new]], self._facts.arrival)
        rows = rows[page.due[rows] <= self._at]
        of_type = {type: rows[page.book.of_type(page.step[rows], type)] for type in StepType}
        self._delays(of_type[StepType.DELAY])
        page.exits(of_type[StepType.EXIT])
        for placed, _, mine in page.book.by_place(of_type[StepType.CONDITION], page.step):
            self._condition(placed, mine)
        if len(of_type[StepType.EMAIL]):
            self._deeds.emails(of_type[StepType.EMAIL])
        others = []
        for placed, _, mine in page.book.by_place(of_type[StepType.ACTION], page.step):
            settings = placed.step.settings
            assert isinstance(settings, ActionSettings)
            page.visits[mine] += 1
            if settings.kind in (ActionKind.ENROLL, ActionKind.EXIT):
                others.append((settings, placed, mine))
            else:
                self._pass_on(mine, self._deeds.act(placed, mine), settings.kind.value)
        for settings, placed, mine in others:
            self._other_sequence(settings, placed, mine)

    def _delays(self, rows: Index) -> None:
        self._page.visits[rows] += 1
        self._pass_on(rows, OVER, None)

    def _condition(self, placed: Placed, rows: Index) -> None:
        page, settings = self._page, placed.step.settings
        assert isinstance(settings, ConditionSettings)
        if asks(settings.when, Sign.REPLIED):
            rows = self._deeds.hold_unread(rows)
        if not len(rows):
            return
        fields, since = fields_of(settings.when), counts_from(settings.when)
        known = self._facts.known(fields, any(asks(settings.when, sign) for sign in Sign), bool(since))
        answer = holds(settings.when, rows, known)
        page.visits[rows] += 1
        place = page.step[rows]
        to = np.where(answer, page.book.next[place], page.book.otherwise[place])
        at = page.due[rows]
        page.log(rows[answer], YES, None, at[answer])
        page.log(rows[~answer], NO, None, at[~answer])
        page.go(rows, to, at, self._facts.arrival)

    def _pass_on(self, rows: Index, outcome: str, detail: str | None) -> None:
        """Steps that are done the moment they fall due."""
        page, at = self._page, self._page.due[rows]
        page.log(rows, outcome, detail, at)
        page.go(rows, page.book.next[page.step[rows]], at, self._facts.arrival)

    def _other_sequence(self, settings: ActionSettings, placed: Placed, rows: Index) -> None:
        """Enter or leave a sequence. The page is put down first: its own enrollments may be meant."""
        page, now, detail = self._page, self._given.now, f"{settings.kind.value} {settings.sequence}"
        try:
            other = sequence_store.find(self._connection, settings.sequence or "", to_change=True)
        except InputError as error:
            return self._pass_on(rows, FAILED, f"{detail}: {error}")
        enters = settings.kind is ActionKind.ENROLL
        if enters and (other.status is SequenceStatus.ARCHIVED or not other.steps):
            return self._pass_on(rows, FAILED, f"{detail}: nobody can be enrolled in it")
        contacts = page.contact[rows]
        self._pass_on(rows, DONE, detail)
        self._store()
        by = f"sequence {placed.sequence.name}"
        if enters:
            entrants = pl.DataFrame({"line": np.arange(len(rows)), "contact": contacts}).with_columns(
                pl.lit(None, pl.String).alias(name) for name in ("external_id", "email")
            )
            enroll(self._connection, other, [entrants], now, by, self._given.zone)
            self._again = True
            return None
        ids = enrollments.open_of(self._connection, other.id, contacts.tolist())
        enrollments.stop(self._connection, ids, ExitReason.MANUAL, now, f"by the {by}")
        page.forget(np.isin(page.id, np.array(ids, np.int64)))
        return None

    def _give_up(self, rows: Index) -> None:
        """The step is not there, or the enrollment has been going round for too long."""
        page, at = self._page, self._page.due[rows]
        page.visits[rows] += 1
        gone = page.step[rows] == NONE
        reason = ExitReason.ERROR.value
        page.log(rows[gone], reason, "there is no such step", at[gone])
        page.log(rows[~gone], reason, f"more than {MOST_VISITS} steps", at[~gone])
        page.end(rows, reason, at)

    # -- the store ------------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Store what was done so far."""
        store.stage_words(self._connection, self._page.words.texts)
        if self._page.done:
            store.note_done(self._connection, columns_of(self._page.done))
            self._page.done.clear()

    def _store(self) -> None:
        moved = self._page.moved()
        self._flush()
        self._deeds.flush()
        store.move(self._connection, moved)
        self._page.changed[:] = False
        if self._noticed:
            store.notice(self._connection, np.concatenate(self._noticed), self._given.now)
            self._noticed = []
