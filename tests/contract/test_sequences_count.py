"""`sequences.count_in_frequency_limit`: the planner and the sequences leave each other room."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import pytest

from carillon.advance.run import advance
from carillon.days import day_number
from carillon.packing import REASON_MASK
from carillon.plan import run as planner
from carillon.send.run import SendReport, dispatch
from carillon.store import templates
from carillon.store.engine import Connection
from carillon.store.moments import stamp
from carillon.templates import Source
from carillon.words import Kind, SkipReason
from carillon.workspace import Workspace
from tests.contract.conftest import NOW
from tests.contract.outbox import TODAY, account, contacts, email, query, states
from tests.contract.sequence_world import add_sequence, emails, enroll, later, steps

HELLO = steps(("hello", "email", {"template": "hello"}))
BIRTHDAY_EMAIL = day_number(date(2026, 3, 6))


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    """A contact of Texas, where there are no windows, whose birthday email goes on 6 March."""
    account(workspace)
    contacts(workspace, 1, birth_date="1980-03-20")

    def work(connection: Connection) -> None:
        made = templates.add(connection, Source("hello", 0, "Hi", None, "Hello"), NOW, "t")
        templates.activate(connection, "hello", made.version, NOW, "t")

    workspace.database.write(work)
    return workspace


def counting(workspace: Workspace) -> Workspace:
    sequences = workspace.settings.sequences.model_copy(update={"count_in_frequency_limit": True})
    return replace(workspace, settings=workspace.settings.model_copy(update={"sequences": sequences}))


def birthday(workspace: Workspace, fresh: bool = False) -> tuple[int, SkipReason]:
    """Plan; the day of the contact's birthday email of this year, and why it is skipped."""
    request = planner.Request(workspace.today(), fresh=fresh)
    planner.run(workspace, request, lambda _s, _d, _t: None, lambda _: None)
    rows = query(workspace, "select id, send, state from plan order by send")
    ((send, state),) = [
        (send, state) for number, send, state in rows
        if (number >> 16) & 16383 == Kind.BIRTHDAY and send < BIRTHDAY_EMAIL + 60
    ]  # fmt: skip
    return int(send), SkipReason(int(state) & REASON_MASK)


def send(workspace: Workspace) -> SendReport:
    return asyncio.run(dispatch(workspace, asyncio.Event(), once=True, local_only=False))


def test_usually_neither_asks_for_the_other(workspace: Workspace) -> None:
    assert birthday(workspace) == (BIRTHDAY_EMAIL, SkipReason.NONE)
    for name in ("one", "two", "three"):
        enroll(workspace, add_sequence(workspace, HELLO, name), 1)
    advance(workspace)
    assert send(workspace).counts == {"sent": 3}
    assert birthday(workspace, fresh=True) == (BIRTHDAY_EMAIL, SkipReason.NONE)


def test_the_plan_leaves_room_for_what_sequences_send(workspace: Workspace) -> None:
    here = counting(workspace)
    assert birthday(here) == (BIRTHDAY_EMAIL, SkipReason.NONE)
    for name in ("one", "two"):
        enroll(here, add_sequence(here, HELLO, name), 1)
    # Scheduled is enough, and the nightly run looks at nobody but those who have changed.
    advance(here)
    assert birthday(here) == (BIRTHDAY_EMAIL, SkipReason.FREQUENCY_LIMIT)
    assert send(here).counts == {"sent": 2}
    assert birthday(here) == birthday(here, fresh=True) == (BIRTHDAY_EMAIL, SkipReason.FREQUENCY_LIMIT)
    assert birthday(workspace) == (BIRTHDAY_EMAIL, SkipReason.NONE), "other rules: everybody anew"


def test_an_email_of_a_sequence_that_is_one_too_many_waits_until_it_is_not(workspace: Workspace) -> None:
    here = counting(workspace)
    for days in (1, 2):
        at = stamp(NOW - timedelta(days=days))
        email(here, 1, id=900 + days, status="sent", send=TODAY - days, actual_send_datetime=at)
    (one,) = enroll(here, add_sequence(here, HELLO), 1)
    advance(here)
    (mail,) = emails(here, one)
    assert send(here).counts == {"skipped": 1}
    later(here, minutes=1)
    (mail,) = emails(here, one)
    assert (mail["status"], mail["send"]) == ("scheduled", TODAY + 1)
    for days in range(1, 12):
        later(here, days=1)
        assert send(here).counts == {"skipped": 1}, days
        later(here, minutes=1)
    later(here, days=1)
    # Fourteen days with no more than two: the one of two days before the first try has fallen out.
    assert send(here).counts == {"sent": 1}
    assert states(here)[mail["id"]] == "sent"
