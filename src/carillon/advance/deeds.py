"""What a page's enrollments do to the world: emails, tags, calls, other sequences.

All of it in the page's transaction; a webhook's call is only written down there (`calls` makes it).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from carillon.advance.delays import day_in, on_day
from carillon.advance.emails import Senders, allowed, group_of, metadata, settings_of, templates
from carillon.advance.facts import Facts, milliseconds
from carillon.advance.steps import NONE, Page, Placed
from carillon.columns import Bools, Index
from carillon.days import FAR
from carillon.dealing import NO_ROOM
from carillon.keys import sequence_key
from carillon.local_time import Moments
from carillon.send_times import CHOICES, Wanted, lawful_days
from carillon.sequences import ActionSettings
from carillon.store import advance_deeds as store
from carillon.store import advance_facts
from carillon.store.advance import stage_words
from carillon.store.engine import Connection
from carillon.store.timing import Timing
from carillon.windows import Windows
from carillon.words import ActionKind, ExitReason

DONE, QUEUED, FAILED, NOT_AVAILABLE = "done", "queued", "failed", "not_available"
"""Outcomes of actions."""


@dataclass
class Waiting:
    """Enrollments that are due and wait for something that is not here yet."""

    inbox: int = 0
    """For their account's mailbox to be read."""
    account: int = 0
    """For an active account."""


@dataclass(frozen=True)
class Given:
    """What a pass knows from its beginning."""

    now: datetime
    zone: ZoneInfo
    """The workspace's."""
    windows: Windows
    senders: Senders
    inboxes: Mapping[int, int]
    """Accounts that listen, and up to when their mail was read."""
    timing: Timing | None = None
    """What hours are chosen by; None: none are."""
    counted: bool = False
    """Whether emails of sequences count in the planner's frequency limit."""


