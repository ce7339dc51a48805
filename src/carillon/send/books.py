"""The dispatcher's books of one account: what the engine asks of the store, the templates and the rules.

Every method is one short transaction, or none. What the network said becomes a row here, and nowhere else.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import TypeVar
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from carillon.accounts import Account
from carillon.clock import monotonic
from carillon.columns import Index
from carillon.contact_texts import people_of, zones_of
from carillon.days import day_number
from carillon.limits import QuietHours
from carillon.local_time import day_bounds
from carillon.rates import SECOND, Limits
from carillon.send.engine import Ready
from carillon.send.journal import INTENT, Journal
from carillon.send.outcomes import Deferred, Delivered, Envelope, Rejected
from carillon.send.outcomes import Outcome as Answer
from carillon.send.recheck import Letters, excluded, too_many
from carillon.send.retry import retry_at
from carillon.send.told import ignores_windows
from carillon.store import accounts as account_store
from carillon.store import dispatch as store
from carillon.store import intents as intents_store
from carillon.store.campaigns import campaigns
from carillon.store.dispatch import Claimed, Outcome
from carillon.store.engine import Connection
from carillon.store.intents import Intent
from carillon.store.moments import stamp
from carillon.store.replay import whose_emails
from carillon.store.slot_claims import on_slots
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
        self._slots = on_slots(account, workspace.settings.pacing.missed_slot_minutes)
        self._journal, self._writer = Journal(workspace.folder), workspace.database.writer()
        settings = workspace.settings
        self._windows = Windows(settings.state_rules, settings.timing_constants.pre_window_exclusion_days)
        self._zone = settings.workspace.zone
        quiet = settings.sending.quiet_hours
        self._quiet = None if quiet is None else QuietHours.of(quiet)
        self._claims = 0
        self._days: set[int] = set()
        self._held: set[int] = set()
        self._names: dict[int, str] = {}
        self._noted: set[int] = set()
        """Of these the journal has an intent and not what came of it."""

    # -- before ---------------------------------------------------------------------------------------

    def claim(self, batch: int) -> list[Claimed]:
        now = self.workspace.clock.now()
        zone = ZoneInfo(self.account.timezone) if self.account.timezone else self._zone
        day, today = day_number(now.astimezone(zone).date()), day_number(self.workspace.today())
        self._claims += 1
        token = f"{self.holder}:{self._claims}"
        found = self._write(
            lambda connection: store.claim(
                connection, self.account.id, self._limits, (day, today), now, token, batch, self._slots
            )
        )
        self._days.add(day)
        self._held.update(row.id for row in found)
        return found

    def prepare(self, rows: Sequence[Claimed]) -> list[Ready | Outcome]:
        """Check once more and render; what may not leave becomes an outcome."""
        claimed, now = monotonic(), self.workspace.clock.now()
        with self.workspace.database.snapshot() as connection:
            basis = intents_store.bases(connection, {row.contact_id for row in rows})
            stopped, ends = self._check(connection, [row for row in rows if row.contact_id in basis], now)
            letters = self._render(connection, [row for row in rows if row.id not in stopped], now)
        found: list[Ready | Outcome] = []
        for row in rows:
            letter = letters.get(row.id, "it was not rendered")
            if row.id in stopped:
                found.append(stopped[row.id])
            elif isinstance(letter, str):
                failed = Outcome(row.id, row.token, Status.FAILED, error=letter, refund=1)
                found.append(self._told(row, failed))
            else:
                begin = claimed + row.wait
                end = inf if row.lapses is None else begin + store.LATE / SECOND
                end = min(end, claimed + ends[row.contact_id])
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

    def _check(
        self, connection: Connection, rows: Sequence[Claimed], now: datetime
    ) -> tuple[dict[int, Outcome], dict[int, float]]:
        """Outcomes, by id, of emails that must not leave now; by contact, for how many seconds that holds."""
        if not rows:
            return {}, {}
        local = now.astimezone(self._zone)
        today, midnight = day_number(local.date()), self._tomorrow(now)
        frame = store.checked(connection, {row.contact_id for row in rows})
        people = people_of(frame)
        who: Index = np.searchsorted(people.id, np.array([row.contact_id for row in rows], np.int64))
        lawless = np.array(
            [
                (row.campaign_instance_id in self._lawless and not row.followup) or ignores_windows(row)
                for row in rows
            ]
        )
        counted = self.workspace.settings.sequences.count_in_frequency_limit
        limited = np.array([not row.followup and (counted or row.enrollment_id is None) for row in rows])
        reasons = excluded(people, Letters(who, ~lawless, limited), self._windows, today)
        quiet = self._quiet_until(frame, now)
        silent = np.array([is_quiet for is_quiet, _ in quiet], bool)[who]
        letters = Letters(who, ~lawless, limited & (reasons == 0) & ~silent)
        balance = self.workspace.settings.load_balancing
        sent = store.sent_lately(
            connection, people.id.tolist(), today - balance.period_days, (row.id for row in rows), counted
        )
        crowded = too_many(
            letters,
            np.searchsorted(people.id, sent[0]),
            sent[1],
            today,
            balance.max_emails_per_contact_per_period,
            balance.period_days,
        )
        reasons = np.where(crowded, np.uint8(SkipReason.FREQUENCY_LIMIT), reasons)
        found = {}
        for row, code, place in zip(rows, reasons.tolist(), who.tolist(), strict=True):
            if code:
                why = SkipReason(code)
                found[row.id] = Outcome(
                    row.id, row.token, Status.SKIPPED, skip_reason=why.word, refund=1, back=why
                )
            elif quiet[place][0]:
                found[row.id] = self._put_off(row, quiet[place][1], midnight)
        ends = [(min(change, midnight) - now).total_seconds() for _, change in quiet]
        return found, dict(zip(people.id.tolist(), ends, strict=True))

    def _quiet_until(self, frame: pl.DataFrame, now: datetime) -> list[tuple[bool, datetime]]:
        """For each contact, whether it is quiet there, and when that changes."""
        if self._quiet is None:
            return [(False, self._tomorrow(now))] * len(frame)
        zones = zones_of(frame, self._zone)
        known = {zone: self._quiet.at(now, zone) for zone in set(zones)}
        return [known[zone] for zone in zones]

    def _put_off(self, row: Claimed, until: datetime, midnight: datetime) -> Outcome:
        """Later today, or the planner's again."""
        back = SkipReason.NONE if until >= midnight else None
        return Outcome(row.id, row.token, Status.SCHEDULED, send_at=stamp(until), refund=1, back=back)

    def _tomorrow(self, now: datetime) -> datetime:
        """When the workspace's day ends."""
        return day_bounds(now.astimezone(self._zone).date(), self._zone)[1]

    # -- after ----------------------------------------------------------------------------------------

    def settle(self, ready: Ready, answer: Answer) -> Outcome:
        row, now = ready.row, self.workspace.clock.now()
        if isinstance(answer, Deferred):
            return self._told(row, self._later(row, answer, now))
        found = Outcome(
            row.id,
            row.token,
            Status.IN_DOUBT,
            message_id=ready.envelope.message_id,
            render_hash=ready.render_hash,
        )
        if isinstance(answer, Delivered):
            found.status, found.provider_id, found.sent_at = Status.SENT, answer.provider_id, stamp(now)
        elif isinstance(answer, Rejected):
            found.status, found.error = Status.BOUNCED, answer.why
            found.skip_reason = "blocked" if answer.blocked else None
            found.suppress = ready.address if answer.suppress else None
        else:
            found.error = answer.why
        return self._told(row, found)

    def _told(self, row: Claimed, found: Outcome) -> Outcome:
        """Write into the log what did not simply leave. The server's words, which may name people, stay in
        the email's row."""
        if found.status != Status.SENT:
            what = "deferred" if found.status == Status.SCHEDULED else found.status.value.replace("_", " ")
            ids = {"email": row.id, "contact": row.contact_id, "attempts": row.attempts}
            account, campaign = self.account.name, self._campaign(row.campaign_instance_id)
            self.workspace.log.warning(f"email {what}", **ids, account=account, campaign=campaign)
        return found

    def _campaign(self, number: int | None) -> str | None:
        if number is not None and number not in self._names:
            with self.workspace.database.snapshot() as connection:
                known = campaigns(connection, self.workspace.settings.campaign_types)
            self._names = {one.instance.id: one.instance.name for one in known}
        return None if number is None else self._names.get(number)

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
        noted = self._journal.begin_note(self.workspace.clock.now(), self._lines(outcomes, intents))
        allowed = self._writer.write(lambda connection: self._commit(connection, outcomes, intents, noted))
        self._held.difference_update(one.id for one in outcomes)
        return allowed

    def heartbeat(self) -> None:
        if held := list(self._held):
            self._write(lambda connection: store.heartbeat(connection, held, self.holder))

    def give_back(self) -> int:
        self._writer.close()
        held = list(self._held)
        if not held:
            return 0

        def work(connection: Connection) -> int:
            back = store.release_claims(connection, held, self.holder)
            self._refund(connection, back)
            return back

        return self._write(work)

    def _commit(
        self,
        connection: Connection,
        outcomes: list[Outcome],
        intents: list[Intent],
        noted: Callable[[], None],
    ) -> set[tuple[int, str]]:
        now = self.workspace.clock.now()
        intents_store.record(connection, outcomes, now)
        self._refund(connection, sum(one.refund for one in outcomes))
        for one in outcomes:
            if one.suppress is not None:
                suppress(connection, one.suppress, "all", "hard bounce", now)
        allowed = intents_store.intend(connection, intents)
        noted()  # the journal is on disk before the database is told
        return allowed

    def _refund(self, connection: Connection, emails: int) -> None:
        """Room in the day's limit; not where it is unclear on which day it was taken."""
        if emails and self._limits.per_day is not None and len(self._days) == 1:
            store.refund(connection, self.account.id, max(self._days), emails)

    def _later(self, row: Claimed, answer: Deferred, now: datetime) -> Outcome:
        """Tried again today, or the planner's again; a fault of the account costs no attempt."""
        if answer.account:
            return Outcome(row.id, row.token, Status.SCHEDULED, error=answer.why, refund=1)
        end = self._tomorrow(now)
        at = retry_at(now, row.attempts, row.id, end, ATTEMPTS, answer.retry_after)
        return Outcome(
            row.id,
            row.token,
            Status.SCHEDULED,
            send_at=stamp(at or end),
            error=answer.why,
            back=SkipReason.NONE if at is None else None,
        )

    def _lines(self, outcomes: list[Outcome], intents: list[Intent]) -> Iterator[dict[str, object]]:
        """What the journal notes: emails that may leave from here on, and what came of them."""
        common = {"account_id": self.account.id, "at": stamp(self.workspace.clock.now())}
        for one in outcomes:
            if one.id in self._noted or one.status in (Status.SENT, Status.IN_DOUBT):
                self._noted.discard(one.id)
                told = {"schedule_id": one.id, "message_id": one.message_id, "outcome": one.status.value}
                yield told | common
        # An id that is the planner's says whose email it is; that of a sequence's email does not.
        others = [one.id for one in intents if one.id < 0]
        whose = self._whose(others) if others else {}
        for intent in intents:
            self._noted.add(intent.id)
            told = {"schedule_id": intent.id, "message_id": intent.message_id, "outcome": INTENT}
            yield told | common | whose.get(intent.id, {})

    def _whose(self, ids: list[int]) -> dict[int, dict[str, object]]:
        with self.workspace.database.snapshot() as connection:
            return whose_emails(connection, ids)

    def _write(self, work: Callable[[Connection], T]) -> T:
        return self.workspace.database.write(work, durable=True)

    def fault(self, why: str) -> None:
        """The account cannot send: it stops until someone has looked."""
        now = self.workspace.clock.now()
        self._write(lambda connection: account_store.note_error(connection, self.account.id, why, now))
