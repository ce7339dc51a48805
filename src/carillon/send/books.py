"""The dispatcher's books of one account: what the engine asks of the store, the templates and the rules.

Every method is one short transaction, or none. What the network said becomes a row here, and nowhere else.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from math import inf
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from carillon.accounts import Account
from carillon.clock import monotonic
from carillon.columns import Index
from carillon.days import day_number
from carillon.rates import SECOND, Limits
from carillon.send.engine import Ready
from carillon.send.journal import Journal
from carillon.send.outcomes import Deferred, Delivered, Envelope, Rejected
from carillon.send.outcomes import Outcome as Answer
from carillon.send.recheck import Letters, excluded, people_of, too_many
from carillon.send.retry import retry_at
from carillon.store import accounts as account_store
from carillon.store import dispatch as store
from carillon.store import intents as intents_store
from carillon.store.dispatch import Claimed, Outcome
from carillon.store.engine import Connection
from carillon.store.intents import Intent
from carillon.store.moments import stamp
from carillon.store.planning import PlanReader
from carillon.store.suppressions import suppress
from carillon.windows import Windows
from carillon.words import SkipReason, Status
from carillon.workspace import Workspace

T = TypeVar("T")

ATTEMPTS = 5
"""Deliveries tried on one day before an email goes back to the planner."""


@dataclass(frozen=True)
class Letter:
    """An email rendered for one recipient."""

    envelope: Envelope
    render_hash: str
    address: str
    """The contact's, as it is stored."""


Render = Callable[[Connection, Sequence[Claimed], datetime], dict[int, Letter | str]]
"""Renders claimed emails, by id; a text says why one cannot be."""


