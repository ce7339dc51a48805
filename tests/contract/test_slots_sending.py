"""Mailboxes through a day: slots used, missed, given back and taken again."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import Connection

from carillon.advance.run import advance
from carillon.clock import ManualClock
from carillon.days import day_number
from carillon.store import accounts, enrollments, slot_keeping, slot_use, suppressions
from carillon.store.dispatch import Outcome, pause_workspace
from carillon.store.moments import moment_of, stamp
from carillon.store.slot_keeping import keep
from carillon.words import Status, Wait
from carillon.workspace import Workspace
from tests.contract.outbox import (
    books_of,
    contacts,
    email,
    execute,
    prepared,
    query,
)
from tests.contract.sequence_world import add_sequence, enroll, later, steps
from tests.contract.slot_world import given, mailbox, put_slots, slot_states
from tests.contract.statements import answered_by, watched
from tests.contract.test_sending_day import send, template
from tests.contract.test_slots_release import MORNING
from tests.contract.test_slots_release import TODAY as DATE

MINUTE = timedelta(minutes=1)
NINE = MORNING.replace(hour=15, minute=0)
"""In Chicago."""
FIRST = steps(("first", "email", {"template": "plain"}))


@pytest.fixture
def morning(workspace: Workspace) -> Workspace:
    found = replace(workspace, clock=ManualClock(NINE))
    template(found, "plain")
    return found


def slots_at(workspace: Workspace, *minutes: float, sender: int = 1) -> list[datetime]:
    moments = [NINE + one * MINUTE for one in minutes]
    put_slots(workspace, sender, moments, DATE)
    return moments


def waiting(workspace: Workspace, *people: int, **more: object) -> list[int]:
    """Emails of today that want a slot now."""
    contacts(workspace, *people)
    columns = {"send": day_number(DATE), "send_at": stamp(NINE), "email_template": "plain"} | more
    return [email(workspace, one, **columns) for one in people]


def put_in_order(workspace: Workspace) -> None:
    workspace.database.write(lambda c: keep(c, workspace.settings, workspace.clock.now()))


def go_on(workspace: Workspace, minutes: float) -> None:
    workspace.clock.advance(minutes * MINUTE)  # type: ignore[attr-defined]


def slots(workspace: Workspace) -> list[tuple[str, int | None]]:
    """Status and email of each slot, in the order of time."""
    return query(workspace, "select status, schedule_id from send_slots order by send_at")  # type: ignore[return-value]


def left_at(workspace: Workspace) -> list[datetime]:
    rows = query(
        workspace,
        "select actual_send_datetime from outbox where actual_send_datetime is not null"
        " order by actual_send_datetime",
    )
    return [at for (moment,) in rows if (at := moment_of(moment))]


def test_an_email_leaves_at_its_slot_or_up_to_five_minutes_later(morning: Workspace) -> None:
    mailbox(morning)
    slots_at(morning, 10, 20, 30)
    one, two = waiting(morning, 1, 2)
    assert send(morning).waiting == {Wait.NOT_YET_DUE: 2}
    assert [number for _, number in slots(morning)] == [one, two, None]
    go_on(morning, 9.9)
    assert not send(morning).counts
    go_on(morning, 5)
    assert send(morning).counts == {"sent": 1}
    assert slots(morning)[0] == ("sent", one)
    ((sent_at,),) = query(morning, "select sent_at from send_slots where status = 'sent'")
    assert moment_of(sent_at) == morning.clock.now()
    go_on(morning, 10.2)
    assert not send(morning).counts, "five minutes and six seconds are too late"
    assert slots(morning) == [("sent", one), ("skipped", None), ("pending", two)]
    go_on(morning, 5)
    assert send(morning).counts == {"sent": 1}


def test_after_an_outage_nothing_bursts(morning: Workspace) -> None:
    mailbox(morning)
    moments = slots_at(morning, *range(3, 300, 3))
    waiting(morning, *range(1, 13))
    put_in_order(morning)
    go_on(morning, 60)
    for _ in range(12):
        send(morning)
        go_on(morning, 3)
    left = left_at(morning)
    assert len(left) == 12
    assert left[0] == NINE + 60 * MINUTE
    assert min(later - earlier for earlier, later in pairwise(left)) >= 2 * MINUTE
    before = sum(1 for at in moments if at < NINE + 60 * MINUTE)
    assert [status for status, _ in slots(morning)][:before] == ["skipped"] * before


def test_without_slots_it_waits_and_says_so(morning: Workspace) -> None:
    mailbox(morning)
    waiting(morning, 1)
    report = send(morning)
    assert (report.counts, report.waiting) == ({}, {Wait.SLOT: 1})
    slots_at(morning, 30)
    put_in_order(morning)
    assert len(given(morning)) == 1


@pytest.mark.parametrize("how", ["suppressed", "cancelled", "gone", "enrollment"])
def test_what_is_stopped_gives_its_slot_back(morning: Workspace, how: str) -> None:
    mailbox(morning)
    slots_at(morning, 10)
    if how == "enrollment":
        contacts(morning, 1)
        (enrollment,) = enroll(morning, add_sequence(morning, FIRST), 1, at=NINE)
        advance(morning)
    else:
        waiting(morning, 1)
        put_in_order(morning)
    assert len(given(morning)) == 1
    if how == "suppressed":
        address = "person1@example.com"
        morning.database.write(lambda c: suppressions.suppress(c, address, "all", None, NINE))
    elif how == "enrollment":
        morning.database.write(lambda c: enrollments.stop(c, [enrollment], "manual", NINE, "test"))
    elif how == "cancelled":
        execute(morning, "update outbox set status = 'cancelled'")
    else:
        execute(morning, "delete from outbox")
    (other,) = waiting(morning, 2)
    put_in_order(morning)
    assert slots(morning) == [("pending", other)]


def test_what_is_put_off_takes_another_slot_and_the_first_says_why(morning: Workspace) -> None:
    mailbox(morning)
    slots_at(morning, 0, 4, 30)
    (one,) = waiting(morning, 1)
    put_in_order(morning)
    with morning.database.snapshot() as connection:
        books = books_of(morning, accounts.find(connection, "ann"))
    (ready,) = prepared(books)
    again = stamp(NINE + 5 * MINUTE)
    outcome = Outcome(one, ready.row.token, Status.SCHEDULED, send_at=again, error="busy")
    books.commit([], [ready.intent])
    books.commit([outcome], [])
    go_on(morning, 1)
    put_in_order(morning)
    rows = query(
        morning, "select status, schedule_id, retry_count, last_error from send_slots order by send_at"
    )
    assert rows == [("failed", one, 0, "busy"), ("pending", None, 0, None), ("pending", one, 1, None)]


@pytest.mark.parametrize("what", ["account", "workspace"])
def test_a_pause_holds_and_ends_without_a_burst(morning: Workspace, what: str) -> None:
    mailbox(morning)
    slots_at(morning, *range(3, 90, 3))
    waiting(morning, *range(1, 6))
    put_in_order(morning)
    if what == "account":
        execute(morning, "update accounts set status = 'paused'")
    else:
        morning.database.write(lambda c: pause_workspace(c, NINE, "ann"))
    for _ in range(3):
        assert not send(morning).counts
        go_on(morning, 11)
    execute(morning, "update accounts set status = 'active'")
    morning.database.write(lambda c: pause_workspace(c, None, "ann"))
    for _ in range(8):
        send(morning)
        go_on(morning, 3)
    left = left_at(morning)
    assert len(left) == 5
    assert min(later - earlier for earlier, later in pairwise(left)) >= 2 * MINUTE


def test_no_hour_has_more_than_its_limit(morning: Workspace) -> None:
    mailbox(morning, max_per_hour=2)
    slots_at(morning, *range(2, 110, 4))
    waiting(morning, *range(1, 5))
    for _ in range(27):
        send(morning)
        go_on(morning, 4)
    left = left_at(morning)
    assert len(left) == 4
    for at in left:
        assert sum(at <= other < at + 60 * MINUTE for other in left) <= 2


def test_an_email_of_the_planner_finds_another_of_its_group_and_one_of_a_sequence_stays(
    morning: Workspace,
) -> None:
    mailbox(morning)
    mailbox(morning, "bea")
    mailbox(morning, "cid", group="others")
    contacts(morning, 9)
    (enrollment,) = enroll(morning, add_sequence(morning, FIRST), 9, at=NINE)
    execute(morning, "update sequence_enrollments set account_id = 1")
    advance(morning)
    (planned,) = waiting(morning, 1)
    slots_at(morning, 10, 11, sender=2)
    slots_at(morning, 5, sender=3)
    put_in_order(morning)
    assert given(morning) == {planned: (2, NINE + 10 * MINUTE)}
    slots_at(morning, 60)
    put_in_order(morning)
    ((number,),) = query(morning, f"select id from outbox where enrollment_id = {enrollment}")
    assert given(morning)[number] == (1, NINE + 60 * MINUTE)


def test_a_sequence_takes_the_first_slot_from_its_time_on_also_tomorrow(morning: Workspace) -> None:
    mailbox(morning)
    contacts(morning, 1, 2, 3)
    way = steps(("wait", "delay", {"amount": 2, "unit": "hours"}), ("first", "email", {"template": "plain"}))
    sequence = add_sequence(morning, way)
    enroll(morning, sequence, 1, 2, at=NINE)
    slots_at(morning, 60, 119, 121, 24 * 60)
    later(morning, minutes=120)
    found = sorted(at for _, at in given(morning).values())
    assert found == [NINE + 121 * MINUTE, NINE + 24 * 60 * MINUTE]
    days = query(morning, "select send from outbox order by send_at")
    assert days == [(day_number(DATE),), (day_number(DATE) + 1,)], "it is of the day of its slot"
    enroll(morning, sequence, 3, at=NINE)
    advance(morning)
    assert len(given(morning)) == 2
    slots_at(morning, 24 * 60 + 5)
    later(morning, minutes=1)
    assert len(given(morning)) == 3
    assert slot_states(morning)["skipped"] == 1


def test_who_may_not_be_written_to_on_any_day_with_slots_waits_for_another_day(morning: Workspace) -> None:
    """The window was not there when the email was made: the contact has moved."""
    mailbox(morning)
    contacts(morning, 1)
    (one,) = enroll(morning, add_sequence(morning, FIRST), 1, at=NINE)
    advance(morning)
    execute(morning, "update contacts set zip_code = '90210', birth_date = '1960-03-11'")
    slots_at(morning, 10)
    put_in_order(morning)
    assert given(morning) == {}
    advance(morning)
    ((send_day, status),) = query(morning, f"select send, status from outbox where enrollment_id = {one}")
    assert status == "scheduled"
    assert send_day > day_number(DATE) + 30


def test_a_crowd_at_one_mailbox_holds_up_nobody_at_another(
    morning: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot_keeping, "SPARE", 0)
    mailbox(morning)
    mailbox(morning, "bea", group="others")
    waiting(morning, 1, 2, 3, 4, 5, send_at=stamp(NINE - 60 * MINUTE))
    contacts(morning, 9)
    enroll(morning, add_sequence(morning, FIRST), 9, at=NINE)
    execute(morning, "update sequence_enrollments set account_id = 2")
    advance(morning)
    slots_at(morning, 5, sender=2)
    put_in_order(morning)
    assert [whose for whose, _ in given(morning).values()] == [2]


def test_who_gives_slots_is_alone_at_it(morning: Workspace) -> None:
    mailbox(morning)
    slots_at(morning, 5)
    waiting(morning, 1)
    if morning.database.is_sqlite:
        return  # has one writer at a time in any case
    with morning.database.engine.connect() as connection, connection.begin():
        assert slot_use.alone(connection, wait=True)
        put_in_order(morning)
        assert given(morning) == {}
    put_in_order(morning)
    assert len(given(morning)) == 1


def test_a_look_reads_the_slots_to_come_and_not_the_used_ones(morning: Workspace) -> None:
    """After a year there are a hundred used ones for each of them, and there is a look every half minute."""
    if not morning.database.is_sqlite:
        return

    def plans(connection: Connection) -> list[str]:
        with watched(connection) as asked:
            slot_use.settle(connection, NINE, NINE)
        return [answered_by(connection, one, values)[0] for one, values in asked.items()]

    found = morning.database.write(plans)
    assert len(found) == 4
    assert all("send_slots_pending" in one for one in found), found


def test_two_who_give_slots_at_once_give_each_once(morning: Workspace) -> None:
    mailbox(morning)
    mailbox(morning, "bea")
    for sender in (1, 2):
        slots_at(morning, *range(5, 105), sender=sender)
    contacts(morning, *range(1, 151))
    sequence = add_sequence(morning, FIRST)
    enroll(morning, sequence, *range(1, 151), at=NINE)
    faults: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(3):
                advance(morning)
                put_in_order(morning)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not faults
    put_in_order(morning)
    found = given(morning)
    assert len(found) == 150
    assert len(set(found.values())) == 150