class Deeds:
    """Of one page."""

    def __init__(self, connection: Connection, given: Given, page: Page, facts: Facts) -> None:
        self._connection, self._given, self._page, self._facts = connection, given, page, facts
        self._now, self._at = given.now, milliseconds(given.now)
        self._campaigns: Mapping[int, advance_facts.Campaign] | None = None
        self.waiting = Waiting()
        self._emails: list[Sequence[Index]] = []

    # -- emails ---------------------------------------------------------------------------------------

    def hold_unread(self, rows: Index) -> Index:
        """Those of the rows that need not wait for a mailbox to be read."""
        unread = self._facts.unread(rows)
        self._page.held[rows[unread]] = True
        self.waiting.inbox += int(unread.sum())
        return rows[~unread]

    def emails(self, rows: Index) -> None:
        """Put the emails of enrollments at email steps into the outbox, or end or hold who gets none."""
        page, readers = self._page, self._facts.readers()
        refused = np.array([readers.refused[row] or "" for row in rows.tolist()])
        for reason in sorted(set(refused.tolist()) - {""}):
            self._refuse(rows[refused == reason], reason)
        rows = rows[refused == ""]
        parents = self._facts.last_emails()
        again = parents[rows] != 0
        # A follow-up goes only to who has not answered by now.
        rows = np.concatenate([rows[~again], self.hold_unread(rows[again])])
        for placed, _, mine in page.book.by_place(rows, page.step):
            self._put(placed, self._with_account(placed, mine), parents)

    def flush(self) -> None:
        """Store the emails that were put together."""
        if self._emails:
            columns = columns_of(self._emails)
            store.add_emails(self._connection, columns, self._now)
            if self._given.counted:
                store.note_changes(self._connection, columns[store.EMAILS.index("contact")])
            self._emails = []

    def put_off(self, rows: Index, keys: Index, wanted: Moments) -> Index:
        """Emails that the dispatcher found on an excluded day, or one too many, leave on a later one.

        `wanted`: when they were to leave. Returns the emails that never can: their sequence is over.
        """
        page, zone = self._page, self._given.zone
        tomorrow = day_in(zone, np.full(len(rows), self._at)) + 1
        at = on_day(zone, wanted, tomorrow)
        lawful = np.array([page.book.obeys_windows(step) for step in page.step[rows].tolist()], bool)
        day, leaves = allowed(self._facts.readers(), rows, at, self._given.windows, zone, lawful)
        never, now = day == FAR, np.full(len(rows), self._at)
        page.log(rows[never], ExitReason.EXCLUDED.value, None, now[never])
        page.end(rows[never], ExitReason.EXCLUDED.value, now[never])
        store.put_off(self._connection, keys[~never], day[~never], leaves[~never], self._now)
        if self._given.counted:
            store.note_changes(self._connection, page.contact[rows])
        return keys[never]

    def _with_account(self, placed: Placed, rows: Index) -> Index:
        """Rows that have an account by now; the others wait."""
        page = self._page
        known = np.array([self._given.senders.is_known(one) for one in page.account[rows].tolist()], bool)
        without = rows[~known]
        chosen = self._given.senders.choose(group_of(placed), len(without))
        page.account[without] = np.where(chosen == NO_ROOM, NONE, chosen)
        none = without[chosen == NO_ROOM]
        page.held[none] = True
        self.waiting.account += len(none)
        return rows[page.account[rows] != NONE]

    def _put(self, placed: Placed, rows: Index, parents: Index) -> None:
        page, readers = self._page, self._facts.readers()
        zone = self._given.zone
        wanted = page.due[rows]
        lawful = np.full(len(rows), settings_of(placed).respect_exclusion_windows)
        day, leaves = allowed(readers, rows, np.maximum(wanted, self._at), self._given.windows, zone, lawful)
        never = day == FAR
        self._refuse(rows[never], ExitReason.EXCLUDED.value)
        rows, wanted, day, leaves = rows[~never], wanted[~never], day[~never], leaves[~never]
        if not len(rows):
            return
        page.visits[rows] += 1
        words = page.words
        keys = sequence_key(page.id[rows], page.visits[rows])
        leaves, choice = self._best_times(placed, rows, keys, leaves, lawful[~never])
        day = np.where(choice == NONE, day, day_in(zone, leaves))
        self._emails.append(
            (
                keys,
                page.id[rows],
                page.contact[rows],
                np.full(len(rows), words.code(placed.step.key)),
                day,
                day_in(zone, wanted),
                leaves,
                page.account[rows],
                parents[rows],
                words.codes(templates(placed, readers, rows)),
                np.full(len(rows), words.code(metadata(placed, self._campaign(placed)))),
                choice,
            )
        )
        page.counts["email", QUEUED] += len(rows)
        page.due[rows], page.changed[rows] = NONE, True

    def _best_times(
        self, placed: Placed, rows: Index, keys: Index, leaves: Moments, lawful: Bools
    ) -> tuple[Moments, Index]:
        """When emails leave where their hour is chosen, and how it was: words, `NONE` where nobody chose."""
        timing, readers, words = self._given.timing, self._facts.readers(), self._page.words
        at, chosen = leaves.copy(), np.full(len(rows), NONE)
        if timing is None:
            return at, chosen
        for account in np.unique(self._page.account[rows]).tolist():
            rules = timing.levels.of(account, sequence=placed.sequence.id)
            mine = np.flatnonzero(self._page.account[rows] == account)
            if not rules.enabled:
                continue
            place, zones = readers.living(rules.target_timezone)
            some = rows[mine]
            found = timing.choose(
                Wanted.of(keys[mine], place[some], leaves[mine]),
                [readers.industries[row] for row in some.tolist()],
                rules,
                zones,
                lawful_days(
                    self._given.windows,
                    readers.people.take(some),
                    [zones[one] for one in place[some].tolist()],
                    lawful[mine],
                    self._given.zone,
                ),
            )
            at[mine] = found.at
            codes = np.array([*words.codes([str(one) for one in CHOICES]), NONE])
            chosen[mine] = codes[found.chosen]
        return at, chosen

    def _refuse(self, rows: Index, reason: str) -> None:
        """Nobody may write to them: the sequence is over."""
        at = self._page.due[rows]
        self._page.visits[rows] += 1
        self._page.log(rows, reason, None, at)
        self._page.end(rows, reason, at)

    def _campaign(self, placed: Placed) -> advance_facts.Campaign | None:
        if self._campaigns is None:
            sequences = sorted({one.sequence.id for one in self._page.book.placed})
            self._campaigns = advance_facts.campaigns_of(self._connection, sequences)
        return self._campaigns.get(placed.sequence.id)

    # -- actions --------------------------------------------------------------------------------------

    def act(self, placed: Placed, rows: Index) -> str:
        """Do an action for enrollments that stand at it, in the visit they count by now. The outcome.

        Entering and leaving sequences is `run`'s: it concerns enrollments of other pages.
        """
        settings = placed.step.settings
        assert isinstance(settings, ActionSettings)
        page = self._page
        match settings.kind:
            case ActionKind.ADD_TAG | ActionKind.REMOVE_TAG:
                self._change(rows, settings.kind, settings.tag or "", "")
            case ActionKind.SET_ATTRIBUTE:
                self._change(rows, settings.kind, settings.field or "", settings.value or "")
            case ActionKind.SMS:
                return NOT_AVAILABLE
            case ActionKind.WEBHOOK:
                bodies = page.words.codes(self._bodies(placed, rows))
                url = np.full(len(rows), page.words.code(settings.url))
                self._stage_words()
                calls = [page.id[rows], page.visits[rows], url, bodies]
                store.add_calls(self._connection, calls, self._now)
                return QUEUED
            case _:
                told = {"text": settings.text, "sequence": placed.sequence.name, "step": placed.step.key}
                data = np.full(len(rows), page.words.code(json.dumps(told, ensure_ascii=False)))
                self._stage_words()
                notes = [page.id[rows], page.contact[rows], page.visits[rows], data, page.due[rows]]
                store.add_notes(self._connection, notes, self._now)
        return DONE

    def _change(self, rows: Index, kind: ActionKind, name: str, value: str) -> None:
        contacts = np.unique(self._page.contact[rows])
        store.change_contacts(self._connection, contacts, kind, name, value, self._now)
        self._facts.forget_fields()

    def _bodies(self, placed: Placed, rows: Index) -> list[str]:
        page = self._page
        columns = (page.id, page.visits, page.contact, page.due)
        return [
            json.dumps(
                {
                    "sequence": placed.sequence.name,
                    "step": placed.step.key,
                    "enrollment_id": enrollment,
                    "visit": visit,
                    "contact_id": contact,
                    "happened_at": text_of(at),
                }
            )
            for enrollment, visit, contact, at in zip(*(one[rows].tolist() for one in columns), strict=True)
        ]

    def _stage_words(self) -> None:
        stage_words(self._connection, self._page.words.texts)


def text_of(at: int) -> str:
    """A moment as other programs read it."""
    return f"{np.datetime64(at, 'ms')}Z"


def columns_of(parts: Sequence[Sequence[Index]]) -> list[Moments]:
    """Parts of columns put together."""
    return [np.concatenate(column) for column in zip(*parts, strict=True)]
