"""The emails of sequences as they leave: whose name, which subject, in one thread."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

from carillon.advance.run import advance
from carillon.clock import ManualClock
from carillon.days import day_number
from carillon.events import Event
from carillon.send.engine import Ready
from carillon.send.run import dispatch
from carillon.store import accounts, templates
from carillon.store.engine import Connection
from carillon.store.event_effects import Rules
from carillon.store.events import apply
from carillon.store.moments import stamp
from carillon.templates import Source
from carillon.words import EventKind, Status
from carillon.workspace import Workspace
from tests.contract.conftest import NOW
from tests.contract.outbox import account, books_of, contacts, execute
from tests.contract.sequence_world import add_sequence, emails, end_emails, enroll, history, later, steps

WAY = steps(
    ("first", "email", {"template": "plain"}),
    ("second", "email", {"template": "plain", "subject": "Re: {{ first_name }}"}),
    ("third", "email", {"template": "named"}),
)


def message_of(workspace: Workspace) -> EmailMessage:
    """The one email that is due now, as a server would be given it."""
    clock = workspace.clock
    assert isinstance(clock, ManualClock)
    clock.advance(timedelta(minutes=1))
    advance(workspace)
    with workspace.database.snapshot() as connection:
        (sender,) = accounts.accounts(connection)
    books = books_of(workspace, sender)
    (ready,) = books.prepare(books.claim(10))
    assert isinstance(ready, Ready), ready
    found = message_from_bytes(ready.envelope.data, policy=policy.default)
    execute(workspace, "update outbox set status = 'scheduled' where status = 'processing'")
    end_emails(workspace, Status.SENT, clock.now())
    message = found["Message-ID"]
    execute(workspace, f"update outbox set message_id = '{message}' where id = {ready.row.id}")
    assert isinstance(found, EmailMessage)
    return found


def test_one_thread_in_the_campaigns_name(workspace: Workspace) -> None:
    account(workspace, display_name="Ann Account")
    contacts(workspace, 1, first_name="Zoe")

    def work(connection: Connection) -> None:
        for name, subject in (("plain", None), ("named", "Named")):
            made = templates.add(
                connection, Source(name, 0, subject, None, "Hello {{ campaign_name }}"), NOW, "t"
            )
            templates.activate(connection, name, made.version, NOW, "t")

    workspace.database.write(work)
    execute(
        workspace,
        "insert into outreach_campaigns (id, name, sender_name, default_subject, settings, created_at)"
        f" values (3, 'Spring outreach', 'Bea Outreach', 'A question', '{{}}', '{stamp(NOW)}')",
    )
    enroll(workspace, add_sequence(workspace, WAY, campaign=3), 1)
    first, second, third = (message_of(workspace) for _ in range(3))
    assert [one["Subject"] for one in (first, second, third)] == ["A question", "Re: Zoe", "Named"]
    assert {one["From"].addresses[0].display_name for one in (first, second, third)} == {"Bea Outreach"}
    assert "Hello Spring outreach" in first.get_content()
    assert first["In-Reply-To"] is None
    assert second["In-Reply-To"] == first["Message-ID"]
    assert third["In-Reply-To"] == second["Message-ID"]
    assert third["References"].split() == [first["Message-ID"], second["Message-ID"]]


def test_an_email_that_left_before_a_restore_is_not_made_again(workspace: Workspace) -> None:
    """The journal put it back; its enrollment stands before the step once more, and takes it as sent."""
    account(workspace)
    contacts(workspace, 1)
    two = steps(("first", "email", {"template": "plain"}), ("second", "email", {"template": "plain"}))
    (one,) = enroll(workspace, add_sequence(workspace, two), 1)
    advance(workspace)
    end_emails(workspace, Status.SENT, NOW)
    (sent,) = emails(workspace, one)
    execute(workspace, "delete from sequence_step_executions")
    execute(
        workspace,
        "update sequence_enrollments set current_step = null, visits = 0, account_id = null,"
        " stepped_at = null, next_action_at = scheduled_start_at",
    )
    for _ in range(2):
        later(workspace, minutes=1)
    found = emails(workspace, one)
    assert [row["step_key"] for row in found] == ["first", "second"]
    assert found[0] == sent
    assert [row[2] for row in history(workspace, one)] == ["sent"]


def test_who_has_no_name_is_not_called_by_the_address_twice(workspace: Workspace) -> None:
    sender = account(workspace, display_name=None)
    contacts(workspace, 1)
    enroll(workspace, add_sequence(workspace, steps(("first", "email", {"template": "plain"}))), 1)

    def work(connection: Connection) -> None:
        made = templates.add(connection, Source("plain", 0, "Hello", None, "A word"), NOW, "t")
        templates.activate(connection, "plain", made.version, NOW, "t")

    workspace.database.write(work)
    (written,) = message_of(workspace)["From"].addresses
    assert (written.display_name, written.addr_spec) == ("", sender.address)


def test_what_an_absence_puts_off_into_a_window_leaves_behind_it(workspace: Workspace) -> None:
    account(workspace)
    # California: from 90 days before the birthday, 10 March, to 60 days after it, 7 August.
    contacts(workspace, 1, zip_code="90210", state="CA", birth_date="1960-06-08")
    workspace.database.write(
        lambda c: templates.activate(
            c, "plain", templates.add(c, Source("plain", 0, "Hi", None, "Hello"), NOW, "t").version, NOW, "t"
        )
    )
    (one,) = enroll(workspace, add_sequence(workspace, WAY[:1]), 1)
    advance(workspace)
    away = Event(EventKind.AUTO_REPLIED, "imap", "1", NOW, contact=1, back_on=date(2026, 3, 16))
    rules = Rules.of(workspace.settings)
    assert workspace.database.write(lambda c: apply(c, [away], NOW, rules)).new
    (mail,) = emails(workspace, one)
    assert (mail["send"], mail["send_at"]) == (day_number(date(2026, 3, 17)), later_by(16))
    workspace.clock.advance(timedelta(days=16))  # type: ignore[attr-defined]
    report = asyncio.run(dispatch(workspace, asyncio.Event(), once=True, local_only=False))
    assert report.counts == {"skipped": 1}
    later(workspace, minutes=1)
    (mail,) = emails(workspace, one)
    assert (mail["status"], mail["send"]) == ("scheduled", day_number(date(2026, 8, 8)))


def later_by(days: int) -> datetime:
    """So many days later, at the same time on the clocks of Chicago, where summer time has begun."""
    found = NOW + timedelta(days=days, hours=-1)
    assert found.tzinfo is UTC
    return found
