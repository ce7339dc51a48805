"""Moving enrollments on, on both databases: what a pass does, and what it leaves alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from carillon.advance.run import advance
from carillon.advance.turn import MOST_ROUNDS
from carillon.keys import FIRST_OF_SEQUENCES
from carillon.sequences import SequenceSettings
from carillon.store.dispatch import claim
from carillon.store.enrollments import stop
from carillon.store.inboxes import note_read, waiting
from carillon.store.moments import stamp
from carillon.words import ExitReason
from carillon.workspace import Workspace
from tests.contract.conftest import NOW
from tests.contract.outbox import FREE, TODAY, account, contacts, execute, query
from tests.contract.sequence_world import (
    add_sequence,
    emails,
    end_emails,
    enroll,
    history,
    later,
    standing,
    steps,
)

DAYS3: tuple[str, str, dict[str, Any]] = ("wait", "delay", {"amount": 3, "unit": "days"})
HELLO: tuple[str, str, dict[str, Any]] = ("hello", "email", {"template": "one"})
AGAIN: tuple[str, str, dict[str, Any]] = ("again", "email", {"template": "two", "subject": "Still there?"})
SILENT: tuple[Any, ...] = ("silent", "condition", {"when": {"not": "replied"}}, "again", None)


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    """Three contacts of Texas, where there are no windows, and an account."""
    account(workspace)
    contacts(workspace, 1, 2, 3)
    return workspace


def tags(workspace: Workspace) -> list[Any]:
    import json

    rows = query(workspace, "select tags from contacts order by id")
    return [json.loads(row[0]) if isinstance(row[0], str) else row[0] for row in rows]


def test_an_email_waits_for_its_end_and_the_delay_counts_from_it(workspace: Workspace) -> None:
    sequence = add_sequence(workspace, steps(HELLO, DAYS3, AGAIN))
    one, *_ = enroll(workspace, sequence, 1)
    report = advance(workspace)
    assert report.done == {("email", "queued"): 1}
    (mail,) = emails(workspace, one)
    assert (mail["id"], mail["status"], mail["step_key"], mail["send"], mail["send_at"]) == (
        FIRST_OF_SEQUENCES - ((one << 12) | 1), "scheduled", "hello", TODAY, NOW,
    )  # fmt: skip
    assert later(workspace, minutes=1).done == {}
    sent = NOW + timedelta(minutes=7)
    end_emails(workspace, "sent", sent)
    # Two days of an outage: the delay counts from the email, and nothing is lost.
    assert later(workspace, days=2).done == {("email", "sent"): 1}
    assert history(workspace, one) == [("hello", 1, "sent", sent)]
    assert standing(workspace, one) == ("active", "wait", sent + timedelta(days=3), None)
    later(workspace, days=2)
    first, second = emails(workspace, one)
    assert second["parent_id"] == first["id"]
    assert second["email_template"] == "two"
    assert history(workspace, one)[1] == ("wait", 2, "over", sent + timedelta(days=3))


@pytest.mark.parametrize(("status", "outcome"), [("failed", "error"), ("bounced", "bounced")])
def test_an_email_that_cannot_be_ends_the_sequence(workspace: Workspace, status: str, outcome: str) -> None:
    (one,) = enroll(workspace, add_sequence(workspace, steps(HELLO, DAYS3)), 1)
    advance(workspace)
    end_emails(workspace, status, NOW)
    later(workspace, minutes=1)
    assert standing(workspace, one)[::3] == ("exited", outcome)


def test_cancelled_by_a_person_it_goes_on_and_by_a_suppression_it_ends(workspace: Workspace) -> None:
    one, two = enroll(workspace, add_sequence(workspace, steps(HELLO, DAYS3)), 1, 2)
    advance(workspace)
    execute(
        workspace,
        f"update email_schedules set status = 'cancelled' where enrollment_id = {one}",
    )
    execute(
        workspace,
        "update outbox set status = 'cancelled', skip_reason = 'suppressed',"
        f" updated_at = '{stamp(NOW)}' where enrollment_id = {two}",
    )
    later(workspace, minutes=1)
    assert standing(workspace, one)[:2] == ("active", "wait")
    assert standing(workspace, two)[::3] == ("exited", "suppressed")


def test_in_doubt_waits_for_three_days_or_until_settled(workspace: Workspace) -> None:
    one, two = enroll(workspace, add_sequence(workspace, steps(HELLO, DAYS3)), 1, 2)
    advance(workspace)
    end_emails(workspace, "in_doubt", NOW)
    later(workspace, hours=1)
    assert standing(workspace, one)[2] == NOW + timedelta(hours=73)
    later(workspace, hours=71)
    end_emails(workspace, "sent", NOW + timedelta(minutes=2), f"enrollment_id = {two}")
    later(workspace, minutes=1)
    assert standing(workspace, two) == ("active", "wait", NOW + timedelta(days=3, minutes=2), None)
    assert standing(workspace, one)[1] == "hello"
    later(workspace, hours=1)
    assert history(workspace, one)[0] == ("hello", 1, "in_doubt", NOW)
    assert query(workspace, "select 1 from outbox where noticed_at is null") == []


def test_a_second_pass_and_a_second_worker_change_nothing(workspace: Workspace) -> None:
    sequence = add_sequence(workspace, steps(("tag", "action", {"kind": "add_tag", "tag": "a"}), HELLO))
    enroll(workspace, sequence, 1, 2, 3)
    advance(workspace)
    before = query(workspace, "select * from sequence_step_executions order by id")
    assert advance(workspace).done == {}
    assert query(workspace, "select * from sequence_step_executions order by id") == before
    assert tags(workspace) == [["a"]] * 3


def test_as_many_statements_for_a_thousand_as_for_three(workspace: Workspace) -> None:
    contacts(workspace, *range(4, 1004))
    shape = steps(
        ("tag", "action", {"kind": "add_tag", "tag": "a"}),
        ("set", "action", {"kind": "set_attribute", "field": "b", "value": "c"}),
        ("ask", "condition", {"when": {"any": ["replied", {"attribute": {"field": "state", "is": "TX"}}]}},
         "hello", "hello"),
        HELLO,
    )  # fmt: skip
    counts = []
    for name, people in (("few", range(1, 4)), ("many", range(4, 1004))):
        enroll(workspace, add_sequence(workspace, shape, name), *people)
        statements: list[str] = []

        def note(_c: Any, _cursor: Any, statement: str, *_: Any, seen: list[str] = statements) -> None:
            seen.append(statement)

        event.listen(workspace.database.engine, "before_cursor_execute", note)
        advance(workspace)
        event.remove(workspace.database.engine, "before_cursor_execute", note)
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert len(query(workspace, "select 1 from outbox")) == 1003


def test_who_is_to_begin_begins(workspace: Workspace) -> None:
    sequence = add_sequence(workspace, steps(HELLO), status="scheduled")
    start = NOW + timedelta(hours=1)
    execute(workspace, f"update sequences set scheduled_start_at = '{stamp(start)}'")
    one, two = enroll(workspace, sequence, 1, 2, at=start, status="scheduled")
    execute(
        workspace,
        f"update sequence_enrollments set next_action_at = '{stamp(start + timedelta(days=1))}'"
        f" where id = {two}",
    )
    assert advance(workspace).sequences_begun == 0
    report = later(workspace, hours=1)
    assert (report.sequences_begun, report.enrollments_begun) == (1, 1)
    assert standing(workspace, one)[0] == "active"
    assert standing(workspace, two)[0] == "scheduled"
    assert later(workspace, days=1).enrollments_begun == 1


@pytest.mark.parametrize(
    "hold",
    [
        "update sequences set status = 'paused'",
        "update sequence_enrollments set status = 'paused'",
        "update outreach_campaigns set status = 'paused'",
    ],
)
def test_nobody_moves_while_something_is_paused(workspace: Workspace, hold: str) -> None:
    execute(
        workspace,
        "insert into outreach_campaigns (id, name, settings, created_at)"
        f" values (5, 'outreach', '{{}}', '{stamp(NOW)}')",
    )
    enroll(workspace, add_sequence(workspace, steps(HELLO), campaign=5), 1)
    execute(workspace, hold)
    assert advance(workspace).done == {}
    assert query(workspace, "select 1 from outbox") == []


def test_what_ends_while_the_sequence_is_paused_is_noticed_and_waits(workspace: Workspace) -> None:
    (one,) = enroll(workspace, add_sequence(workspace, steps(HELLO, AGAIN)), 1)
    advance(workspace)
    execute(workspace, "update sequences set status = 'paused'")
    end_emails(workspace, "sent", NOW)
    later(workspace, minutes=1)
    assert standing(workspace, one)[:3] == ("active", "again", NOW)
    assert len(emails(workspace, one)) == 1
    execute(workspace, "update sequences set status = 'active'")
    later(workspace, minutes=1)
    assert len(emails(workspace, one)) == 2


def test_no_follow_up_before_the_mailbox_was_read(workspace: Workspace) -> None:
    execute(workspace, "update accounts set inbox = '{}'")
    (one,) = enroll(workspace, add_sequence(workspace, steps(HELLO, DAYS3, SILENT, AGAIN)), 1)
    advance(workspace)
    end_emails(workspace, "sent", NOW)
    due = NOW + timedelta(days=3)
    workspace.database.write(lambda c: note_read(c, 1, ["INBOX"], due - timedelta(minutes=1)))
    assert who_waits(workspace) == {}
    report = later(workspace, days=3, minutes=4)
    assert report.waiting.inbox == 1
    assert who_waits(workspace) == {1: 1}
    execute(workspace, "update sequences set status = 'paused'")
    assert who_waits(workspace) == {}
    execute(workspace, "update sequences set status = 'active'")
    assert standing(workspace, one) == ("active", "silent", due, None)
    workspace.database.write(lambda c: note_read(c, 1, ["INBOX"], due + timedelta(minutes=5)))
    assert who_waits(workspace) == {}
    report = later(workspace, minutes=4)
    assert report.waiting.inbox == 0
    assert len(emails(workspace, one)) == 2
    execute(workspace, "update accounts set inbox = null")


def test_only_who_waits_for_a_mailbox_is_counted(workspace: Workspace) -> None:
    """An email that follows another one waits as well; a condition on something else does not."""
    execute(workspace, "update accounts set inbox = '{}'")
    texas = ("texas", "condition", {"when": {"attribute": {"field": "state", "is": "TX"}}}, "wait", "wait")
    (one,) = enroll(workspace, add_sequence(workspace, steps(HELLO, AGAIN)), 1)
    enroll(workspace, add_sequence(workspace, steps(HELLO, texas, DAYS3), "other"), 2)
    advance(workspace)
    assert who_waits(workspace) == {}, "a first email waits for no answer"
    end_emails(workspace, "sent", NOW)
    assert later(workspace, minutes=1).waiting.inbox == 1
    assert who_waits(workspace) == {1: 1}
    execute(workspace, "update accounts set inbox = null")
    assert who_waits(workspace) == {}
    assert standing(workspace, one)[1] == "again"


def who_waits(workspace: Workspace) -> dict[int, int]:
    with workspace.database.snapshot() as connection:
        return waiting(connection, workspace.clock.now())


def test_an_excluded_day_waits_for_the_first_that_is_not(workspace: Workspace) -> None:
    contacts(workspace, 4, zip_code="90210", birth_date="1960-03-05")
    contacts(workspace, 5, zip_code="90210", birth_date="1960-03-05")
    contacts(workspace, 6, zip_code="10001", birth_date="1960-03-05")
    bold = ("hello", "email", {"template": "one", "respect_exclusion_windows": False})
    (held,) = enroll(workspace, add_sequence(workspace, steps(HELLO)), 4)
    (free,) = enroll(workspace, add_sequence(workspace, steps(bold), "bold"), 5)
    (never,) = enroll(workspace, add_sequence(workspace, steps(HELLO), "shut"), 6)
    advance(workspace)
    (mail,) = emails(workspace, held)
    # California: up to 60 days after the birthday; half past nine stays half past nine.
    assert mail["send_at"] == datetime(2026, 5, 5, 14, 30, tzinfo=UTC)
    assert emails(workspace, free)[0]["send_at"] == NOW
    assert standing(workspace, never)[::3] == ("exited", "excluded")


def test_what_the_dispatcher_finds_excluded_is_put_off(workspace: Workspace) -> None:
    (one,) = enroll(workspace, add_sequence(workspace, steps(HELLO)), 1)
    advance(workspace)
    execute(
        workspace,
        "update contacts set zip_code = '90210', birth_date = '1960-03-05' where id = 1",
    )
    execute(workspace, "update outbox set status = 'skipped', skip_reason = 'birthday_window'")
    later(workspace, minutes=1)
    (mail,) = emails(workspace, one)
    assert (mail["status"], mail["send_at"]) == ("scheduled", datetime(2026, 5, 5, 14, 30, tzinfo=UTC))


def test_who_is_not_to_be_written_to_leaves(workspace: Workspace) -> None:
    one, two, three = enroll(workspace, add_sequence(workspace, steps(HELLO)), 1, 2, 3)
    execute(
        workspace,
        "insert into suppressions (address, scope) values ('person1@example.com', 'marketing')",
    )
    execute(workspace, "update contacts set status = 'opted_out' where id = 2")
    execute(workspace, "update contacts set status = 'bounced' where id = 3")
    advance(workspace)
    reasons = [standing(workspace, each)[3] for each in (one, two, three)]
    assert reasons == ["suppressed", "opted_out", "bounced"]
    assert query(workspace, "select 1 from outbox") == []


def test_an_enrollment_stays_with_its_account_and_new_ones_are_shared(workspace: Workspace) -> None:
    execute(workspace, "update accounts set daily_limit = 10")
    account(workspace, "second", daily_limit=30)
    account(workspace, "other", group="partners")
    contacts(workspace, *range(4, 44))
    found = enroll(workspace, add_sequence(workspace, steps(HELLO, AGAIN)), *range(4, 44))
    advance(workspace)
    shares = dict(query(workspace, "select account_id, count(*) from outbox group by account_id"))  # type: ignore[arg-type]
    assert shares == {1: 10, 2: 30}
    end_emails(workspace, "sent", NOW)
    later(workspace, minutes=1)
    for one in found:
        assert len({mail["account_id"] for mail in emails(workspace, one)}) == 1


def test_without_an_account_it_waits(workspace: Workspace) -> None:
    settings = SequenceSettings(account_group="partners")
    (one,) = enroll(workspace, add_sequence(workspace, steps(HELLO), settings=settings), 1)
    assert advance(workspace).waiting.account == 1
    account(workspace, "other", group="partners")
    assert advance(workspace).done == {("email", "queued"): 1}
    assert emails(workspace, one)[0]["account_id"] == 2


def test_a_stop_before_the_pass_wins_and_one_after_takes_the_email_back(workspace: Workspace) -> None:
    one, two = enroll(workspace, add_sequence(workspace, steps(HELLO, DAYS3)), 1, 2)
    workspace.database.write(lambda c: stop(c, [one], ExitReason.REPLIED, NOW))
    advance(workspace)
    assert emails(workspace, one) == []
    workspace.database.write(lambda c: stop(c, [two], ExitReason.REPLIED, NOW))
    assert emails(workspace, two)[0]["status"] == "cancelled"
    later(workspace, minutes=1)
    assert standing(workspace, two)[::3] == ("exited", "replied")


def test_an_email_that_left_all_the_same_is_in_the_history(workspace: Workspace) -> None:
    (one,) = enroll(workspace, add_sequence(workspace, steps(HELLO, DAYS3)), 1)
    advance(workspace)
    execute(workspace, "update outbox set status = 'processing'")
    workspace.database.write(lambda c: stop(c, [one], ExitReason.REPLIED, NOW))
    execute(
        workspace,
        f"update outbox set status = 'sent', actual_send_datetime = '{stamp(NOW)}'",
    )
    later(workspace, minutes=1)
    assert [done[:3] for done in history(workspace, one)] == [("hello", 1, "sent"), ("hello", 2, "exited")]
    assert standing(workspace, one)[3] == "replied"
    assert query(workspace, "select 1 from outbox where noticed_at is null") == []


def test_entering_and_leaving_other_sequences(workspace: Workspace) -> None:
    other = add_sequence(workspace, steps(DAYS3, HELLO), "other")
    moves = steps(
        ("leave", "action", {"kind": "exit", "sequence": "other"}),
        ("enter", "action", {"kind": "enroll", "sequence": "third"}),
        ("nowhere", "action", {"kind": "enroll", "sequence": "unknown"}),
    )
    add_sequence(workspace, steps(HELLO), "third")
    left = enroll(workspace, other, 1, 2)
    ways = enroll(workspace, add_sequence(workspace, moves, "mover"), 1)
    advance(workspace)
    assert standing(workspace, left[0])[::3] == ("exited", "manual")
    assert standing(workspace, left[1])[0] == "active"
    assert [done[2] for done in history(workspace, ways[0])] == ["done", "done", "failed"]
    rows = query(
        workspace,
        "select e.contact_id, e.current_step from sequence_enrollments e join sequences s"
        " on s.id = e.sequence_id where s.name = 'third'",
    )
    assert rows == [(1, "hello")] or rows == [(1, None)]
    assert len(query(workspace, "select 1 from outbox")) == 1


def test_leaving_a_sequence_in_the_same_page(workspace: Workspace) -> None:
    """Both are due at once, and the one that is left has gone on a step in the meantime."""
    other = add_sequence(workspace, steps(("a", "action", {"kind": "add_tag", "tag": "x"}), HELLO), "other")
    leave = steps(
        ("b", "action", {"kind": "add_tag", "tag": "y"}),
        ("leave", "action", {"kind": "exit", "sequence": "other"}),
    )
    (gone,) = enroll(workspace, other, 1)
    enroll(workspace, add_sequence(workspace, leave, "mover"), 1)
    advance(workspace)
    assert standing(workspace, gone)[::3] == ("exited", "manual")
    assert [mail["status"] for mail in emails(workspace, gone)] == ["cancelled"]


def test_a_step_that_is_not_there_ends_in_words(workspace: Workspace) -> None:
    (one,) = enroll(workspace, add_sequence(workspace, steps(HELLO)), 1)
    execute(workspace, "update sequence_enrollments set current_step = 'gone'")
    advance(workspace)
    assert standing(workspace, one)[::3] == ("exited", "error")


def test_a_long_chain_ends_with_the_next_look(workspace: Workspace) -> None:
    chain = [(f"s{n}", "action", {"kind": "sms", "template": "short"}) for n in range(MOST_ROUNDS * 2 + 5)]
    (one,) = enroll(workspace, add_sequence(workspace, steps(*chain)), 1)
    advance(workspace)
    assert standing(workspace, one)[0] == "completed"
    assert len(history(workspace, one)) == MOST_ROUNDS * 2 + 5


def test_after_an_outage_the_account_keeps_its_pace(workspace: Workspace) -> None:
    execute(workspace, "update accounts set max_per_minute = 6")
    contacts(workspace, *range(4, 104))
    enroll(workspace, add_sequence(workspace, steps(DAYS3, HELLO)), *range(4, 104))
    later(workspace, days=5)
    assert query(workspace, "select count(*) from outbox where status = 'scheduled'") == [(100,)]
    pace = FREE.__class__(interval=10_000_000)
    day = TODAY + 5
    now = workspace.clock.now() + timedelta(seconds=1)
    taken = workspace.database.write(lambda c: claim(c, 1, pace, (day, day), now, f"{'a' * 36}:1", 100))
    assert len(taken) == 1


def test_a_spoilt_sequence_holds_up_nobody_else(workspace: Workspace) -> None:
    spoilt = add_sequence(workspace, steps(HELLO), "spoilt")
    enroll(workspace, spoilt, 1)
    (well,) = enroll(workspace, add_sequence(workspace, steps(HELLO)), 2)
    execute(workspace, f"update sequence_steps set type = 'dance' where sequence_id = {spoilt.id}")
    report = advance(workspace)
    assert list(report.faults) == [f"sequence {spoilt.id}"]
    assert len(emails(workspace, well)) == 1
