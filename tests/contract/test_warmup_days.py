"""The ramp from day to day and the brakes, on both databases, against an obvious reference."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from carillon.accounts import Account
from carillon.clock import ManualClock
from carillon.days import day_number
from carillon.pace.brakes import brake_relays, judge_days
from carillon.pace.days import look, make_days
from carillon.store import accounts as account_store
from carillon.store import bulk, warmup
from carillon.store.engine import dbapi
from carillon.store.moments import stamp
from carillon.workspace import Workspace
from tests.contract.lists import execute, query
from tests.contract.test_slots_store import at, change, mailbox

DAY = timedelta(days=1)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass
class Book:
    """What one account did, and how the specification would have it go on."""

    zone: ZoneInfo
    sent: list[tuple[datetime, bool]] = field(default_factory=list)
    complaints: list[datetime] = field(default_factory=list)
    ramp: int = 1
    resumed: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    paused: bool = False

    def local(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def judge(self, day: date) -> str:
        first = day - 6 * DAY
        week = [one for one in self.sent if first <= self.local(one[0]) <= day and one[0] >= self.resumed]
        bounced = sum(bounce for _, bounce in week)
        complained = [m for m in self.complaints if first <= self.local(m) <= day and m >= self.resumed]
        if bounced >= 3 and bounced > 0.1 * len(week):
            self.paused = True
            return "pause"
        if complained or (bounced >= 3 and bounced > 0.05 * len(week)):
            return "hold"
        if day.weekday() < 5 and any(self.local(moment) == day for moment, _ in week):
            self.ramp += 1
            return "advance"
        return "idle"


def send(workspace: Workspace, account: int, moment: datetime, status: str = "sent") -> int:
    number = int(query(workspace, "select count(*) as n from outbox")[0]["n"]) + 1
    execute(
        workspace,
        "insert into outbox (id, contact_id, kind, email_type, send, status, account_id,"
        " actual_send_datetime) values (:id, 1, 0, 'birthday', :day, :status, :account, :at)",
        id=number,
        day=day_number(moment.date()),
        status=status,
        account=account,
        at=stamp(moment),
    )
    return number


def complain(workspace: Workspace, email: int, moment: datetime) -> None:
    execute(
        workspace,
        "insert into contact_events (contact_id, event_type, created_at, email_schedule_id)"
        " values (1, 'complained', :at, :email)",
        at=stamp(moment),
        email=email,
    )


def test_each_date_is_judged_once_as_day_by_day_reckoning_has_it(workspace: Workspace) -> None:
    """Four zones, three weeks, mail by chance; nobody looks for some days, and who is paused is resumed."""
    random = Random(5)
    at(workspace, MONDAY)
    zones = ("America/Los_Angeles", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Auckland")
    books = {}
    for number, zone in enumerate(zones):
        box = mailbox(workspace, f"box{number}", timezone=zone, warmup_enabled=True, daily_limit=60)
        books[box.id] = Book(ZoneInfo(zone))
    verdicts: dict[tuple[int, str], str] = {}
    due: dict[int, date] = {}
    for step in range(21 * 4):
        now = workspace.clock.now()
        for account, book in books.items():
            # One spotless, one that bounces now and then, one very much for a week, one complained about.
            for _ in range(random.randrange(3)):
                moment = now - timedelta(minutes=random.randrange(1, 300))
                bounced = random.random() < (0, 0.06, 0.4 if 30 < step < 60 else 0, 0)[account - 1]
                email = send(workspace, account, moment, "bounced" if bounced else "delivered")
                book.sent.append((moment, bounced))
                if account == 4 and random.random() < 0.03:
                    complain(workspace, email, now)
                    book.complaints.append(now)
        if not 40 <= step < 52:  # three days without anybody who looks
            for account, book in books.items():
                ended = book.local(now - timedelta(minutes=5)) - DAY
                day = due.get(account, ended)
                while day <= ended:
                    verdicts[account, day.isoformat()] = book.judge(day)
                    day += DAY
                due[account] = day
            judge_days(workspace)
            assert judge_days(workspace).judged == 0
            known = {row["id"]: row for row in query(workspace, "select * from accounts")}
            for account, book in books.items():
                assert known[account]["warmup_day"] == book.ramp
                assert known[account]["status"] == ("paused" if book.paused else "active")
                if book.paused and step % 4 == 0:
                    change(workspace, f"box{account - 1}", status="active")
                    book.paused, book.resumed = False, now
        at(workspace, now + timedelta(hours=6))
    rows = query(workspace, "select * from warmup_days")
    assert {(row["account_id"], row["local_date"]): row["verdict"] for row in rows} == verdicts
    assert set(verdicts.values()) == {"advance", "hold", "pause", "idle"}


def test_the_slots_of_a_day_use_the_ramp_as_it_stood_at_midnight(workspace: Workspace) -> None:
    """Also where the program was not there at midnight and the day is made after the judgement."""
    at(workspace, datetime(2026, 3, 2, 6, 0, tzinfo=UTC))  # midnight in Chicago
    mailbox(workspace, "ann", warmup_enabled=True)
    numbers = []
    for day in range(4):
        midnight = workspace.clock.now()
        if day != 2:
            make_days(workspace)
        at(workspace, midnight + timedelta(minutes=5))
        judge_days(workspace)
        make_days(workspace)
        numbers.append(len(look(workspace, "ann", None).slots))
        assert look(workspace, "ann", None).limit == numbers[-1]
        send(workspace, 1, midnight + timedelta(hours=10))
        at(workspace, midnight + DAY)
    assert numbers == [5, 5, 7, 9]
    log = query(workspace, "select who, what, after from audit_log where what like '%changed'")
    assert [(row["who"], row["what"]) for row in log] == [("warm-up", "account ann changed")] * 3
    after = log[0]["after"]
    assert (json.loads(after) if isinstance(after, str) else after) == {
        "warmup_day": 2, "why": "1 sent, 0 of 1 bounced"
    }  # fmt: skip


def test_a_pause_says_why_and_what_was_before_a_resume_does_not_count(workspace: Workspace) -> None:
    at(workspace, datetime(2026, 3, 3, 15, tzinfo=UTC))
    box = mailbox(workspace, "ann", warmup_enabled=True)
    for minute in range(10):
        send(
            workspace,
            box.id,
            MONDAY + timedelta(hours=15, minutes=minute),
            "bounced" if minute < 3 else "sent",
        )
    assert judge_days(workspace).as_json() == {"judged": 1, "pause": 1}
    (row,) = query(workspace, "select * from accounts")
    assert (row["status"], row["last_error"]) == (
        "paused", "3 of 10 emails of the last 7 days bounced, more than 10 %"
    )  # fmt: skip
    change(workspace, "ann", status="active", last_error=None)
    at(workspace, datetime(2026, 3, 4, 15, tzinfo=UTC))
    assert judge_days(workspace).as_json() == {"judged": 1, "idle": 1}


def test_days_on_which_warm_up_was_switched_off_do_not_count(workspace: Workspace) -> None:
    at(workspace, datetime(2026, 3, 3, 15, tzinfo=UTC))
    mailbox(workspace, "ann", warmup_enabled=True)
    judge_days(workspace)
    change(workspace, "ann", warmup_enabled=False)
    for _ in range(3):
        send(workspace, 1, workspace.clock.now())
        at(workspace, workspace.clock.now() + DAY)
        assert judge_days(workspace).judged == 0
    change(workspace, "ann", warmup_enabled=True, warmup_day=1)
    assert judge_days(workspace).judged == 1


def relay(workspace: Workspace, name: str) -> Account:
    account = Account(0, name, f"{name}@example.com", "maildir")
    return workspace.database.write(lambda c: account_store.create(c, account, workspace.clock.now(), "ann"))


def test_relays_are_braked_by_bounces_and_by_complaints(workspace: Workspace) -> None:
    now = workspace.clock.now()
    names = ("good", "few", "bounces", "complaints", "old")
    ids = {name: relay(workspace, name).id for name in names}
    execute(workspace, "update accounts set resumed_at = :at where name = 'old'", at=stamp(now))
    bounces = {"good": 2, "few": 2, "bounces": 3, "complaints": 0, "old": 9}
    total = {"good": 59, "few": 3, "bounces": 59, "complaints": 40, "old": 20}
    for name in names:
        for number in range(total[name]):
            moment = now - timedelta(days=number % 6, minutes=5)
            email = send(workspace, ids[name], moment, "bounced" if number < bounces[name] else "sent")
            if name == "complaints" and number == 7:
                complain(workspace, email, now - timedelta(minutes=1))
    assert sorted(brake_relays(workspace)) == ["bounces", "complaints"]
    assert brake_relays(workspace) == []
    known = {row["name"]: row["last_error"] for row in query(workspace, "select * from accounts")}
    assert known == {
        "good": None, "few": None, "old": None,
        "bounces": "3 of 59 emails of the last 7 days bounced, more than 5 %",
        "complaints": "1 of 40 emails of the last 7 days were complained about, more than 0.1 %",
    }  # fmt: skip
    before = send(workspace, ids["complaints"], now - timedelta(minutes=2))
    for name in ("bounces", "complaints"):
        change(workspace, name, status="active", last_error=None)
    clock = workspace.clock
    assert isinstance(clock, ManualClock)
    clock.advance(timedelta(minutes=15))
    # Of what left before the account was resumed nothing counts, however late somebody complains.
    complain(workspace, before, now + timedelta(minutes=5))
    assert brake_relays(workspace) == []
    complain(
        workspace, send(workspace, ids["complaints"], now + timedelta(minutes=6)), now + timedelta(minutes=9)
    )
    assert brake_relays(workspace) == ["complaints"]


def test_one_look_at_many_accounts_is_a_constant_number_of_statements(workspace: Workspace) -> None:
    from sqlalchemy import event

    counts = []
    for total in (2, 30):
        for number in range(total):
            mailbox(workspace, f"box{total}-{number}", warmup_enabled=True)
        seen: list[str] = []
        engine = workspace.database.engine
        event.listen(engine, "before_cursor_execute", lambda *a, seen=seen: seen.append(a[2]))
        at(workspace, workspace.clock.now() + DAY)
        judge_days(workspace)
        make_days(workspace)
        counts.append(len(seen))
    assert counts[1] <= counts[0] + 3


def test_the_spans_of_many_accounts_are_found_by_an_index(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each email of two weeks is looked at: with a scan of 200 spans for each that took minutes."""
    if not workspace.database.is_sqlite:
        return
    plans: list[str] = []

    def explained(connection: Any, columns: Any, rows: Any, rest: str) -> list[Any]:
        statement = f"explain query plan {bulk._with_values(columns, len(rows), rest)}"
        values = [value for row in rows for value in row]
        plans.append(str(dbapi(connection).execute(statement, values).fetchall()))
        return []

    monkeypatch.setattr(warmup, "with_rows", explained)
    now = workspace.clock.now()
    spans = [warmup.Span(number, now - DAY, now - DAY, now) for number in range(200)]
    with workspace.database.snapshot() as connection:
        warmup.done(connection, spans)
    assert "outbox_by_day" in plans[0]
    assert "AUTOMATIC COVERING INDEX (account_id=?)" in plans[0]
