"""A day's mail dealt out to relays and mailboxes, beside what is obviously right."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from zoneinfo import ZoneInfo

import pytest

from carillon.accounts import Account
from carillon.campaigns import Instance
from carillon.clock import ManualClock
from carillon.pace.run import ReleaseReport, deal_out
from carillon.store import campaigns
from carillon.store.moments import moment_of
from carillon.workspace import Workspace
from tests.contract.outbox import account, contacts, email, query
from tests.contract.slot_world import given, kinds, mailbox, make_day, planned
from tests.contract.test_sending_day import with_settings
from tests.plan.reference import default_rules, excluded
from tests.plan.reference_facts import Contact

DAY = timedelta(days=1)
HERE = ZoneInfo("America/Chicago")
MORNING = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
"""Half past midnight in Chicago, on a Monday."""
TODAY = MORNING.astimezone(HERE).date()
ZONES = ("America/New_York", "America/Los_Angeles", "Pacific/Auckland", "Europe/Berlin", "Asia/Kolkata")
WORLDS = 40 if os.environ.get("CARILLON_SOAK") else 6


@pytest.fixture
def morning(workspace: Workspace) -> Workspace:
    return replace(workspace, clock=ManualClock(MORNING))


@cache
def born_near_a_window() -> list[str]:
    """Birth dates of Californians who may be written to today, and not on the day before or after."""
    found = []
    for offset in range(366):
        born = (date(1960, 1, 1) + offset * DAY).isoformat()
        who = Contact(1, None, 0, birth_date=born)
        near = [excluded(who, "CA", TODAY + n * DAY, default_rules()) for n in (-1, 0, 1)]
        if near[1] is None and (near[0] or near[2]):
            found.append(born)
    return found


@dataclass
class Wanted:
    """One email of the plan."""

    id: int
    group: str
    rank: tuple[int, int, int]
    zone: str
    born: str | None
    last: int | None

    def may_leave(self, at: datetime) -> bool:
        """On its day here, and on no excluded day there."""
        if at.astimezone(HERE).date() != TODAY:
            return False
        there = at.astimezone(ZoneInfo(self.zone)).date()
        who = Contact(1, None, 0, birth_date=self.born)
        return excluded(who, "CA" if self.born else "TX", there, default_rules()) is None


@dataclass
class World:
    workspace: Workspace
    accounts: list[Account]
    emails: list[Wanted]
    before: dict[tuple[int, datetime], str]
    """Free slots, by account and moment."""


def world(workspace: Workspace, chance: Random) -> World:
    """Random accounts in groups, slots of yesterday, today and tomorrow, and emails."""
    workspace = with_settings(
        workspace, "sending", account_groups={"birthday": chance.choice(["default", "b"])}
    )
    kinds(workspace, 1, 2)
    groups = ["default", "b", "c"]
    accounts = []
    for number in range(chance.randint(2, 6)):
        more = {"group": chance.choice(groups), "timezone": chance.choice([None, *ZONES])}
        if chance.random() < 0.3:
            more["daily_limit"] = chance.randint(1, 6)
        if chance.random() < 0.3:
            accounts.append(account(workspace, f"relay{number}", **more))
            continue
        box = mailbox(workspace, f"box{number}", **more)
        accounts.append(box)
        for day in (TODAY - DAY, TODAY, TODAY + DAY):
            make_day(workspace, box, day, chance.randint(0, 8))
    for number, group in ((1, None), (2, "c")):
        metadata = {} if group is None else {"account_group": group}
        made = Instance(0, "rate_increase", f"Campaign {number}", metadata=metadata)
        workspace.database.write(lambda c, m=made: campaigns.create(c, m, MORNING, "test"))  # type: ignore[misc]
    emails = []
    for one in range(1, chance.randint(5, 60)):
        born = chance.choice([None, chance.choice(born_near_a_window())])
        zone = chance.choice(ZONES)
        columns = {"zip_code": "90210", "birth_date": born} if born else {}
        contacts(workspace, one, timezone=zone, **columns)
        kind, priority = chance.choice([0, 17, 18]), chance.choice([1, 5])
        ideal = (TODAY - date(1970, 1, 1)).days - chance.randint(0, 2)
        group = {0: workspace.settings.sending.account_groups["birthday"], 17: "default", 18: "c"}[kind]
        number = planned(workspace, one, kind=kind, priority=priority, ideal=ideal)
        last = chance.choice([None, chance.choice(accounts).id])
        if last is not None:
            email(workspace, one, id=one, status="sent", send=ideal - 30, account_id=last)
        emails.append(Wanted(number, group, (priority, ideal, number), zone, born, last))
    rows = query(
        workspace, "select account_id, send_at, local_date from send_slots where schedule_id is null"
    )
    free = {(whose, at): day for whose, moment, day in rows if (at := moment_of(moment)) and at >= MORNING}
    return World(workspace, accounts, emails, free)


def check(one: World, report: ReleaseReport) -> None:
    """What must hold of any release."""
    rows = query(one.workspace, "select id, account_id, send_at from outbox where status = 'scheduled'")
    got = {number: (whose, moment_of(at)) for number, whose, at in rows}
    assert report.released == len(got)
    assert report.released + report.no_room == len(one.emails)
    slots = given(one.workspace)
    boxes = {a.id: a for a in one.accounts if a.kind == "mailbox"}
    relays = {a.id: a for a in one.accounts if a.kind == "relay"}
    group_of = {a.id: a.group for a in one.accounts}
    assert set(slots) == {number for number, (whose, _) in got.items() if whose in boxes}
    assert len(set(slots.values())) == len(slots), "a slot was given twice"
    by_day = Counter((whose, one.before[whose, at]) for whose, at in slots.values())
    for (whose, _), n in by_day.items():
        limit = boxes[whose].daily_limit
        assert limit is None or n <= limit
    on_relay = Counter(whose for whose, _ in got.values() if whose in relays)
    for whose, n in on_relay.items():
        assert relays[whose].daily_limit is None or n <= (relays[whose].daily_limit or 0)
    taken = set(slots.values())
    for wanted in one.emails:
        if wanted.id in got:
            assert group_of[got[wanted.id][0]] == wanted.group
        if wanted.id in slots:
            assert wanted.may_leave(slots[wanted.id][1])
            continue
        if wanted.id in got:
            continue
        # Who got nothing could have had nothing: no relay, no free slot, nor that of who comes later.
        for relay in relays.values():
            if relay.group == wanted.group:
                assert relay.daily_limit is not None
                assert on_relay[relay.id] == relay.daily_limit
        for (whose, at), day in one.before.items():
            if group_of[whose] != wanted.group or not wanted.may_leave(at):
                continue
            limit = boxes[whose].daily_limit
            full = limit is not None and by_day[whose, day] >= limit
            assert (whose, at) in taken or full, "a slot was left that somebody wanted"
            if (whose, at) in taken:
                holder = next(e for e in one.emails if slots.get(e.id) == (whose, at))
                assert holder.rank < wanted.rank, "who comes later got the slot"


@pytest.mark.parametrize("seed", range(WORLDS))
def test_a_day_is_dealt_out_as_it_should_be(morning: Workspace, seed: int) -> None:
    one = world(morning, Random(seed))

    def release() -> ReleaseReport:
        return one.workspace.database.write(lambda c: deal_out(c, one.workspace, None))

    report = release()
    check(one, report)
    before = query(one.workspace, "select id, account_id, send_at from outbox order by id")
    again = release()
    assert again.released == 0
    assert query(one.workspace, "select id, account_id, send_at from outbox order by id") == before
