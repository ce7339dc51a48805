"""Mailboxes of eight zones through many days: the plan's mail and that of a sequence, by their slots.

The jobs are the real ones, on a clock moved by hand; between them emails are claimed and recorded through the
store as the dispatcher does it, at looks of two minutes, without a network. Some days bring bounces, and one
an outage. What must hold is checked by code of its own. `CARILLON_SOAK=1`: 40 mailboxes and a year.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from carillon.accounts import Account
from carillon.clock import ManualClock
from carillon.days import day_number
from carillon.jobs.simulated import SimulatedRunner
from carillon.jobs.table import JOBS
from carillon.pace.days import look
from carillon.rates import limits_of
from carillon.store import accounts, dispatch, intents
from carillon.store.bulk import insert_rows
from carillon.store.dispatch import Outcome
from carillon.store.moments import moment_of, stamp
from carillon.store.slot_claims import on_slots
from carillon.store.slot_keeping import put_in_order
from carillon.words import Status
from carillon.workspace import Workspace
from carillon.workspace import at as workspace_at
from tests.contract.databases import sqlite_url
from tests.contract.outbox import query
from tests.contract.sequence_world import add_sequence, enroll, steps
from tests.contract.test_sending_day import template, uncapped

SOAK = bool(os.environ.get("CARILLON_SOAK"))
ZONES = ("America/Chicago", "America/New_York", "America/Los_Angeles", "America/Denver", "Europe/London",
         "Europe/Berlin", "Asia/Tokyo", "Pacific/Honolulu")  # fmt: skip
MAILBOXES, DAYS, PEOPLE = (40, 365, 40_000) if SOAK else (8, 8, 80)
JOBS_EVERY = 1 if SOAK else 2
"""Hours."""
START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
"""Midnight in Chicago, on a Monday; clocks are changed on the Sunday."""
HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
LOOK = 2 * MINUTE
DOWN = range(5, 9)
"""Hours after noon in Chicago, of the third day, in which nobody dispatches."""
WARM, BROKEN = "box1", "box2"
"""Of the first some emails come back from the third day on, so that it holds; of the second most."""
WORK = ("plan", "slots", "release", "advance", "warmup")
WAY = steps(
    ("first", "email", {"template": "plain"}),
    ("wait", "delay", {"amount": 2, "unit": "days"}),
    ("second", "email", {"template": "plain"}),
)


@dataclass
class Seen:
    """What was noted on the way, by account."""

    sent: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    ramp: dict[tuple[str, date], int] = field(default_factory=dict)
    """The day of the ramp as it stood at the midnight with which a day began."""
    preview: dict[tuple[str, date], list[datetime]] = field(default_factory=dict)
    """The slots of a day, as they were shown the evening before."""
    bounces: Counter[str] = field(default_factory=Counter)


class Simulation:
    def __init__(self, workspace: Workspace) -> None:
        self.clock = ManualClock(START)
        self.workspace = uncapped(replace(workspace, clock=self.clock))
        self.seen = Seen()
        self._people()
        for number in range(MAILBOXES):
            self._box(number)
        self._token = 0

    def _people(self) -> None:
        template(self.workspace, "plain")
        rows = []
        for one in range(1, PEOPLE + 1):
            # Of half of them the birthday's email is due in these days, of the others some time.
            near = (START.date() + (14 + one % DAYS) * DAY).replace(year=1961)
            born = near if one % 2 else date(1960, 1, 1) + (one * 7 % 365) * DAY
            zip_code = "94102" if one % 5 == 0 else "75201"
            zone = ZONES[one % len(ZONES)]
            rows.append((one, f"p{one}@d{one % 40}.example", zip_code, zone, born.isoformat(), "active"))
        columns = ("id", "email", "zip_code", "timezone", "birth_date", "status")
        self.workspace.database.write(lambda c: insert_rows(c, "contacts", columns, rows))
        sequence = add_sequence(self.workspace, WAY)
        for one in range(1, PEOPLE + 1, 4):
            enroll(self.workspace, sequence, one, at=START + (one % max(1, DAYS - 4)) * DAY)

    def _box(self, number: int) -> None:
        name = f"box{number}"
        made = Account(
            0, name, f"{name}@agency.example", "maildir", {"path": "out"}, kind="mailbox",
            timezone=ZONES[number % len(ZONES)], daily_limit=16, max_per_hour=4, warmup_enabled=True,
            warmup={"start": 3, "step": 2} | ({"pause_bounce_rate": 0.9} if name == WARM else {}),
        )  # fmt: skip
        self.workspace.database.write(lambda c: accounts.create(c, made, START, "test"))

    def run(self) -> None:
        runner = SimulatedRunner(self.workspace, self.clock, [job for job in JOBS if job.name in WORK])
        for hour in range(DAYS * 24):
            end = START + (hour + 1) * HOUR
            self._note()
            if hour % JOBS_EVERY == 0:
                runner.settle()
            if not (hour // 24 == 2 and hour % 24 - 12 in DOWN):
                self._dispatch_until(end)
            self.clock.advance(end - self.clock.now())
        runner.settle()
        put_in_order(self.workspace.database, self.workspace.settings, self.clock.now())

    def _note(self) -> None:
        """At each account's midnight how far it has come, and in its evening what its next day looks like."""
        with self.workspace.database.snapshot() as connection:
            stored = accounts.accounts(connection)
        for one in stored:
            local = self.clock.now().astimezone(ZoneInfo(one.timezone or ""))
            if local.hour == 0:
                self.seen.ramp[one.name, local.date()] = one.warmup_day
            if local.hour == 22:
                day = local.date() + DAY
                view = look(self.workspace, one.name, day)
                self.seen.preview[one.name, day] = [slot.at for slot in view.slots]

    def _dispatch_until(self, end: datetime) -> None:
        """Look every two minutes, as far as there is something to see."""
        while True:
            put_in_order(self.workspace.database, self.workspace.settings, self.clock.now())
            # The plus keeps SQLite to the index of pending slots, of which there are few.
            ((first,),) = query(
                self.workspace,
                "select min(send_at) from send_slots where status = 'pending' and +schedule_id is not null",
            )
            slot = moment_of(first)
            if slot is None:
                return
            looks = -(-(slot - START) // LOOK)
            when = max(START + looks * LOOK, self.clock.now() + LOOK if self._token else self.clock.now())
            if when >= end:
                return
            self.clock.advance(when - self.clock.now())
            now, today = self.clock.now(), day_number(self.workspace.today())
            with self.workspace.database.snapshot() as connection:
                due = dispatch.due_accounts(connection, now, today)
                stored = accounts.accounts(connection)
            for box in stored:
                if box.is_active and box.id in due:
                    self._send(box, now, today)

    def _send(self, box: Account, now: datetime, today: int) -> None:
        day = day_number(now.astimezone(ZoneInfo(box.timezone or "")).date())
        self._token += 1
        token = f"{'a' * dispatch.HOLDER}:{self._token}"
        found = self.workspace.database.write(
            lambda c: dispatch.claim(
                c, box.id, limits_of(box), (day, today), now, token, 100, on_slots(box, 5)
            )
        )
        outcomes = [self._outcome(box.name, row.id, token, now) for row in found]
        self.workspace.database.write(lambda c: intents.record(c, outcomes, now))

    def _outcome(self, name: str, number: int, token: str, now: datetime) -> Outcome:
        self.seen.sent[name].append(now)
        many = {WARM: 3, BROKEN: 6}.get(name, 0)
        if now >= START + 3 * DAY and self.seen.bounces[name] < many:
            self.seen.bounces[name] += 1
            return Outcome(number, token, Status.BOUNCED, error="550 no", sent_at=stamp(now))
        return Outcome(number, token, Status.SENT, sent_at=stamp(now), message_id=f"<{number}@x>")


def test_mailboxes_keep_to_their_days(tmp_path: Path) -> None:
    (tmp_path / "carillon.yaml").write_text(
        f"database: {{url: '{sqlite_url(tmp_path)}'}}\n", encoding="utf-8"
    )
    one = Simulation(workspace_at(tmp_path, {}, ManualClock(START)))
    one.run()
    seen = one.seen
    with one.workspace.database.snapshot() as connection:
        stored = {account.name: account for account in accounts.accounts(connection)}
    assert sum(map(len, seen.sent.values())) > MAILBOXES * DAYS
    for name, account in stored.items():
        zone = ZoneInfo(account.timezone or "")
        by_day = Counter(at.astimezone(zone).date() for at in seen.sent[name])
        worked = 0
        for day in (START.astimezone(zone).date() + n * DAY for n in range(DAYS + 1)):
            ramp = seen.ramp.get((name, day), 1)
            assert ramp <= 1 + worked, "the ramp is ahead of the days that were worked"
            assert by_day[day] <= min(16, 3 + (ramp - 1) * 2), (name, day)
            assert day.weekday() < 5 or not by_day[day]
            worked += bool(by_day[day])
        for at in seen.sent[name]:
            assert sum(at <= other < at + HOUR for other in seen.sent[name]) <= 4, (name, at)
            first, last = at.astimezone(zone), (at - 5 * MINUTE).astimezone(zone)
            assert first.hour >= 9, (name, at)
            assert last.hour < 18, (name, at)
    _previews(one)
    verdicts = dict(query(one.workspace, "select verdict, count(*) from warmup_days group by verdict"))
    assert seen.bounces[WARM] == 3
    assert verdicts["hold"], verdicts
    assert stored[WARM].is_active
    assert not stored[BROKEN].is_active, "most of its emails came back"
    _nothing_waits(one, stored[BROKEN].id)


def _previews(one: Simulation) -> None:
    """What was shown in the evening is what the day had, and what was sent left at its moments."""
    rows = query(
        one.workspace,
        "select a.name, s.local_date, s.send_at from send_slots s join accounts a on a.id = s.account_id",
    )
    days: dict[tuple[str, date], list[datetime]] = defaultdict(list)
    for name, day, at in rows:
        moment = moment_of(at)
        assert moment is not None
        days[name, date.fromisoformat(day)].append(moment)
    compared = [key for key in one.seen.preview if key in days and key[0] != BROKEN]
    assert len(compared) > MAILBOXES
    for key in compared:
        assert one.seen.preview[key] == sorted(days[key]), key
    late = query(
        one.workspace,
        "select s.send_at, o.actual_send_datetime from send_slots s join outbox o on o.id = s.schedule_id"
        " where s.status = 'sent'",
    )
    for slot, sent in late:
        planned, left = moment_of(slot), moment_of(sent)
        assert planned is not None
        assert left is not None
        assert timedelta(0) <= left - planned <= 5 * MINUTE


def _nothing_waits(one: Simulation, paused: int) -> None:
    """Whoever could have been written to for some days was; only who came in the last days still waits."""
    now = one.clock.now()
    old = stamp(now - 4 * DAY)
    waiting = query(
        one.workspace,
        f"select id, account_id, send_at from outbox where status = 'scheduled' and send_at < '{old}'"
        f" and account_id <> {paused}",
    )
    assert not waiting
    today = day_number(one.workspace.today())
    assert not query(one.workspace, f"select id from plan where send < {today} - 1 and state & 15 = 0")
    assert not query(one.workspace, "select id from outbox where status in ('processing', 'failed')")
