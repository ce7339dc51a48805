"""Claims, intents, outcomes and what is left behind: the statements of the dispatcher, on both databases."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import polars as pl
import pytest

from carillon.errors import InputError, WorkspaceError
from carillon.rates import SECOND, Limits
from carillon.send.again import send_again
from carillon.send.doubt import settle
from carillon.send.outcomes import Deferred, Delivered, Rejected, Unknown
from carillon.store import dispatch, release
from carillon.store.dispatch import Outcome, pause_workspace
from carillon.words import SkipReason, Status
from carillon.workspace import Workspace
from tests.contract.conftest import NOW, MakeWorkspace
from tests.contract.outbox import (
    HOLDERS,
    TODAY,
    account,
    ask,
    books_of,
    claim,
    contacts,
    due,
    email,
    end_leases,
    execute,
    intend,
    prepared,
    query,
    reap,
    record,
    sent,
    states,
)


def test_what_is_due_is_claimed_in_its_order(workspace: Workspace) -> None:
    first, _, third = due(workspace, 3)
    execute(workspace, f"update outbox set send_at = '2026-03-01T15:00:00.000Z' where id = {third}")
    assert [row.id for row in claim(workspace, batch=2)] == [third, first]
    assert [row.attempts for row in claim(workspace, f"{HOLDERS[0]}:2")] == [1]
    assert set(states(workspace).values()) == {"processing"}
    email(workspace, 3, id=9 << 31, send_at="2026-03-01T15:31:00.000Z")
    assert claim(workspace, f"{HOLDERS[0]}:3") == []


def test_mail_of_a_day_that_is_over_does_not_leave_in_the_night(workspace: Workspace) -> None:
    account(workspace)
    contacts(workspace, 1, 2)
    email(workspace, 1, send=TODAY - 1)
    of_sequence = email(workspace, 2, id=-5, send=TODAY - 1, enrollment_id=3)
    assert [row.id for row in claim(workspace)] == [of_sequence]


@pytest.mark.parametrize(
    "pause",
    [
        "update accounts set status = 'paused'",
        "update workspace_state set paused_at = '2026-03-01T00:00:00.000Z'",
        "update campaign_instances set status = 'paused'",
    ],
)
def test_nothing_paused_is_claimed_or_intended(workspace: Workspace, pause: str) -> None:
    execute(
        workspace,
        "insert into campaign_instances (id, campaign_type, instance_name, status)"
        " values (7, 'promo', 'spring', 'active')",
    )
    account(workspace)
    contacts(workspace, 1)
    number = email(workspace, 1, campaign_instance_id=7)
    rows = claim(workspace)
    execute(workspace, pause)
    assert intend(workspace, rows) == set()
    end_leases(workspace)
    reap(workspace)
    assert claim(workspace, f"{HOLDERS[0]}:2") == []
    assert states(workspace) == {number: "scheduled"}


def test_limits_hold_over_claims_and_dispatchers(workspace: Workspace) -> None:
    due(workspace, 30)
    daily = Limits(per_day=7)
    got = [claim(workspace, f"{HOLDERS[place % 2]}:{place}", 3, daily) for place in range(4)]
    assert [len(rows) for rows in got] == [3, 3, 1, 0]
    paced = Limits(interval=SECOND)
    execute(workspace, "delete from rate_state")
    first, second = (
        claim(workspace, f"{HOLDERS[0]}:9", 3, paced),
        claim(workspace, f"{HOLDERS[1]}:9", 9, paced),
    )
    waits = [row.wait for row in first + second]
    assert len(first) == 3
    assert 2 <= len(second) <= 4
    assert all(later - earlier > 0.9 for earlier, later in pairwise([row.wait for row in first]))
    assert max(waits) <= 5.0


def test_a_domain_that_is_used_up_holds_up_nobody_else(workspace: Workspace) -> None:
    numbers = due(workspace, 4)
    execute(workspace, f"update outbox set domain = 'other.example' where id = {numbers[3]}")
    slow = Limits(domain_interval=60 * SECOND)
    assert [row.id for row in claim(workspace, limits=slow)] == [numbers[0], numbers[3]]
    assert claim(workspace, f"{HOLDERS[1]}:1", limits=slow) == []


def test_one_row_is_never_claimed_twice(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace("postgresql")
    numbers = due(workspace, 200)

    def work(place: int) -> list[int]:
        found: list[int] = []
        turn = 0
        while rows := claim(workspace, f"{chr(97 + place) * 36}:{turn}", 7, Limits(per_day=150)):
            found += [row.id for row in rows]
            turn += 1
        return found

    with ThreadPoolExecutor(4) as pool:
        claimed = [number for found in pool.map(work, range(4)) for number in found]
    assert len(claimed) == len(set(claimed)) == 150
    assert set(claimed) <= set(numbers)


def test_claims_come_back_and_with_them_the_room_of_the_day(workspace: Workspace) -> None:
    due(workspace, 5)
    limits = Limits(per_day=5)
    books = books_of(workspace, account(workspace, "second"), limits)
    execute(workspace, "update outbox set account_id = 2")
    ready = prepared(books)
    assert len(ready) == 5
    assert len(ask(books, ready[0])) == 1
    assert books.give_back() == 4
    assert sorted(states(workspace).values()) == ["processing", *["scheduled"] * 4]
    assert {row[0] for row in query(workspace, "select attempts from outbox where status = 'scheduled'")} == {
        0
    }
    assert len(books_of(workspace, books.account, limits).claim(9)) == 4


# ---- intents ----


def test_an_intent_needs_a_living_claim_of_its_own(workspace: Workspace) -> None:
    one, two, three = due(workspace, 3)
    rows = claim(workspace)
    assert intend(workspace, rows[:1], f"{HOLDERS[0]}:2") == set()
    assert intend(workspace, rows[:1]) == {one}
    assert intend(workspace, rows[:1]) == set(), "an intent is given once"
    end_leases(workspace)
    assert intend(workspace, rows[1:]) == set()
    workspace.database.write(lambda c: dispatch.heartbeat(c, [two], HOLDERS[0]))
    assert intend(workspace, rows[1:]) == {two}
    assert query(workspace, f"select message_id from outbox where id = {two}") == [(f"<{two}@x>",)]
    assert query(workspace, f"select message_id from outbox where id = {three}") == [(None,)]


def test_a_claim_that_was_lost_and_made_again_belongs_to_the_second(workspace: Workspace) -> None:
    """Even if it is the same dispatcher: what the first claim still holds must not leave."""
    (number,) = due(workspace, 1)
    books = books_of(workspace, account(workspace, "second"))
    execute(workspace, "update outbox set account_id = 2")
    (old,) = prepared(books)
    end_leases(workspace)
    assert reap(workspace) == (1, 0)
    (new,) = prepared(books)
    assert ask(books, old, new) == {number}
    assert books.refused(old) is None
    books.commit([books.settle(new, Delivered("Q1"))], [])
    assert ask(books, old) == set()
    assert states(workspace) == {number: "sent"}


STOPS: dict[str, tuple[str, str, str | None]] = {
    "suppressed": (
        "insert into suppressions (address, scope) values ('person1@example.com', 'all')",
        "cancelled",
        "suppressed",
    ),
    "opted out": ("update contacts set status = 'opted_out'", "cancelled", "opted_out"),
    "deleted": ("delete from contacts", "cancelled", "opted_out"),
    "birth date": ("update contacts set birth_date = '1960-03-11', zip_code = '90210'", "scheduled", None),
    "address": ("update contacts set email = 'new@example.com'", "scheduled", None),
    "paused": ("update accounts set status = 'paused'", "scheduled", None),
}


@pytest.mark.parametrize("what", STOPS)
def test_what_changes_after_the_last_check_stops_the_intent(workspace: Workspace, what: str) -> None:
    change, status, reason = STOPS[what]
    due(workspace, 1)
    books = books_of(workspace, account(workspace, "second"))
    execute(workspace, "update outbox set account_id = 2")
    (ready,) = prepared(books)
    execute(workspace, change)
    assert ask(books, ready) == set()
    outcome = books.refused(ready)
    assert outcome is not None
    books.commit([outcome], [])
    assert query(workspace, "select status, skip_reason, attempts from outbox") == [(status, reason, 0)]


def test_a_contact_in_a_window_is_skipped_and_the_planners_again(workspace: Workspace) -> None:
    (number,) = due(workspace, 1)
    sender = account(workspace, "second")
    execute(workspace, "update outbox set account_id = 2")
    execute(workspace, "update contacts set birth_date = '1960-03-11', zip_code = '90210'")
    execute(workspace, "delete from changes")
    books = books_of(workspace, sender)
    (skipped,) = books.prepare(books.claim(9))
    assert isinstance(skipped, Outcome)
    books.commit([skipped], [])
    assert query(workspace, "select id, send, state & 15 from plan") == [
        (number, TODAY, int(SkipReason.BIRTHDAY_WINDOW))
    ]
    assert query(workspace, "select distinct contact_id from changes") == [(1,)]
    assert states(workspace) == {}


def test_a_contact_that_is_gone_stops_nobody_else(workspace: Workspace) -> None:
    first, second = due(workspace, 2)
    books = books_of(workspace, account(workspace, "second"))
    execute(workspace, "update outbox set account_id = 2")
    execute(workspace, "delete from contacts where id = 2")
    found = books.prepare(books.claim(9))
    books.commit([one for one in found if isinstance(one, Outcome)], [])
    assert states(workspace) == {first: "processing", second: "failed"}


def test_one_more_than_the_frequency_limit_is_skipped(workspace: Workspace) -> None:
    account(workspace)
    contacts(workspace, 1)
    most = workspace.settings.load_balancing.max_emails_per_contact_per_period
    numbers = [email(workspace, 1, id=(1 << 31) | kind << 16 | TODAY, kind=kind) for kind in range(most + 1)]
    books = books_of(workspace, account(workspace, "second"))
    execute(workspace, "update outbox set account_id = 2")
    # In claims of their own: what is about to leave counts as well.
    found = [one for _ in numbers for one in books.prepare(books.claim(1))]
    assert [one.skip_reason for one in found if isinstance(one, Outcome)] == ["frequency_limit"]


def test_no_intent_without_its_line_on_disk(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = due(workspace, 1)
    books = books_of(workspace, account(workspace, "second"))
    execute(workspace, "update outbox set account_id = 2")
    ready = prepared(books)

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", no_space)
        with pytest.raises(WorkspaceError, match="nothing is sent without it"):
            ask(books, *ready)
    assert query(workspace, "select count(*) from outbox where intent_at is not null") == [(0,)]
    assert ask(books, *ready) == {one}


# ---- outcomes ----


def test_outcomes_are_written_down(workspace: Workspace) -> None:
    numbers = due(workspace, 4)
    books = books_of(workspace, account(workspace, "second"))
    execute(workspace, "update outbox set account_id = 2")
    ready = prepared(books)
    ask(books, *ready)
    answers = (
        Delivered("Q1"),
        Rejected("550 no such user", "5.1.1", suppress=True, blocked=False),
        Deferred("451 later"),
        Unknown("silence"),
    )
    books.commit([books.settle(one, answer) for one, answer in zip(ready, answers, strict=True)], [])
    rows = query(workspace, "select id, status, provider_id, last_error, attempts from outbox order by id")
    assert rows == [
        (numbers[0], "sent", "Q1", None, 1),
        (numbers[1], "bounced", None, "550 no such user", 1),
        (numbers[2], "scheduled", None, "451 later", 1),
        (numbers[3], "in_doubt", None, "silence", 1),
    ]
    ids = [one.envelope.message_id for one in ready]
    assert query(workspace, "select message_id from outbox order by id") == [(one,) for one in ids]
    assert query(workspace, "select address from suppressions") == [("person2@example.com",)]
    (file,) = (workspace.folder / "sent").iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    noted = [(line["schedule_id"], line["message_id"], line["outcome"]) for line in lines]
    assert noted[:4] == [(number, name, "intent") for number, name in zip(numbers, ids, strict=True)]
    assert noted[4:] == [
        (numbers[0], ids[0], "sent"),
        (numbers[1], ids[1], "bounced"),
        (numbers[2], None, "scheduled"),
        (numbers[3], ids[3], "in_doubt"),
    ]


def test_what_is_put_off_all_day_is_the_planners_again(workspace: Workspace) -> None:
    (number,) = due(workspace, 1)
    execute(workspace, "update outbox set account_id = 2, attempts = 4")
    books = books_of(workspace, account(workspace, "second"))
    (ready,) = prepared(books)
    ask(books, ready)
    books.commit([books.settle(ready, Deferred("451 later"))], [])
    assert query(workspace, "select id, send, state & 15, state / 256 from plan") == [(number, TODAY, 0, 5)]
    assert states(workspace) == {}


def test_the_reaper_gives_back_or_doubts_and_a_late_answer_settles(workspace: Workspace) -> None:
    one, two, three = due(workspace, 3)
    rows = claim(workspace)
    intend(workspace, rows[:2])
    assert reap(workspace) == (0, 0)
    end_leases(workspace)
    execute(workspace, "delete from changes")
    assert reap(workspace) == (1, 2)
    assert reap(workspace) == (0, 0)
    assert states(workspace) == {one: "in_doubt", two: "in_doubt", three: "scheduled"}
    assert query(workspace, f"select attempts from outbox where id = {three}") == [(0,)]
    assert sorted(query(workspace, "select contact_id from changes")) == [(1,), (2,)]
    record(workspace, sent(rows[0]), replace(sent(rows[1]), token=f"{HOLDERS[1]}:1"), sent(rows[2]))
    assert states(workspace) == {one: "sent", two: "in_doubt", three: "scheduled"}


@pytest.mark.parametrize(
    ("verdict", "status"), [("sent", "sent"), ("unsent", "failed"), ("resend", "scheduled")]
)
def test_doubts_are_settled_by_people(workspace: Workspace, verdict: str, status: str) -> None:
    (number,) = due(workspace, 1)
    rows = claim(workspace)
    intend(workspace, rows)
    record(workspace, replace(sent(rows[0]), status=Status.IN_DOUBT, sent_at=None))
    if verdict == "resend":
        with pytest.raises(InputError, match="minutes ago"):
            settle(workspace, number, verdict)
        execute(workspace, "update outbox set intent_at = '2020-01-01T00:00:00.000Z'")
    workspace.clock.advance(timedelta(days=1))  # type: ignore[attr-defined]
    settle(workspace, number, verdict)
    assert states(workspace) == {number: status}
    record(workspace, replace(sent(rows[0]), status=Status.BOUNCED))
    assert states(workspace) == {number: status}, "a late answer changes nothing that a person decided"
    assert bool(query(workspace, "select 1 from outbox where actual_send_datetime is not null")) == (
        verdict == "sent"
    )
    with pytest.raises(InputError, match="not in doubt"):
        settle(workspace, number, verdict)
    if verdict == "resend":
        days = (TODAY + 1, TODAY + 1)
        again = workspace.database.write(
            lambda c: dispatch.claim(c, 1, Limits(), days, workspace.clock.now(), f"{HOLDERS[1]}:1", 9)
        )
        assert [row.id for row in again] == [number]


# ---- to and from the plan ----


def plan_row(workspace: Workspace, number: int, state: int) -> None:
    execute(
        workspace,
        f"insert into plan (id, send, ideal, state, run) values ({number}, {TODAY}, {TODAY - 2}, {state}, 4)",
    )


def test_a_follow_up_goes_and_comes_back_with_all_that_is_known_of_it(workspace: Workspace) -> None:
    account(workspace)
    contacts(workspace, 1)
    parent = (1 << 31) | (TODAY - 20)
    number, state = parent | (1 << 30), (5 << 8) | (2 << 5)
    plan_row(workspace, number, state)
    execute(workspace, f"insert into plan_followups (id, metadata) values ({number}, '{{\"tier\": 2}}')")
    execute(
        workspace,
        "insert into plan_kinds (kind, email_type, email_template) values (-3, 'followup_3_hq_no_yes', 'f3')",
    )
    execute(workspace, "delete from changes")
    with workspace.database.snapshot() as connection:
        ids = release.due(connection, TODAY)["id"].to_numpy()

    def go(connection: release.Connection) -> int:
        at = ids * 0 + round(NOW.timestamp() * 1000)
        domain, template = pl.Series(["x.example"]), pl.Series(["f3"])
        choice = ids * 0 - 1
        going = release.Going(ids, ids * 0 + 1, at, domain, template, choice)
        return release.release(connection, going, NOW)

    assert workspace.database.write(go) == 1
    assert query(
        workspace, "select id, parent_id, email_type, email_template, account_id, status, domain from outbox"
    ) == [(number, parent, "followup_3_hq_no_yes", "f3", 1, "scheduled", "x.example")]
    assert query(workspace, "select distinct contact_id from changes") == [(1,)]
    assert query(workspace, "select id from plan") == []

    execute(workspace, "delete from plan_followups")
    assert workspace.database.write(lambda c: release.take_back(c, TODAY)) == 0
    assert workspace.database.write(lambda c: release.take_back(c, TODAY + 1)) == 1
    assert query(workspace, "select id, send, ideal, state from plan") == [(number, TODAY, TODAY - 2, state)]
    ((metadata,),) = query(workspace, "select metadata from plan_followups")
    assert (json.loads(metadata) if isinstance(metadata, str) else metadata) == {"tier": 2}


def test_what_failed_leaves_after_all_when_a_person_wants_it(workspace: Workspace) -> None:
    """Not what is too old, has no account, or belongs to a sequence that has gone on without it."""
    account(workspace)
    contacts(workspace, *range(1, 8))
    failed = {"status": "failed", "send": TODAY - 3, "last_error": "no such template", "attempts": 1}
    mine, other = (email(workspace, one, **failed) for one in (1, 2))
    waits = email(workspace, 3, id=-5, enrollment_id=3, **failed)
    email(workspace, 4, id=-6, enrollment_id=4, noticed_at="2026-02-27T10:00:00.000Z", **failed)
    email(workspace, 5, **(failed | {"send": TODAY - 31}))
    email(workspace, 6, **(failed | {"account_id": None}))
    email(workspace, 7, **(failed | {"status": "sent"}))
    assert claim(workspace) == []
    assert send_again(workspace, TODAY - 30, [mine], "ann") == 1
    (found,) = claim(workspace)
    assert (found.id, found.send, found.attempts) == (mine, TODAY, 2)
    assert send_again(workspace, TODAY - 30, None, "ann") == 2
    assert send_again(workspace, TODAY - 30, None, "ann") == 0
    assert sorted(row.id for row in claim(workspace, f"{HOLDERS[0]}:2")) == [waits, other]
    told = query(
        workspace, "select who, after from audit_log where what = 'failed emails sent again' order by id"
    )
    assert [(who, json.loads(after) if isinstance(after, str) else after) for who, after in told] == [
        ("ann", {"emails": 1, "ids": [mine]}),
        ("ann", {"emails": 2, "ids": [waits, other]}),
    ]


def test_what_was_tried_or_is_in_doubt_is_not_taken_back(workspace: Workspace) -> None:
    one, two, three = due(workspace, 3)
    rows = claim(workspace, batch=2)
    intend(workspace, rows[:1])
    assert workspace.database.write(lambda c: release.take_back(c, TODAY + 5)) == 1
    assert query(workspace, "select id from plan") == [(three,)]
    assert states(workspace) == {one: "processing", two: "processing"}


def test_a_pause_of_the_workspace_comes_and_goes(workspace: Workspace) -> None:
    (number,) = due(workspace, 1)
    workspace.database.write(lambda c: pause_workspace(c, NOW, "ann"))
    assert claim(workspace) == []
    workspace.database.write(lambda c: pause_workspace(c, None, None))
    assert [row.id for row in claim(workspace)] == [number]