class StoreBooks:
    """See `engine.Books`. One for each account and run of the dispatcher."""

    def __init__(
        self, workspace: Workspace, account: Account, limits: Limits, render: Render, lawless: frozenset[int]
    ) -> None:
        """`lawless`: campaign instances whose type ignores exclusion windows."""
        self.workspace, self.account, self.holder = workspace, account, str(uuid.uuid4())
        self.interval = limits.interval / SECOND
        self._limits, self._render, self._lawless = limits, render, lawless
        self._journal = Journal(workspace.folder)
        settings = workspace.settings
        self._windows = Windows(settings.state_rules, settings.timing_constants.pre_window_exclusion_days)
        self._zone = settings.workspace.zone
        self._claims = 0
        self._days: set[int] = set()
        self._held: set[int] = set()

    # -- before ---------------------------------------------------------------------------------------

    def claim(self, batch: int) -> list[Claimed]:
        now = self.workspace.clock.now()
        zone = ZoneInfo(self.account.timezone) if self.account.timezone else self._zone
        day, today = day_number(now.astimezone(zone).date()), day_number(self.workspace.today())
        self._claims += 1
        token = f"{self.holder}:{self._claims}"
        found = self._write(
            lambda connection: store.claim(
                connection, self.account.id, self._limits, (day, today), now, token, batch
            )
        )
        self._days.add(day)
        self._held.update(row.id for row in found)
        return found

    def prepare(self, rows: Sequence[Claimed]) -> list[Ready | Outcome]:
        """Check once more and render; what may not leave becomes an outcome."""
        claimed, today = monotonic(), day_number(self.workspace.today())
        with self.workspace.database.snapshot() as connection:
            basis = intents_store.bases(connection, {row.contact_id for row in rows})
            why = self._why_not(connection, [row for row in rows if row.contact_id in basis], today)
            letters = self._render(
                connection, [row for row in rows if row.id not in why], self.workspace.clock.now()
            )
        is_paced = bool(self._limits.interval or self._limits.domain_interval)
        found: list[Ready | Outcome] = []
        for row in rows:
            letter = letters.get(row.id, "it was not rendered")
            if row.id in why:
                reason = why[row.id]
                found.append(
                    Outcome(row.id, row.token, Status.SKIPPED, skip_reason=reason.word, refund=1, back=reason)
                )
            elif isinstance(letter, str):
                found.append(Outcome(row.id, row.token, Status.FAILED, error=letter, refund=1))
            else:
                begin = claimed + row.wait
                end = begin + store.HORIZON / SECOND if is_paced else inf
                found.append(
                    Ready(
                        row,
                        letter.envelope,
                        letter.render_hash,
                        letter.address,
                        basis[row.contact_id],
                        begin,
                        end,
                    )
                )
        return found

    def _why_not(self, connection: Connection, rows: Sequence[Claimed], today: int) -> dict[int, SkipReason]:
        """Emails that must not leave today, and the reason."""
        if not rows:
            return {}
        reader = PlanReader(connection)
        contacts = np.unique(np.array([row.contact_id for row in rows], np.int64))
        people = people_of(reader.contacts_of(contacts).sort(pl.col("id").cast(pl.Int64)))
        who: Index = np.searchsorted(people.id, np.array([row.contact_id for row in rows], np.int64))
        lawful = np.array([row.campaign_instance_id not in self._lawless or row.followup for row in rows])
        limited = np.array([not row.followup for row in rows])
        letters = Letters(who, lawful.astype(bool), limited)
        balance = self.workspace.settings.load_balancing
        sent = store.sent_lately(connection, contacts, today - balance.period_days, [row.id for row in rows])
        reasons = excluded(people, letters, self._windows, today)
        crowded = too_many(
            letters,
            np.searchsorted(people.id, sent[0]),
            sent[1],
            today,
            balance.max_emails_per_contact_per_period,
            balance.period_days,
        )
        found = {}
        for row, reason, full in zip(rows, reasons.tolist(), crowded.tolist(), strict=True):
            if reason:
                found[row.id] = SkipReason(reason)
            elif full:
                found[row.id] = SkipReason.FREQUENCY_LIMIT
        return found

    # -- after ----------------------------------------------------------------------------------------

    def settle(self, ready: Ready, answer: Answer) -> Outcome:
        row, now = ready.row, self.workspace.clock.now()
        handed = Outcome(
            row.id,
            row.token,
            Status.IN_DOUBT,
            message_id=ready.envelope.message_id,
            render_hash=ready.render_hash,
        )
        if isinstance(answer, Delivered):
            return replace(handed, status=Status.SENT, provider_id=answer.provider_id, sent_at=stamp(now))
        if isinstance(answer, Rejected):
            return replace(
                handed,
                status=Status.BOUNCED,
                skip_reason="blocked" if answer.blocked else None,
                error=answer.why,
                suppress=ready.address if answer.suppress else None,
            )
        if isinstance(answer, Deferred):
            return self._later(row, answer, now)
        return replace(handed, error=answer.why)

    def refused(self, ready: Ready) -> Outcome | None:
        """No intent: suppressed, opted out, only paused, or somebody else's by now."""
        row = ready.row
        with self.workspace.database.snapshot() as connection:
            why = intents_store.why_stopped(connection, row.id, row.token)
        if why is None:
            return None
        if why == "paused":
            return self.lapsed(ready)
        return Outcome(row.id, row.token, Status.CANCELLED, skip_reason=why, refund=1)

    def lapsed(self, ready: Ready) -> Outcome:
        return Outcome(ready.row.id, ready.row.token, Status.SCHEDULED, refund=1)

    def commit(self, outcomes: list[Outcome], intents: list[Intent]) -> set[tuple[int, str]]:
        self._journal.note(self.workspace.clock.now(), self._lines(outcomes))
        allowed = self._write(lambda connection: self._commit(connection, outcomes, intents))
        self._held.difference_update(one.id for one in outcomes)
        return allowed

    def heartbeat(self) -> None:
        if held := list(self._held):
            self._write(lambda connection: store.heartbeat(connection, held, self.holder))

    def give_back(self) -> int:
        held = list(self._held)
        if not held:
            return 0

        def work(connection: Connection) -> int:
            back = store.release_claims(connection, held, self.holder)
            self._refund(connection, back)
            return back

        return self._write(work)

    def _commit(
        self, connection: Connection, outcomes: list[Outcome], intents: list[Intent]
    ) -> set[tuple[int, str]]:
        now = self.workspace.clock.now()
        intents_store.record(connection, outcomes, now)
        self._refund(connection, sum(one.refund for one in outcomes))
        for one in outcomes:
            if one.suppress is not None:
                suppress(connection, one.suppress, "all", "hard bounce", now)
        return intents_store.intend(connection, intents)

    def _refund(self, connection: Connection, emails: int) -> None:
        """Room in the day's limit; not where it is unclear on which day it was taken."""
        if emails and self._limits.per_day is not None and len(self._days) == 1:
            store.refund(connection, self.account.id, max(self._days), emails)

    def _later(self, row: Claimed, answer: Deferred, now: datetime) -> Outcome:
        """Tried again today, or the planner's again; a fault of the account costs no attempt."""
        if answer.account:
            return Outcome(row.id, row.token, Status.SCHEDULED, error=answer.why, refund=1)
        tomorrow = now.astimezone(self._zone).date() + timedelta(days=1)
        end = datetime.combine(tomorrow, time(0), self._zone)
        at = retry_at(now, row.attempts, row.id, end, ATTEMPTS, answer.retry_after)
        return Outcome(
            row.id,
            row.token,
            Status.SCHEDULED,
            send_at=stamp(at or end),
            error=answer.why,
            back=SkipReason.NONE if at is None else None,
        )

    def _lines(self, outcomes: list[Outcome]) -> Iterator[dict[str, object]]:
        """What the journal notes: emails that left, or may have."""
        now = stamp(self.workspace.clock.now())
        for one in outcomes:
            if one.status in (Status.SENT, Status.IN_DOUBT):
                yield {
                    "schedule_id": one.id,
                    "message_id": one.message_id,
                    "account_id": self.account.id,
                    "outcome": one.status.value,
                    "at": now,
                }

    def _write(self, work: Callable[[Connection], T]) -> T:
        return self.workspace.database.write(work, durable=True)

    def fault(self, why: str) -> None:
        """The account cannot send: it stops until someone has looked."""
        now = self.workspace.clock.now()
        self._write(lambda connection: account_store.note_error(connection, self.account.id, why, now))
