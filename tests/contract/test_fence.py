"""What stops an email in its last second, and what only holds it up: asked by the claim and the intent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from carillon.clock import monotonic
from carillon.rates import SECOND, Limits
from carillon.send.books import StoreBooks
from carillon.store.dispatch import Outcome
from carillon.words import SkipReason
from carillon.workspace import Workspace
from tests.contract.outbox import (
    HOLDERS,
    TODAY,
    account,
    ask,
    books_of,
    claim,
    contacts,
    email,
    execute,
    prepared,
    query,
    states,
)

MADE = "'2026-01-01T00:00:00.000Z'"
OF_SEQUENCE = -5


def sequence(workspace: Workspace) -> StoreBooks:
    """Contact 1 has an email of a sequence, contact 2 one of a campaign; the books of their account."""
    for statement in (
        f"insert into outreach_campaigns (id, name, status, settings, created_at)"
        f" values (4, 'spring', 'active', '{{}}', {MADE})",
        "insert into sequences (id, name, outreach_campaign_id, status, settings, created_at)"
        f" values (2, 'welcome', 4, 'active', '{{}}', {MADE})",
        "insert into sequence_enrollments (id, sequence_id, contact_id, status, enrolled_at)"
        f" values (3, 2, 1, 'active', {MADE})",
        "insert into campaign_instances (id, campaign_type, instance_name, status)"
        " values (7, 'promo', 'march', 'active')",
    ):
        execute(workspace, statement)
    sender = account(workspace)
    contacts(workspace, 1, 2)
    email(workspace, 1, id=OF_SEQUENCE, enrollment_id=3, email_type="sequence", event=None, priority=None)
    email(workspace, 2, email_type="campaign_promo", campaign_instance_id=7)
    return books_of(workspace, sender)


STOPS = {
    "everyone at the domain": ("insert into suppressions (address, scope) values ('@example.com', 'all')",
                               {"suppressed": (1, 2)}),
    "marketing at the domain": ("insert into suppressions (address, scope) values"
                                " ('@example.com', 'marketing')", {"suppressed": (1, 2)}),
    "another domain": ("insert into suppressions (address, scope) values ('@ample.com', 'all')", {}),
    "the topic": ("insert into suppressions (address, scope) values ('person2@example.com', 'promo')",
                  {"suppressed": (2,)}),
    "the topic of others": ("insert into suppressions (address, scope) values ('@example.com', 'rates')", {}),
    "the enrollment": ("update sequence_enrollments set status = 'exited'", {"enrollment_ended": (1,)}),
    "the enrollment, gone": ("delete from sequence_enrollments", {"enrollment_ended": (1,)}),
}  # fmt: skip


@pytest.mark.parametrize("what", STOPS)
def test_stopped_in_the_last_second(workspace: Workspace, what: str) -> None:
    change, stopped = STOPS[what]
    books = sequence(workspace)
    ready = {one.row.contact_id: one for one in prepared(books)}
    assert set(ready) == {1, 2}
    execute(workspace, change)
    allowed = ask(books, *ready.values())
    wanted = {who: why for why, people in stopped.items() for who in people}
    assert {one.row.contact_id for one in ready.values() if one.row.id in allowed} == {1, 2} - set(wanted)
    refused = [books.refused(ready[who]) for who in wanted]
    books.commit([one for one in refused if one is not None], [])
    found = query(workspace, "select contact_id, status, skip_reason, attempts from outbox")
    assert {row[0]: row[1:] for row in found if row[0] in wanted} == {
        who: ("cancelled", why, 0) for who, why in wanted.items()
    }


def test_what_ended_before_the_claim_is_cancelled_too(workspace: Workspace) -> None:
    """Whatever ended it, its emails do not stay for ever."""
    books = sequence(workspace)
    execute(workspace, "update sequence_enrollments set status = 'completed'")
    ready = {one.row.contact_id: one for one in prepared(books)}
    assert ask(books, ready[1]) == set()
    outcome = books.refused(ready[1])
    assert outcome is not None
    assert outcome.skip_reason == "enrollment_ended"


PAUSES = {
    "account": "update accounts set status = '{}'",
    "campaign": "update campaign_instances set status = '{}'",
    "sequence": "update sequences set status = '{}'",
    "outreach campaign": "update outreach_campaigns set status = '{}'",
    "enrollment": "update sequence_enrollments set status = '{}'",
    "workspace": "update workspace_state set paused_at = {}",
}
HELD = {"account": {1, 2}, "workspace": {1, 2}, "campaign": {2}}


@pytest.mark.parametrize("what", PAUSES)
def test_paused_in_the_last_second_and_resumed(workspace: Workspace, what: str) -> None:
    def put(word: str) -> None:
        moment = MADE if word == "paused" else "null"
        execute(workspace, PAUSES[what].format(moment if what == "workspace" else word))

    held = HELD.get(what, {1})
    books = sequence(workspace)
    ready = {one.row.contact_id: one for one in prepared(books)}
    put("paused")
    allowed = ask(books, *ready.values())
    assert {who for who, one in ready.items() if one.row.id not in allowed} == held
    back = [books.refused(ready[who]) for who in held]
    books.commit([one for one in back if one is not None], [])
    assert {states(workspace)[ready[who].row.id] for who in held} == {"scheduled"}
    assert claim(workspace, f"{HOLDERS[1]}:1") == []
    put("active")
    again = claim(workspace, f"{HOLDERS[1]}:2")
    assert {row.contact_id for row in again} == held
    assert {row.attempts for row in again} == {1}


def test_a_sequence_obeys_windows_and_not_the_planners_frequency_limit(workspace: Workspace) -> None:
    books = sequence(workspace)
    most = workspace.settings.load_balancing.max_emails_per_contact_per_period
    for kind in range(most):
        email(workspace, 1, id=(1 << 31) | kind << 16 | TODAY, kind=kind, status="sent")
    assert {one.row.id for one in prepared(books)} >= {OF_SEQUENCE}
    books.give_back()
    execute(workspace, "update contacts set birth_date = '1960-03-11', zip_code = '90210' where id = 1")
    (skipped,) = (one for one in books.prepare(books.claim(9)) if isinstance(one, Outcome))
    books.commit([skipped], [])
    assert query(workspace, f"select status, skip_reason from outbox where id = {OF_SEQUENCE}") == [
        ("skipped", SkipReason.BIRTHDAY_WINDOW.word)
    ]


# It is 15:30 in UTC, 9:30 in Chicago (the ZIP's), 7:30 in Los Angeles and half past midnight in Tokyo.
QUIET = {
    "by ZIP": ("21:00-08:00", "null", None),
    "its own zone": ("21:00-08:00", "'America/Los_Angeles'", "2026-03-01T16:00:00.000Z"),
    "a zone nobody knows": ("21:00-08:00", "'Mars/Olympus'", None),
    "noon": ("09:00-12:00", "null", "2026-03-01T18:00:00.000Z"),
    "until tomorrow": ("21:00-08:00", "'Asia/Tokyo'", "2026-03-01T23:00:00.000Z"),
    "after the day": ("21:00-15:00", "'Asia/Tokyo'", "plan"),
}


def quiet(workspace: Workspace, hours: str) -> Workspace:
    """The workspace with quiet hours."""
    sending = workspace.settings.sending.model_copy(update={"quiet_hours": hours})
    return replace(workspace, settings=workspace.settings.model_copy(update={"sending": sending}))


@pytest.mark.parametrize("what", QUIET)
def test_quiet_hours_are_the_contacts(workspace: Workspace, what: str) -> None:
    hours, zone, until = QUIET[what]
    sender = account(workspace)
    contacts(workspace, 1)
    email(workspace, 1)
    execute(workspace, f"update contacts set timezone = {zone}")
    books = books_of(quiet(workspace, hours), sender)
    (found,) = books.prepare(books.claim(9))
    assert isinstance(found, Outcome) is (until is not None)
    if isinstance(found, Outcome):
        books.commit([found], [])
        assert claim(workspace, f"{HOLDERS[1]}:1") == []
        if until == "plan":
            assert query(workspace, "select send, state & 15 from plan") == [(TODAY, 0)]
            assert states(workspace) == {}
        else:
            assert (found.send_at, found.refund) == (until, 1)
            assert set(states(workspace).values()) == {"scheduled"}


def test_what_waits_for_its_turn_does_not_leave_in_quiet_hours(workspace: Workspace) -> None:
    sender = account(workspace)
    contacts(workspace, 1)
    email(workspace, 1)
    (ready,) = prepared(books_of(quiet(workspace, "09:32-23:00"), sender))
    assert 100 < ready.lapses - monotonic() <= 120


def test_a_permit_lapses_by_the_databases_clock(workspace: Workspace) -> None:
    """However long a dispatcher stood still: what others were given meanwhile is theirs."""
    sender = account(workspace)
    contacts(workspace, 1, 2)
    numbers = [email(workspace, one) for one in (1, 2)]
    books = books_of(workspace, sender, Limits(interval=SECOND // 10))
    early, late = prepared(books)
    assert early.row.lapses is not None
    assert late.row.lapses == early.row.lapses + SECOND // 10
    assert abs(early.row.lapses / SECOND - datetime.now(UTC).timestamp()) < 30
    early.row.lapses += 60 * SECOND
    late.row.lapses -= 60 * SECOND
    assert ask(books, early, late) == {numbers[0]}
    outcome = books.refused(late)
    assert outcome is not None
    assert (outcome.status, outcome.refund) == ("scheduled", 1)
