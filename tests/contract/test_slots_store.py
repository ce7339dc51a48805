"""Days of slots as they are stored, against the pure ones, on both databases."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest

from carillon.accounts import Account
from carillon.clock import ManualClock
from carillon.errors import InputError
from carillon.pace.brakes import judge_days
from carillon.pace.days import DayView, look, make_days
from carillon.pace.shape import day_of
from carillon.ramp import zone_of
from carillon.store import accounts as account_store
from carillon.store import slots as store
from carillon.words import SlotStatus
from carillon.workspace import Workspace
from tests.contract.lists import execute, query

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = ("America/Chicago", "America/Los_Angeles", "America/St_Johns", "Europe/Berlin", "Asia/Kathmandu",
         "Asia/Tokyo", "Australia/Lord_Howe", "Pacific/Kiritimati")  # fmt: skip


def at(workspace: Workspace, moment: datetime) -> None:
    clock = workspace.clock
    assert isinstance(clock, ManualClock)
    clock.advance(moment - clock.now())


def mailbox(workspace: Workspace, name: str, **fields: object) -> Account:
    account = Account(0, name, f"{name}@example.com", "maildir", kind="mailbox", **fields)  # type: ignore[arg-type]
    return workspace.database.write(lambda c: account_store.create(c, account, workspace.clock.now(), "ann"))


def change(workspace: Workspace, name: str, **fields: object) -> None:
    workspace.database.write(
        lambda c: account_store.change(
            c,
            name,
            lambda old: replace(old, **fields),
            workspace.clock.now(),
            "ann",  # type: ignore[arg-type]
        )
    )


def some_accounts(workspace: Workspace, random: Random) -> list[Account]:
    """One in every zone, no two alike."""
    found = []
    for number, zone in enumerate(ZONES):
        hours = f"{random.randrange(0, 10):02}:30-{random.randrange(12, 24):02}:00"
        found.append(
            mailbox(
                workspace,
                f"box{number}",
                timezone=zone,
                daily_limit=random.choice([None, 3, 25, 200]),
                max_per_hour=random.choice([None, None, 6]),
                warmup_enabled=random.random() < 0.5,
                warmup_day=random.randrange(1, 30),
                holidays=random.choice([None, "US", "DE-BE"]),
                pacing=random.choice([None, {"business_hours": hours}, {"working_days": "sat, sun, mon"}]),
            )
        )
    return found


def stored(workspace: Workspace) -> dict[tuple[int, str], list[tuple[str, str]]]:
    days: dict[tuple[int, str], list[tuple[str, str]]] = {
        (row["account_id"], row["local_date"]): [] for row in query(workspace, "select * from slot_days")
    }
    rows = query(workspace, "select * from send_slots order by account_id, send_at")
    for row in rows:
        days[row["account_id"], row["local_date"]].append((str(row["send_at"]), row["activity_period"]))
    return days


def shown(view: DayView) -> list[tuple[datetime, str]]:
    return [(one.at, one.activity) for one in view.slots]


@pytest.mark.parametrize(
    "begin", [datetime(2026, 3, 7, 2, 6, tzinfo=UTC), datetime(2026, 10, 31, 2, 6, tzinfo=UTC)]
)
def test_what_is_stored_is_the_pure_day_made_once_and_known_the_evening_before(
    workspace: Workspace, begin: datetime
) -> None:
    """Over the nights in which clocks are changed."""
    at(workspace, begin)
    accounts = some_accounts(workspace, Random(begin.month))
    settings = workspace.settings
    evening: dict[tuple[int, date], list[tuple[datetime, str]]] = {}
    seen: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for step in range(16):
        now = workspace.clock.now()
        judge_days(workspace)
        make_days(workspace)
        if step % 5 == 0:
            assert make_days(workspace).days == 0
        days = stored(workspace)
        assert {key: days[key] for key in seen} == seen, "a day is made once"
        seen = days
        for one in accounts:
            today = now.astimezone(zone_of(one, settings)).date()
            assert (one.id, today.isoformat()) in days
            assert (one.id, (today + DAY).isoformat()) in days
            if one.id % 3 == 0:
                key = one.id, today
                found = shown(look(workspace, one.name, today))
                assert evening.get(key, found) == found
                evening[one.id, today + DAY] = shown(look(workspace, one.name, today + DAY))
        at(workspace, now + 2 * HOUR)
    with workspace.database.snapshot() as connection:
        for one in accounts:
            for (account, day), rows in seen.items():
                if account == one.id:
                    # Nobody sent anything: the ramp stands where it stood.
                    pure = day_of(one, settings, date.fromisoformat(day), one.warmup_day)
                    read = store.of_day(connection, account, date.fromisoformat(day))
                    assert [(slot.at, slot.activity) for slot in read] == [(s.at, s.activity) for s in pure]
                    assert len(rows) == len(pure) <= (one.daily_limit or 40)
                    for before, after in pairwise(slot.at for slot in read):
                        assert after - before >= timedelta(seconds=600 if one.max_per_hour else 45)


def test_a_day_that_has_not_begun_follows_what_is_changed_unless_a_slot_is_taken(
    workspace: Workspace,
) -> None:
    at(workspace, datetime(2026, 3, 3, 9, 6, tzinfo=UTC))  # 3:06 in Chicago
    for name in ("free", "taken", "running"):
        mailbox(workspace, name, daily_limit=5)
    make_days(workspace)
    execute(
        workspace, "update send_slots set schedule_id = 7 where account_id = 2 and local_date = '2026-03-03'"
    )
    change(workspace, "free", pacing={"business_hours": "10:00-12:00"})
    change(workspace, "taken", daily_limit=2)
    assert make_days(workspace).as_json() == {"days": 3, "slots": 12, "anew": 3}
    days = {key: len(rows) for key, rows in stored(workspace).items()}
    assert days == {
        (1, "2026-03-03"): 5, (1, "2026-03-04"): 5, (2, "2026-03-03"): 5, (2, "2026-03-04"): 2,
        (3, "2026-03-03"): 5, (3, "2026-03-04"): 5,
    }  # fmt: skip
    assert all(one.at.strftime("%H:%M") >= "10:00" for one in look(workspace, "free", None).slots)
    at(workspace, datetime(2026, 3, 3, 20, 6, tzinfo=UTC))
    before = stored(workspace)
    change(workspace, "running", daily_limit=1)
    assert make_days(workspace).as_json() == {"days": 1, "slots": 1, "anew": 1}
    assert stored(workspace)[3, "2026-03-03"] == before[3, "2026-03-03"]


def test_a_move_to_another_zone_gives_no_instant_twice(workspace: Workspace) -> None:
    box = mailbox(workspace, "box", timezone="America/Chicago", pacing={"min_gap_seconds": 1})
    make_days(workspace)
    change(workspace, "box", timezone="Europe/Berlin")
    at(workspace, workspace.clock.now() + DAY)
    make_days(workspace)
    rows = query(workspace, "select send_at from send_slots")
    assert len({str(row["send_at"]) for row in rows}) == len(rows)
    with workspace.database.snapshot() as connection:
        assert store.counts(connection, [(box.id, date(2026, 3, 3))]) == {
            (box.id, date(2026, 3, 3)): Counter({"pending": 40})
        }


def test_old_days_go_and_an_account_takes_its_days_along(workspace: Workspace) -> None:
    mailbox(workspace, "ann", daily_limit=4)
    mailbox(workspace, "bob", daily_limit=4)
    for _ in range(3):
        make_days(workspace)
        at(workspace, workspace.clock.now() + DAY)
    assert {day for _, day in stored(workspace)} == {f"2026-03-0{n}" for n in range(1, 5)}
    assert workspace.database.write(lambda c: store.forget(c, date(2026, 3, 3))) == 8
    assert {day for _, day in stored(workspace)} == {"2026-03-03", "2026-03-04"}
    workspace.database.write(lambda c: account_store.remove(c, "ann", workspace.clock.now(), "x"))
    assert {account for account, _ in stored(workspace)} == {2}


def test_a_look_at_a_day_tells_what_became_of_it(workspace: Workspace) -> None:
    mailbox(workspace, "ann", daily_limit=3, holidays="US")
    view = look(workspace, "ann", date(2026, 3, 3))
    assert (view.made_at, len(view.slots), view.limit, view.off) == (None, 3, 3, "")
    assert look(workspace, "ann", date(2026, 3, 7)).off == "Saturday is no working day"
    assert look(workspace, "ann", date(2026, 7, 3)).off == "it is a holiday in US"
    assert look(workspace, "ann", date(2026, 2, 25)).slots == ()
    at(workspace, datetime(2026, 3, 3, 14, 0, tzinfo=UTC))
    make_days(workspace)
    execute(workspace, "update send_slots set status = 'sent', retry_count = 1 where id = 1")
    view = look(workspace, "ann", None)
    assert view.made_at == workspace.clock.now()
    assert [one.status for one in view.slots] == [SlotStatus.SENT, SlotStatus.PENDING, SlotStatus.PENDING]
    execute(workspace, "update accounts set kind = 'relay'")
    with pytest.raises(InputError, match=r"is a relay.*--kind mailbox"):
        look(workspace, "ann", None)


def test_figures_that_another_program_stored_are_passed_over(workspace: Workspace) -> None:
    mailbox(workspace, "ann", daily_limit=3)
    cast = "" if workspace.database.is_sqlite else "::jsonb"
    execute(workspace, f"""update accounts set pacing = '{{"periods": 7}}'{cast}, holidays = 'XX'""")
    assert make_days(workspace).days == 2
    assert look(workspace, "ann", date(2026, 3, 2)).pattern == workspace.settings.pacing
