"""What follows from events, on both databases: once, in any order, and for many at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from carillon.days import day_number
from carillon.events import Event
from carillon.keys import CONTACT_SHIFT
from carillon.store import correspondence
from carillon.store import events as events_store
from carillon.store.bulk import insert_rows
from carillon.store.engine import Connection
from carillon.store.event_effects import Rules
from carillon.store.event_stops import public_domains
from carillon.store.events import NOBODY, Applied, apply
from carillon.store.moments import moment_of, stamp
from carillon.words import Bounce, EventKind, Status
from carillon.workspace import Workspace
from tests.contract.conftest import NOW
from tests.contract.outbox import TODAY, account, claim, contacts, email, execute, intend, query, states

SENT = {"status": "sent", "actual_send_datetime": stamp(NOW - timedelta(hours=2)), "message_id": "<1@x>"}


def happen(workspace: Workspace, *events: Event, now: datetime = NOW) -> Applied:
    return workspace.database.write(lambda connection: apply(connection, events, now))


def event(kind: str, schedule: int | None = None, key: str = "", **more: Any) -> Event:
    return Event(kind, "imap", key or f"{kind} {schedule}", NOW, schedule=schedule, **more)


def hard(schedule: int, **more: Any) -> Event:
    return event(EventKind.BOUNCED, schedule, bounce=Bounce.HARD, **more)


def soft(schedule: int) -> Event:
    return event(EventKind.BOUNCED, schedule, bounce=Bounce.SOFT)


def suppressed(workspace: Workspace) -> set[tuple[str, str]]:
    return {(row[0], row[1]) for row in query(workspace, "select address, scope from suppressions")}


def stored(workspace: Workspace) -> list[str]:
    return [row[0] for row in query(workspace, "select event_type from contact_events order by event_type")]


@pytest.fixture
def sent(workspace: Workspace) -> int:
    """The email that was sent to contact 1; contact 2 has one, too."""
    account(workspace)
    contacts(workspace, 1, 2)
    email(workspace, 2, **SENT)
    return email(workspace, 1, **SENT)


# ---- storing ----


def test_an_event_is_stored_once_with_what_was_received(workspace: Workspace, sent: int) -> None:
    raw = b"\x00what came\xff"
    reply = event(EventKind.REPLIED, sent, raw=raw, data={"text": "yes\0 \ud800", "n": float("nan")})
    away = event(EventKind.AUTO_REPLIED, sent, raw=raw)
    first = happen(workspace, reply, away, reply)
    assert (len(first.new), first.repeated, first.unmatched) == (2, 1, 0)
    assert dict(first.kinds) == {"replied": 1, "auto_replied": 1}
    again = happen(workspace, reply, away)
    assert (again.new, again.repeated) == ((), 2)
    rows = query(
        workspace,
        "select e.contact_id, e.email_schedule_id, e.source, r.content from contact_events e"
        " join raw_messages r on r.id = e.raw_id",
    )
    assert [(row[0], row[1], row[2], bytes(row[3])) for row in rows] == [(1, sent, "imap", raw)] * 2
    assert len(query(workspace, "select id from raw_messages")) == 1


def test_what_another_stored_a_moment_ago_counts_once(
    workspace: Workspace, sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    click = event(EventKind.CLICKED, sent, data={"url": "https://a.example"})
    happen(workspace, click)
    monkeypatch.setattr(events_store, "_forget_known", lambda _connection: 0)
    done = happen(workspace, click)
    assert (done.new, done.repeated) == ((), 1)
    assert len(query(workspace, "select id from tracking_clicks")) == 1


def test_whom_an_event_concerns(workspace: Workspace, sent: int) -> None:
    other = event(EventKind.CLICKED, None, "c", contact=2, data={"url": "https://a.example"})
    by_address = event(EventKind.OPENED, None, "a", address="PERSON2@example.com ")
    moved = replace(event(EventKind.OPENED, sent, "m"), contact=99)
    nobody = [
        event(EventKind.OPENED, None, "1"),
        event(EventKind.OPENED, None, "2", contact=99),
        event(EventKind.OPENED, 12345, "3"),
        event(EventKind.OPENED, None, "4", address="who@example.com"),
        hard(12345, address="person2@example.com"),
        event(EventKind.ELIGIBILITY_ANSWERED, None, "5", address="who@example.com"),
    ]
    execute(workspace, "delete from changes")
    done = happen(workspace, other, by_address, moved, *nobody)
    assert done.unmatched == len(nobody)
    assert query(workspace, "select dedupe_key, contact_id from contact_events order by dedupe_key") == [
        ("a", 2), ("c", 2), ("m", 1),
    ]  # fmt: skip
    assert suppressed(workspace) == set()
    assert query(workspace, "select contact_id from changes where contact_id = 0") == []


def test_a_provider_may_name_an_address_that_is_no_contacts(workspace: Workspace) -> None:
    gone = event(EventKind.BOUNCED, None, "b", address="Gone@Example.com", bounce=Bounce.HARD)
    assert happen(workspace, gone).suppressed == 1
    assert happen(workspace, gone).repeated == 1
    assert suppressed(workspace) == {("gone@example.com", "all")}
    assert query(workspace, "select contact_id from contact_events") == [(NOBODY,)]


def test_health_answers_are_kept_nowhere_else(workspace: Workspace, sent: int) -> None:
    execute(workspace, "delete from changes")
    answer = event(EventKind.ELIGIBILITY_ANSWERED, sent, data={"has_medical_conditions": True}, raw=b"yes")
    assert b"yes" not in repr(answer).encode()
    happen(workspace, answer)
    assert query(workspace, "select content from raw_messages") == []
    assert {row[0] for row in query(workspace, "select contact_id from changes")} == {1}


# ---- how emails stand ----


@pytest.mark.parametrize(
    ("before", "kind", "after"),
    [
        ("sent", EventKind.DELIVERED, "delivered"),
        ("sent", EventKind.BOUNCED, "bounced"),
        ("sent", EventKind.REPLIED, "sent"),
        ("delivered", EventKind.BOUNCED, "bounced"),
        ("delivered", EventKind.OPENED, "delivered"),
        ("bounced", EventKind.DELIVERED, "bounced"),
        ("in_doubt", EventKind.BOUNCED, "bounced"),
        ("in_doubt", EventKind.DELAYED, "sent"),
        ("in_doubt", EventKind.REPLIED, "sent"),
        ("in_doubt", EventKind.DELIVERED, "delivered"),
        ("in_doubt", EventKind.UNKNOWN, "in_doubt"),
        ("in_doubt", "a_word_of_ours", "in_doubt"),
        ("in_doubt", EventKind.SMS_DELIVERED, "in_doubt"),
        ("scheduled", EventKind.OPENED, "sent"),
        ("processing", EventKind.BOUNCED, "bounced"),
        ("failed", EventKind.CLICKED, "sent"),
        ("cancelled", EventKind.REPLIED, "sent"),
        ("skipped", EventKind.REPLIED, "skipped"),
    ],
)
def test_what_an_event_proves_of_its_email(workspace: Workspace, before: str, kind: str, after: str) -> None:
    account(workspace)
    contacts(workspace, 1)
    number = email(workspace, 1, **SENT | {"status": before})
    happen(workspace, event(kind, number))
    assert states(workspace) == {number: after}


def test_what_was_never_tried_is_not_proven_sent(workspace: Workspace) -> None:
    account(workspace)
    contacts(workspace, 1)
    number = email(workspace, 1)
    happen(workspace, event(EventKind.OPENED, number))
    assert states(workspace) == {number: "scheduled"}


def test_an_email_that_came_back_while_it_is_sent_again_is_not_sent_again(workspace: Workspace) -> None:
    account(workspace)
    contacts(workspace, 1)
    number = email(workspace, 1, message_id="<1@x>")
    (row,) = claim(workspace)
    happen(workspace, event(EventKind.REPLIED, number))
    assert intend(workspace, [row]) == set()
    assert states(workspace) == {number: "sent"}


# ---- suppression ----


@pytest.mark.parametrize(
    ("made", "scope"),
    [
        (hard(0), "all"),
        (event(EventKind.COMPLAINED), "all"),
        (event(EventKind.UNSUBSCRIBED), "marketing"),
        (event(EventKind.OPTED_OUT), "marketing"),
        (soft(0), None),
        (event(EventKind.BOUNCED, bounce=Bounce.BLOCKED), None),
        (event(EventKind.DELAYED), None),
        (event(EventKind.REPLIED), None),
    ],
)
def test_who_is_written_to_no_more(workspace: Workspace, sent: int, made: Event, scope: str | None) -> None:
    waiting = email(workspace, 1, id=5)
    notice = email(workspace, 1, id=6, email_type="campaign_regulatory_notice")
    happen(workspace, replace(made, schedule=sent, contact=None))
    assert suppressed(workspace) == ({("person1@example.com", scope)} if scope else set())
    now = states(workspace)
    assert now[waiting] == ("cancelled" if scope else "scheduled")
    assert now[notice] == ("cancelled" if scope == "all" else "scheduled")


@pytest.mark.parametrize(
    ("now", "named", "suppresses"),
    [
        ("person1@example.com", "person1@example.com", True),
        ("person1@example.com", "PERSON1@Example.com", True),
        ("person1@example.com", None, True),
        ("person1@example.com", "hidden@far.example", True),
        ("corrected@example.com", "person1@example.com", False),
        ("corrected@other.example", "person1@example.com", False),
        ("corrected@other.example", None, False),
        (None, "person1@example.com", False),
    ],
)
def test_a_corrected_address_is_not_blamed(
    workspace: Workspace, sent: int, now: str | None, named: str | None, suppresses: bool
) -> None:
    given = "null" if now is None else f"'{now}'"
    execute(workspace, f"update contacts set email = {given} where id = 1")
    happen(workspace, hard(sent, address=named))
    assert suppressed(workspace) == ({(now, "all")} if suppresses else set())
    assert states(workspace)[sent] == "bounced"


def test_soft_bounces_count_only_in_a_row(workspace: Workspace) -> None:
    account(workspace)
    contacts(workspace, 1)
    ids = [
        email(workspace, 1, id=n, **SENT | {"actual_send_datetime": stamp(NOW - timedelta(days=30 - n))})
        for n in range(1, 8)
    ]
    for number in (ids[0], ids[1], ids[3], ids[5], ids[6]):
        happen(workspace, soft(number))
    happen(workspace, event(EventKind.DELIVERED, ids[4]))
    assert suppressed(workspace) == set()
    happen(workspace, soft(ids[2]))
    assert query(workspace, "select address, scope, reason from suppressions") == [
        ("person1@example.com", "all", "3 soft bounces in a row")
    ]


@pytest.mark.parametrize(("limit", "reason"), [(1, "soft bounce"), (2, "2 soft bounces in a row")])
def test_how_many_soft_bounces_count_is_said(workspace: Workspace, limit: int, reason: str) -> None:
    account(workspace)
    contacts(workspace, 1)
    for number in range(1, limit + 1):
        assert suppressed(workspace) == set()
        email(workspace, 1, id=number, **SENT)
        workspace.database.write(lambda c, number=number: apply(c, [soft(number)], NOW, Rules(limit)))  # type: ignore[misc]
    assert query(workspace, "select address, reason from suppressions") == [("person1@example.com", reason)]


def test_stop_by_sms_ends_sms_and_nothing_else(workspace: Workspace, sent: int) -> None:
    execute(workspace, f"update contacts set phone_number = '+15550100001', sms_consent_at = '{stamp(NOW)}'")
    enrolled(workspace, 1, 1)
    waiting = email(workspace, 1, id=7)
    sms = email(workspace, 1, id=8, channel="sms", parent_id=sent)
    kind = EventKind.SMS_OPTED_OUT
    stops = [
        Event(kind, "twilio", "SM1:received:stop", NOW, address="+15550100001"),
        Event(kind, "twilio", "SM1:received:1", NOW, contact=1, data={"text": "STOP"}),
    ]
    first = happen(workspace, *stops)
    assert (len(first.new), first.suppressed, first.stopped) == (2, 1, 0)
    assert happen(workspace, *stops).repeated == 2
    consents = query(workspace, "select id, sms_consent_at is null from contacts order by id")
    assert [(number, bool(none)) for number, none in consents] == [(1, True), (2, False)]
    assert query(workspace, "select address, scope, reason from suppressions") == [
        ("+15550100001", "all", "opted out by SMS")
    ]
    assert (states(workspace)[sms], states(workspace)[waiting]) == ("cancelled", "scheduled")
    assert query(workspace, "select contact_id, event_type from contact_events order by contact_id") == [
        (NOBODY, kind), (1, kind),
    ]  # fmt: skip


def test_only_people_click(workspace: Workspace, sent: int) -> None:
    data = {"url": "https://a.example", "ip": "10.0.0.1", "user_agent": "Firefox"}
    click = event(EventKind.CLICKED, sent, "1", data=data)
    happen(workspace, click, replace(click, key="2", automatic=True), click)
    rows = query(workspace, "select contact_id, email_schedule_id, url, ip_address from tracking_clicks")
    assert rows == [(1, sent, "https://a.example", "10.0.0.1")]
    assert len(stored(workspace)) == 2


# ---- sequences ----


def enrolled(workspace: Workspace, number: int, contact: int, settings: str = "{}", **more: Any) -> None:
    """Enrollment `number` of a contact in a sequence of the same number, or another."""
    row = {"sequence_id": number, "status": "active", "next_action_at": stamp(NOW)} | more
    execute(
        workspace,
        "insert into sequences (id, name, status, settings, version, created_at)"
        f" values ({row['sequence_id']}, 'S{row['sequence_id']}', 'active', '{settings}', 1, '{stamp(NOW)}')"
        " on conflict do nothing",
    )
    columns = ("id", "contact_id", "enrolled_at", *row)

    def work(connection: Connection) -> None:
        values = (number, contact, stamp(NOW), *row.values())
        insert_rows(connection, "sequence_enrollments", columns, [values])

    workspace.database.write(work)


def ways(workspace: Workspace) -> dict[int, str | None]:
    """Why each enrollment ended; None: it did not."""
    rows = query(workspace, "select id, status, exit_reason from sequence_enrollments")
    return {row[0]: row[2] if row[1] == "exited" else None for row in rows}


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        (EventKind.REPLIED, "stop_on_reply"),
        (EventKind.BOUNCED, "stop_on_bounce"),
        (EventKind.COMPLAINED, "stop_on_complaint"),
        (EventKind.UNSUBSCRIBED, "stop_on_unsubscribe"),
        (EventKind.OPTED_OUT, "stop_on_opt_out"),
    ],
)
def test_each_sequence_says_what_ends_it(workspace: Workspace, sent: int, kind: str, setting: str) -> None:
    enrolled(workspace, 1, 1)
    enrolled(workspace, 2, 1, f'{{"{setting}": false}}')
    enrolled(workspace, 3, 2)
    enrolled(workspace, 4, 1, status="completed")
    done = happen(workspace, event(kind, sent))
    assert (done.stopped, ways(workspace)) == (1, {1: str(kind), 2: None, 3: None, 4: None})
    assert happen(workspace, event(kind, sent)).stopped == 0


def test_whoever_shares_a_suppressed_address_is_stopped_too(workspace: Workspace, sent: int) -> None:
    contacts(workspace, 7, external_id="x7")
    execute(workspace, "update contacts set email = 'Person1@example.com' where id = 7")
    enrolled(workspace, 1, 7)
    happen(workspace, event(EventKind.REPLIED, sent))
    assert ways(workspace) == {1: None}
    happen(workspace, event(EventKind.COMPLAINED, sent))
    assert ways(workspace) == {1: "complained"}


def test_a_reply_can_stop_a_company_but_no_neighbours_at_a_mail_provider(workspace: Workspace) -> None:
    account(workspace)
    contacts(workspace, 1, 2, 3, 4, 5)
    places = {1: "firm.example", 2: "FIRM.example", 3: "other.example", 4: "gmail.com", 5: "gmail.com"}
    for contact, place in places.items():
        execute(workspace, f"update contacts set email = 'p{contact}@{place}' where id = {contact}")
    whole = '{"company_stop": true}'
    for contact in places:
        enrolled(workspace, contact, contact, whole, sequence_id=1)
    enrolled(workspace, 9, 2, sequence_id=2)
    assert "gmail.com" in public_domains()
    happen(
        workspace,
        event(EventKind.REPLIED, email(workspace, 1, **SENT)),
        event(EventKind.REPLIED, email(workspace, 4, **SENT)),
    )
    assert ways(workspace) == {1: "replied", 2: "company_replied", 3: None, 4: "replied", 5: None, 9: None}


def test_an_absence_puts_the_next_step_off(workspace: Workspace, sent: int) -> None:
    enrolled(workspace, 1, 1)
    enrolled(workspace, 2, 1, '{"postpone_on_out_of_office": false}')
    enrolled(workspace, 3, 1, next_action_at=stamp(NOW + timedelta(days=90)))
    enrolled(workspace, 4, 1, next_action_at=None)
    back = [date(2026, 3, 16), date(2026, 3, 9)]
    for day in back:
        happen(workspace, event(EventKind.AUTO_REPLIED, sent, day.isoformat(), back_on=day))
    found = query(workspace, "select id, next_action_at from sequence_enrollments order by id")
    later = [str(row[1])[:10] for row in found]
    assert later == ["2026-03-17", "2026-03-01", "2026-05-30", "None"]
    assert ways(workspace) == dict.fromkeys((1, 2, 3, 4))


def test_an_absence_puts_off_an_email_that_waits_too(workspace: Workspace, sent: int) -> None:
    settings = ["{}", "{}", "{}", "{}", '{"postpone_on_out_of_office": false}']
    early, late = NOW + timedelta(hours=1), datetime(2026, 3, 20, 15, tzinfo=UTC)
    before_dawn = datetime(2026, 3, 2, 11, 30, tzinfo=UTC)
    waiting = [(early, {}), (before_dawn, {}), (late, {}), (early, {"status": "processing"}), (early, {})]
    for number, (wanted, (at, more)) in enumerate(zip(settings, waiting, strict=True), 1):
        enrolled(workspace, number, 1, wanted, next_action_at=None)
        row = {"send_at": stamp(at), "enrollment_id": number, "email_type": "sequence"} | more
        email(workspace, 1, id=100 + number, **row)
    away = event(EventKind.AUTO_REPLIED, sent, "away", back_on=date(2026, 3, 16))
    workspace.database.write(lambda c: apply(c, [away], NOW, Rules(zone=ZoneInfo("America/Chicago"))))
    rows = query(workspace, "select id, send, send_at from outbox where id > 100 and id < 106 order by id")
    tuesday = day_number(date(2026, 3, 17))
    # The same time on the clocks of Chicago, which have changed meanwhile.
    assert [(number, send, moment_of(at)) for number, send, at in rows] == [
        (101, tuesday, datetime(2026, 3, 17, 15, 30, tzinfo=UTC)),
        (102, tuesday + 1, datetime(2026, 3, 18, 10, 30, tzinfo=UTC)),
        (103, TODAY, late),
        (104, TODAY, early),
        (105, TODAY, early),
    ]


# ---- any order, however often ----


def everything(workspace: Workspace) -> dict[str, list[tuple[Any, ...]]]:
    """All that events decide about. Which of several reasons is noted depends on what was heard first."""
    return {
        what: sorted(query(workspace, f"select {columns} from {what}"), key=repr)
        for what, columns in {
            "outbox": "id, status, skip_reason, actual_send_datetime",
            "suppressions": "address, scope",
            "contact_events": "contact_id, event_type, source, dedupe_key, email_schedule_id, created_at",
            "tracking_clicks": "contact_id, email_schedule_id, url, clicked_at",
            "sequence_enrollments": "id, status, next_action_at",
        }.items()
    }


def a_lot(ids: Sequence[int], random: Random) -> list[Event]:
    """Events of every kind about these emails."""
    made = []
    for n in range(30):
        kind = random.choice([*EventKind, EventKind.BOUNCED, EventKind.BOUNCED, "our_own"])
        made.append(
            Event(
                kind,
                random.choice(["imap", "sendgrid"]),
                f"{n % 25}",
                NOW + timedelta(minutes=n % 25),
                schedule=random.choice(ids),
                bounce=random.choice(list(Bounce)) if kind == EventKind.BOUNCED else None,
                back_on=date(2026, 3, random.randint(2, 28)) if kind == EventKind.AUTO_REPLIED else None,
                automatic=random.random() < 0.3,
            )
        )
    firsts: dict[tuple[str, str], Event] = {}
    for one in made:
        firsts.setdefault((one.source, one.key), one)
    return list(firsts.values())


def worlds(workspace: Workspace) -> list[int]:
    account(workspace)
    contacts(workspace, 1, 2, 3)
    ids = []
    statuses = ["sent", "sent", "sent", "delivered", "in_doubt", "scheduled"]
    for contact in (1, 2, 3):
        enrolled(workspace, contact, contact, '{"stop_on_reply": false}' if contact == 3 else "{}")
        for n, status in enumerate(statuses):
            at = stamp(NOW - timedelta(days=20 - n))
            ids.append(
                email(workspace, contact, id=(contact << CONTACT_SHIFT) | n,
                      **SENT | {"status": status, "actual_send_datetime": at})
            )  # fmt: skip
    return ids


@pytest.mark.parametrize("seed", range(3))
def test_any_order_and_any_number_of_deliveries_end_in_the_same_state(
    make_workspace: Any, kind: str, seed: int
) -> None:
    random, ends = Random(seed), []
    for turn in range(3):
        workspace = make_workspace(kind)
        made = a_lot(worlds(workspace), Random(seed))
        if turn == 0:
            happen(workspace, *made)
        else:
            deliveries = [one for one in made for _ in range(3)]
            random.shuffle(deliveries)
            while deliveries:
                some = random.randint(1, 9)
                happen(workspace, *deliveries[:some])
                deliveries = deliveries[some:]
        ends.append(everything(workspace))
        before = everything(workspace)
        assert happen(workspace, *made).repeated == len(made)
        assert everything(workspace) == before
    assert ends[0] == ends[1] == ends[2]


def test_bounced_wins_in_every_order(workspace: Workspace) -> None:
    account(workspace)
    contacts(workspace, *range(1, 7))
    kinds = (EventKind.DELIVERED, EventKind.BOUNCED, EventKind.OPENED)
    for contact, order in enumerate(permutations(kinds), 1):
        number = email(workspace, contact, **SENT)
        for one in order:
            happen(workspace, event(one, number))
    assert set(states(workspace).values()) == {"bounced"}


def test_ten_thousand_events_take_a_moment(workspace: Workspace) -> None:
    account(workspace)
    some = range(1, 10_001)
    rows = [(n, f"p{n}@example.com", "active") for n in some]
    sent = [(n << CONTACT_SHIFT, n, 0, "birthday", TODAY, "sent", 1, "email", "example.com") for n in some]
    columns = ("id", "contact_id", "kind", "email_type", "send", "status", "account_id", "channel", "domain")

    def fill(connection: Connection) -> None:
        insert_rows(connection, "contacts", ("id", "email", "status"), rows)
        insert_rows(connection, "outbox", columns, sent)

    workspace.database.write(fill)
    kinds = [EventKind.DELIVERED, EventKind.OPENED, EventKind.CLICKED, EventKind.REPLIED, EventKind.BOUNCED]
    made = [
        replace(event(kinds[n % 5], n << CONTACT_SHIFT), bounce=Bounce.HARD if n % 5 == 4 else None)
        for n in some
    ]
    begun = time.perf_counter()
    done = happen(workspace, *made)
    took = time.perf_counter() - begun
    assert (len(done.new), done.suppressed) == (10_000, 2_000)
    assert took < 20, "no statement for each event"


# ---- correspondence ----


def test_what_was_written_to_an_address_lately(workspace: Workspace) -> None:
    account(workspace)
    contacts(workspace, 1, 2)
    execute(
        workspace,
        "insert into templates (name, version, active, subject, created_at, created_by) values"
        f" ('birthday_standard_v1', 7, false, 'Hi {{{{ first_name }}}}', '{stamp(NOW)}', 'me')",
    )
    old = stamp(NOW - timedelta(days=100))
    email(workspace, 1, id=1, **SENT | {"actual_send_datetime": old})
    email(workspace, 1, id=2, **SENT)
    email(workspace, 1, id=3, **SENT | {"actual_send_datetime": stamp(NOW)})
    email(workspace, 1, id=4, **SENT | {"account_id": 2})
    email(workspace, 1, id=5)
    email(workspace, 2, id=6, **SENT)
    since = NOW - timedelta(days=90)
    with workspace.database.snapshot() as connection:
        asked = ["Person1@Example.com", "nobody@example.com"]
        found = correspondence.correspondence(connection, 1, asked, since)
        assert correspondence.correspondence(connection, 1, [], since) == {}
    assert list(found) == ["person1@example.com"]
    assert [one.schedule for one in found["person1@example.com"]] == [3, 2]
    assert "Hi {{ first_name }}" in found["person1@example.com"][0].subjects


def test_statuses_are_those_of_the_glossary(workspace: Workspace, sent: int) -> None:
    happen(workspace, hard(sent, data={"text": "550 no such user"}))
    rows = query(workspace, f"select status, last_error, claim_token from outbox where id = {sent}")
    assert rows == [(Status.BOUNCED.value, "550 no such user", None)]
