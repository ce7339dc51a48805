"""Tests of the slow planner's campaigns and follow-ups: each sentence of decision 0003, then any world.

One long file, in the order of `docs/decisions/0003-campaigns-and-follow-ups.md`. Every date was counted from
the page, not copied from the code. What does not belong here: anything that anniversaries, windows, frequency
or cap decide without campaigns (see `test_reference`).
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plan.reference import AEP, BIRTHDAY, EFFECTIVE_DATE, POST_WINDOW, Result, plan
from tests.plan.reference_campaigns import (
    ANSWERED,
    CLICKED,
    COLD,
    WITH_CONDITIONS,
    Answer,
    Campaigns,
    CampaignType,
    Click,
    Instance,
    Target,
    candidates,
    effective,
    target_status,
)
from tests.plan.reference_facts import (
    COUNTS_AS_SENT,
    Contact,
    Row,
    Rules,
    Sent,
    WindowRule,
    row_hash,
    splitmix64,
)
from tests.plan.test_reference import ANY, DAY, check, crowd, d, found, person, the, without_aep
from tests.plan.worlds import Night, World, after, state_of
from tests.plan.worlds_campaigns import CampaignStory, campaign_stories, campaign_worlds, morning

RAISE = CampaignType("rate_increase", days_before_event=14, priority=1)
NOTICE = CampaignType("notice", respect_exclusion_windows=False, enable_followups=False)
BLAST = CampaignType("blast", target_all_contacts=True)
PLAIN = CampaignType("plain", priority=5)
TYPES = [RAISE, NOTICE, BLAST, PLAIN]

A, B = 17, 18
"""The kinds of instances 1 and 2."""


def instance(number: int = 1, kind: str = "plain", created: str = "2025-01-01", **fields: Any) -> Instance:
    dates = {name: d(fields.pop(name)) for name in ("active_start", "active_end") if name in fields}
    return Instance(number, kind, f"campaign {number}", d(created), **dates, **fields)


def target(trigger: str, contact: int = 1, number: int = 1, created: str | None = None) -> Target:
    return Target(contact, number, trigger, d(created) if created else None)


def about(instances: Instance | list[Instance], targets: Iterable[Target] = (), **fields: Any) -> Campaigns:
    if isinstance(instances, Instance):
        instances = [instances]
    return Campaigns(TYPES, instances, list(targets), **fields)


NO_CAMPAIGNS = about([])


def run(
    contacts: Contact | list[Contact],
    today: str,
    campaigns: Campaigns = NO_CAMPAIGNS,
    *,
    stored: Iterable[Row] = (),
    sent: Iterable[Sent] = (),
    rules: Rules | None = None,
) -> Result:
    """A plan without AEP emails and caps, with follow-ups."""
    if isinstance(contacts, Contact):
        contacts = [contacts]
    rules = rules or with_followups()
    return plan(
        contacts, list(stored), list(sent), [], rules, d(today), state_of=state_of, campaigns=campaigns
    )


def with_followups(**fields: object) -> Rules:
    return without_aep(**{"followups": True, **fields})


def row(
    event: str, send: str, ideal: str | None = None, reason: str | None = None, kind: int = A, **fields: Any
) -> Row:
    """A campaign row of contact 1."""
    return Row(1, kind, d(event), d(send), d(ideal or send), reason, **{"priority": 5, **fields})


def seen(result: Result, kind: int = A, contact: int = 1) -> list[tuple[str, str, str | None]]:
    """Event, day and reason of the rows that are no follow-ups."""
    return [
        (one.event.isoformat(), one.send.isoformat(), one.reason)
        for one in found(result, kind, contact)
        if not one.followup
    ]


def window(first: str, last: str) -> dict[str, Any]:
    """Settings under which a Texan born on `first` is not written to from that day to `last`."""
    return {"birthday_windows": {"TX": WindowRule(0, (d(last) - d(first)).days, extension=0)}}


def born(day: str, **fields: Any) -> Contact:
    """Contact 1, whose window begins on that day of 2025; the birthday email itself has gone long ago."""
    return person(birth_date=d(day).replace(year=1980).isoformat(), **fields)


# ---------------------------------------------------------------------------------------------------
# Instances


def test_metadata_overrides_each_field_of_the_type() -> None:
    metadata = (
        '{"respect_exclusion_windows": false, "enable_followups": false, "days_before_event": -3,'
        ' "target_all_contacts": true, "priority": 2, "active": false, "name": "other", "anything": 1}'
    )
    assert effective(PLAIN, instance(metadata=metadata)) == CampaignType(
        "plain", False, False, -3, True, 2, False
    )


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        "",
        "no json",
        "[1]",
        "null",
        '{"respect_exclusion_windows": "no", "enable_followups": 0, "target_all_contacts": 1}',
        '{"days_before_event": "3", "priority": 2.0}',
        '{"days_before_event": true, "priority": false, "active": null}',
    ],
)
def test_a_value_of_the_wrong_kind_is_ignored(metadata: str | None) -> None:
    assert effective(PLAIN, instance(metadata=metadata)) == PLAIN


def test_an_override_is_what_the_plan_goes_by() -> None:
    one = instance(metadata='{"days_before_event": 5, "priority": 9}')
    only = the(run(person(), "2025-02-01", about(one, [target("2025-03-10")])), A)
    assert (only.send, only.priority) == (d("2025-03-05"), 9)


@pytest.mark.parametrize(
    ("fields", "reasons"),
    [
        ({}, [None]),
        ({"status": "paused"}, ["campaign_inactive"]),
        ({"metadata": '{"active": false}'}, ["campaign_inactive"]),
        ({"status": "archived"}, []),
        ({"status": "archived", "metadata": '{"active": false}'}, []),
    ],
)
def test_open_held_up_and_archived(fields: dict[str, Any], reasons: list[str | None]) -> None:
    result = run(person(), "2025-02-01", about(instance(**fields), [target("2025-03-10")]))
    assert [one.reason for one in found(result, A)] == reasons
    assert all(one.send == d("2025-03-10") for one in result.rows)


def test_an_inactive_type_holds_its_instances_up_unless_they_say_otherwise() -> None:
    both = [instance(1), instance(2, metadata='{"active": true}')]
    campaigns = Campaigns(
        [replace(PLAIN, active=False)], both, [target("2025-03-10"), target("2025-03-20", number=2)]
    )
    result = run(person(), "2025-02-01", campaigns)
    assert (the(result, A).reason, the(result, B).reason) == ("campaign_inactive", None)


def test_an_instance_that_is_gone_has_no_candidates() -> None:
    planned = row("2025-03-10", "2025-03-10")
    assert run(person(), "2025-02-01", about([], [target("2025-03-10")]), stored=[planned]).rows == []


def test_without_the_feature_there_are_no_campaign_emails() -> None:
    campaigns = about(instance(kind="blast"), [target("2025-03-10")])
    settled = row("2025-01-10", "2025-01-10", reason="frequency_limit")
    stored = [row("2025-03-10", "2025-03-10"), settled]
    result = run(person(), "2025-02-01", campaigns, stored=stored, rules=with_followups(campaigns=False))
    assert result.rows == [settled]


def test_without_the_feature_there_are_no_follow_ups_but_final_ones() -> None:
    initial = Sent(1, BIRTHDAY, d("2025-02-10"), d("2025-01-31"), "sent")
    other = replace(initial, event=d("2025-02-20"))
    final = Row(
        1,
        BIRTHDAY,
        d("2025-02-20"),
        d("2025-01-31"),
        d("2025-01-31"),
        "birthday_window",
        5,
        followup=True,
        tier=COLD,
    )
    stored = [replace(final, event=d("2025-02-10"), send=d("2025-02-02"), reason=None), final]
    rules = with_followups(followups=False)
    assert run(person(), "2025-02-01", stored=stored, sent=[initial, other], rules=rules).rows == [final]


# ---------------------------------------------------------------------------------------------------
# Campaign candidates: named


@pytest.mark.parametrize(("before", "ideal"), [(14, "2025-02-24"), (0, "2025-03-10"), (-4, "2025-03-14")])
def test_a_named_target(before: int, ideal: str) -> None:
    one = instance(metadata=f'{{"days_before_event": {before}}}')
    result = run(person(), "2025-02-01", about(one, [target("2025-03-10")]))
    assert result.rows == [Row(1, A, d("2025-03-10"), d(ideal), d(ideal), None, 5)]
    assert (result.rows[0].instance, result.rows[0].parent) == (1, None)


def test_each_target_is_an_email_of_its_own() -> None:
    targets = [target("2025-03-10"), target("2025-04-10"), target("2025-05-10", contact=2)]
    result = run(crowd(2), "2025-02-01", about(instance(), targets))
    assert seen(result) == [("2025-03-10", "2025-03-10", None), ("2025-04-10", "2025-04-10", None)]
    assert seen(result, contact=2) == [("2025-05-10", "2025-05-10", None)]


@pytest.mark.parametrize(
    ("trigger", "before", "there"),
    [
        ("1970-01-01", 0, False),
        ("1970-01-02", 0, True),
        ("1970-01-02", 1, False),
        ("1970-01-02", -1, True),
        ("2120-12-31", 0, True),
        ("2120-12-31", -1, False),
        ("2121-01-01", 1, False),
        ("2025-03-10", 10**12, False),
        ("2025-02-30", 0, False),
        ("soon", 0, False),
    ],
)
def test_the_days_a_campaign_may_be_about(trigger: str, before: int, there: bool) -> None:
    one = instance(metadata=f'{{"days_before_event": {before}}}')
    assert bool(run(person(), "2025-02-01", about(one, [target(trigger)])).rows) == there


@pytest.mark.parametrize(
    ("fields", "count"),
    [({"status": "opted_out"}, 0), ({"suppressed": True}, 0), ({"zip_code": None}, 0), ({}, 1)],
)
def test_only_eligible_contacts_are_written_to(fields: dict[str, Any], count: int) -> None:
    for kind in ("plain", "blast"):
        targets = [target("2025-03-10")] if kind == "plain" else []
        assert len(run(person(**fields), "2025-02-01", about(instance(kind=kind), targets)).rows) == count


@pytest.mark.parametrize(
    ("refuses", "kinds"),
    [
        ((), {"plain", "notice", "followup", "birthday"}),
        (("marketing",), {"notice"}),
        (("plain",), {"notice", "birthday"}),
        (("regulatory_notice",), {"plain", "followup", "birthday"}),
        (("marketing", "regulatory_notice"), set()),
        (("nothing there is",), {"plain", "notice", "followup", "birthday"}),
    ],
)
def test_an_unsubscribe_and_a_topic_keep_back_what_they_are_about(
    refuses: tuple[str, ...], kinds: set[str]
) -> None:
    notice, plain = CampaignType("regulatory_notice", enable_followups=True), CampaignType("plain")
    about_both = Campaigns(
        [notice, plain],
        [instance(1, "regulatory_notice"), instance(2, "plain"), instance(3, "regulatory_notice")],
        [target("2025-03-10", number=1), target("2025-04-10", number=2)],
    )
    lately = [
        Sent(1, kind, d("2025-01-31"), d("2025-01-31"), "sent") for kind in (B, 16 + 3)
    ]  # an initial email of each type: only marketing follows up
    contact = person(birth_date="1970-06-18", refuses=refuses)
    result = run(contact, "2025-02-01", about_both, sent=lately[:1])
    names = {A: "notice", B: "plain", 0: "birthday"}
    assert {"followup" if row.followup else names[row.kind] for row in result.rows} == kinds
    assert result.eligible == ("marketing" not in refuses)
    answers = run(contact, "2025-02-01", about_both, sent=lately[1:]).rows
    assert any(row.followup for row in answers) == (
        "marketing" not in refuses and refuses[:1] != ("regulatory_notice",)
    )


# ---------------------------------------------------------------------------------------------------
# Campaign candidates: all


@pytest.mark.parametrize(
    ("start", "added", "ideal"),
    [
        ("2025-03-10", None, "2025-03-10"),
        (None, None, "2025-02-01"),  # the day the instance was made
        ("2025-03-10", "2025-03-08", "2025-03-10"),
        ("2025-03-10", "2025-03-09", "2025-03-10"),
        ("2025-03-10", "2025-03-10", "2025-03-11"),
        ("2025-03-10", "2025-03-20", "2025-03-21"),
        (None, "2025-01-01", "2025-02-01"),
        (None, "2025-02-01", "2025-02-02"),
    ],
)
@pytest.mark.parametrize("before", [0, 7, -7])
def test_a_campaign_for_all(start: str | None, added: str | None, ideal: str, before: int) -> None:
    one = instance(kind="blast", created="2025-02-01", metadata=f'{{"days_before_event": {before}}}')
    if start is not None:
        one = replace(one, active_start=d(start))
    contact = person(created=d(added) if added else None)
    (only,) = run(contact, "2025-02-01", about(one)).rows
    assert (only.ideal, only.event) == (d(ideal), d(ideal) + before * DAY)


def test_a_campaign_for_all_writes_to_every_eligible_contact() -> None:
    contacts = [*crowd(3), person(4, status="opted_out")]
    result = run(contacts, "2025-02-01", about(instance(kind="blast", active_start="2025-02-10")))
    assert [one.contact_id for one in result.rows] == [1, 2, 3]


@pytest.mark.parametrize("status", ["sent", "in_doubt", "scheduled", "failed", "cancelled"])
def test_a_campaign_for_all_writes_once(status: str) -> None:
    """Whatever became of the email and whatever event it was for; a named target is another matter."""
    one = instance(kind="blast", active_start="2025-02-10")
    gone = Sent(1, A, d("2025-01-20"), d("2025-01-20"), status)
    rules = with_followups(followups=False)
    assert run(person(), "2025-02-01", about(one), sent=[gone], rules=rules).rows == []
    assert seen(run(person(), "2025-02-01", about(one), sent=[replace(gone, kind=B)], rules=rules))
    result = run(person(), "2025-02-01", about(one, [target("2025-02-20")]), sent=[gone], rules=rules)
    assert seen(result) == [("2025-02-20", "2025-02-20", None)]


def test_a_moved_start_moves_the_email_for_all() -> None:
    first = run(person(), "2025-02-01", about(instance(kind="blast", active_start="2025-02-10")))
    moved = about(instance(kind="blast", active_start="2025-02-15"))
    again = run(person(), "2025-02-02", moved, stored=first.rows)
    assert seen(again) == [("2025-02-15", "2025-02-15", None)]


def test_a_named_target_and_the_one_for_all_are_one_email_where_the_event_is_the_same() -> None:
    one = instance(kind="blast", active_start="2025-02-10")
    result = run(person(), "2025-02-01", about(one, [target("2025-02-10"), target("2025-03-10")]))
    assert seen(result) == [("2025-02-10", "2025-02-10", None), ("2025-03-10", "2025-03-10", None)]


def test_a_twin_is_known_on_the_earlier_day() -> None:
    """Named in February for an event of January, but targeted as one of all from 2 January on."""
    one = instance(kind="blast", active_start="2025-01-10", created="2025-01-02")
    late = target("2025-01-10", created="2025-02-01")
    assert seen(run(person(), "2025-02-01", about(one, [late])))[0][2] is None
    named = replace(one, metadata='{"target_all_contacts": false}')
    assert seen(run(person(), "2025-02-01", about(named, [late])))[0][2] == "missed"


# ---------------------------------------------------------------------------------------------------
# Deadlines, stored rows, past events


@pytest.mark.parametrize(
    ("before", "end", "deadline"),
    [
        (14, None, "2025-03-09"),  # the day before the event
        (14, "2025-03-31", "2025-03-09"),
        (14, "2025-03-01", "2025-03-01"),
        (0, None, "2025-04-24"),  # 45 days after the ideal day
        (0, "2025-03-20", "2025-03-20"),
    ],
)
def test_the_deadline_of_a_campaign_email(before: int, end: str | None, deadline: str) -> None:
    one = instance(metadata=f'{{"days_before_event": {before}}}')
    if end is not None:
        one = replace(one, active_end=d(end))
    campaigns = about(one, [target("2025-03-10", created="2025-01-01")])
    (candidate,) = candidates([person()], [], campaigns, with_followups(), d("2025-02-01"))
    assert candidate.deadline == d(deadline)
    stored = [row("2025-03-10", "2025-02-20", candidate.ideal.isoformat())]
    assert seen(run(person(), deadline, campaigns, stored=stored)) == [("2025-03-10", deadline, None)]
    overdue = (d(deadline) + DAY).isoformat()
    assert seen(run(person(), overdue, campaigns, stored=stored)) == [("2025-03-10", "2025-02-20", "missed")]


def test_a_stored_row_goes_with_its_candidate_unless_it_is_final_and_past() -> None:
    stored = [
        row("2025-03-10", "2025-03-10"),
        row("2025-01-10", "2025-01-10", reason="missed"),
        row("2025-01-20", "2025-01-20"),  # never sent, and nobody's target any more
        row("2025-02-10", "2025-01-31", reason="frequency_limit"),  # its event is still to come
    ]
    for campaigns in (about(instance()), about([]), about(instance(status="archived"))):
        assert run(person(), "2025-02-01", campaigns, stored=stored).rows == [stored[1]]
    assert run(person(suppressed=True), "2025-02-01", stored=stored).rows == [stored[1]]


def test_a_target_of_the_past_is_not_passed_over_in_silence() -> None:
    """The deadline of 10 December is 24 January; of 20 December, 3 February."""
    one = instance(created="2024-06-01")
    targets = [target("2024-07-01"), target("2024-12-10"), target("2024-12-20")]
    rows = found(run(person(), "2025-02-01", about(one, targets)), A)
    assert [(r.event, r.reason) for r in rows] == [
        (d("2024-07-01"), "missed"),
        (d("2024-12-10"), "missed"),
        (d("2024-12-20"), None),
    ]
    assert [r.send == r.ideal for r in rows] == [True, True, False]
    again = run(person(), "2025-02-02", about(one, targets), stored=rows)
    assert found(again, A) == rows


def test_a_target_of_the_past_in_a_window_is_skipped_for_it() -> None:
    contact = born("2024-07-01")
    rules = with_followups(**window("2024-07-01", "2024-07-31"), birthday_days_before=100)
    campaigns = about(instance(created="2024-06-01"), [target("2024-07-10")])
    result = run(contact, "2025-02-01", campaigns, rules=rules)
    assert seen(result) == [("2024-07-10", "2024-07-10", "birthday_window")]
    assert not found(result, POST_WINDOW)  # its deadline is past


def test_nothing_is_planned_again_once_it_has_left() -> None:
    campaigns = about(instance(), [target("2025-03-10")])
    for status in ("sent", "failed", "cancelled", "in_doubt"):
        gone = Sent(1, A, d("2025-03-10"), d("2025-02-01"), status)
        assert not seen(run(person(), "2025-02-02", campaigns, sent=[gone]))
    near = Sent(1, A, d("2025-03-09"), d("2025-02-01"), "sent")
    assert seen(run(person(), "2025-02-02", campaigns, sent=[near]))


# ---------------------------------------------------------------------------------------------------
# Verdict


def test_a_window_is_named_before_anything_else() -> None:
    rules = with_followups(**window("2025-03-01", "2025-03-31"), birthday_days_before=100)
    late = [target("2025-03-10", created="2025-04-01")]
    for one in (instance(status="paused"), instance(active_end="2025-03-01"), instance()):
        result = run(born("2025-03-01"), "2025-04-01", about(one, late), rules=rules)
        assert seen(result) == [("2025-03-10", "2025-03-10", "birthday_window")]
        assert the(result, POST_WINDOW).event == d("2025-03-31")
        ignoring = replace(one, metadata='{"respect_exclusion_windows": false}')
        assert seen(run(born("2025-03-01"), "2025-04-01", about(ignoring, late), rules=rules))[0][2] in (
            "campaign_inactive",
            "missed",
        )


def test_inactive_is_named_before_missed() -> None:
    late = [target("2025-03-10", created="2025-04-01")]
    result = run(person(), "2025-04-01", about(instance(status="paused"), late))
    assert seen(result) == [("2025-03-10", "2025-03-10", "campaign_inactive")]


@pytest.mark.parametrize(
    ("ideal", "reason"),
    [
        ("2025-03-09", "campaign_inactive"),
        ("2025-03-10", None),
        ("2025-03-20", None),
        ("2025-03-21", "campaign_inactive"),
    ],
)
def test_an_email_goes_between_the_active_dates(ideal: str, reason: str | None) -> None:
    one = instance(active_start="2025-03-10", active_end="2025-03-20")
    assert seen(run(person(), "2025-02-01", about(one, [target(ideal)]))) == [(ideal, ideal, reason)]


def test_it_is_the_ideal_day_that_has_to_lie_between_the_active_dates() -> None:
    one = instance(kind="rate_increase", active_start="2025-03-10")
    assert (
        the(run(person(), "2025-02-01", about(one, [target("2025-03-20")])), A).reason == "campaign_inactive"
    )
    assert the(run(person(), "2025-02-01", about(one, [target("2025-03-24")])), A).reason is None


def test_a_campaign_for_all_ends_too() -> None:
    one = instance(kind="blast", active_start="2025-01-10", active_end="2025-01-31")
    contacts = [person(1), person(2, created=d("2025-01-31"))]
    result = run(contacts, "2025-01-10", about(one))
    assert seen(result, contact=2) == [("2025-02-01", "2025-02-01", "campaign_inactive")]
    assert seen(result)[0][2] is None


def test_a_pause_ends() -> None:
    """Paused on 5 March, resumed on 15 March; the email of 10 March is caught up by its deadline."""
    targets = [target("2025-03-10"), target("2025-04-10")]
    first = run(person(), "2025-03-01", about(instance(), targets))
    paused = run(person(), "2025-03-05", about(instance(status="paused"), targets), stored=first.rows)
    assert [one[2] for one in seen(paused)] == ["campaign_inactive"] * 2
    still = run(person(), "2025-03-14", about(instance(status="paused"), targets), stored=paused.rows)
    assert still.rows == paused.rows
    resumed = run(person(), "2025-03-15", about(instance(), targets), stored=still.rows)
    code = int.from_bytes(hashlib.sha256(b"campaign 1").digest()[:8], "big")
    choice = row_hash(1, code, d("2025-03-10")) % 7
    assert [(one.send, one.reason) for one in resumed.rows] == [
        (d("2025-03-16") + choice * DAY, None),
        (d("2025-04-10"), None),
    ]


def test_a_pause_may_last_too_long() -> None:
    waiting = row("2025-03-10", "2025-03-10", reason="campaign_inactive")
    campaigns = about(instance(), [target("2025-03-10")])
    assert seen(run(person(), "2025-04-24", campaigns, stored=[waiting]))[0][1:] == ("2025-04-24", None)
    missed = run(person(), "2025-04-25", campaigns, stored=[waiting])
    assert missed.rows == [replace(waiting, reason="missed")]


def test_a_settled_row_of_a_target_that_is_gone_is_history() -> None:
    waiting = row("2025-03-10", "2025-03-10", reason="campaign_inactive")
    for today, stays in (("2025-03-10", False), ("2025-03-11", True), ("2025-06-01", True)):
        for who in (person(), person(status="opted_out")):
            assert bool(run(who, today, about(instance()), stored=[waiting]).rows) == stays


@pytest.mark.parametrize(
    ("before", "made", "targeted", "reason"),
    [
        (14, "2025-01-01", None, None),
        (14, "2025-02-28", None, None),  # its event is still to come: caught up
        (14, "2025-03-09", None, "missed"),  # past the deadline: rule 6
        (14, "2025-01-01", "2025-03-09", "missed"),  # the same
        (0, "2025-01-01", "2025-03-10", None),
        (0, "2025-01-01", "2025-03-11", "missed"),  # the day after both
        (0, "2025-03-11", None, "missed"),
        (0, "2025-03-11", "2025-01-01", "missed"),  # the later of both days
        (-4, "2025-01-01", "2025-03-14", None),  # the event is past, the ideal day is not
        (-4, "2025-01-01", "2025-03-15", "missed"),
    ],
)
def test_a_target_that_came_too_late(
    before: int, made: str, targeted: str | None, reason: str | None
) -> None:
    """Event 10 March; today is 15 March, except where the deadline would be past."""
    one = instance(created=made, metadata=f'{{"days_before_event": {before}}}')
    today = "2025-03-01" if reason is None and before > 0 else "2025-03-15"
    only = the(run(person(), today, about(one, [target("2025-03-10", created=targeted)])), A)
    assert only.reason == reason
    if reason:
        assert only.send == only.ideal


def test_a_contact_added_to_a_campaign_for_all_is_never_too_late() -> None:
    one = instance(kind="blast", created="2025-01-01")
    assert seen(run(person(created=d("2025-03-09")), "2025-03-10", about(one))) == [
        ("2025-03-10", "2025-03-10", None)
    ]


def test_an_instance_made_after_its_start_is_too_late_for_all() -> None:
    """Its start and so everyone's ideal day and event are before the day it was made on."""
    one = instance(kind="blast", created="2025-03-10", active_start="2025-03-01")
    assert seen(run(person(), "2025-03-10", about(one))) == [("2025-03-01", "2025-03-01", "missed")]
    assert seen(run(person(created=d("2025-03-10")), "2025-03-10", about(one)))[0][2] is None


def test_a_campaign_email_keeps_its_day_and_is_caught_up_like_any_other() -> None:
    campaigns = about(instance(kind="rate_increase"), [target("2025-03-15")])
    sticky = row("2025-03-15", "2025-03-05", "2025-03-01", priority=1)
    assert run(person(), "2025-02-01", campaigns, stored=[sticky]).rows == [sticky]
    late = the(run(person(), "2025-03-11", campaigns), A)  # 12, 13 or 14 March
    code = int.from_bytes(hashlib.sha256(b"campaign 1").digest()[:8], "big")
    assert late.send == d("2025-03-12") + row_hash(1, code, d("2025-03-15")) % 3 * DAY
    assert the(run(person(), "2025-03-14", campaigns), A).send == d("2025-03-14")


def test_a_pinned_row_waits_for_its_campaign_on_its_day() -> None:
    pinned = row("2025-03-10", "2025-03-20", "2025-03-10", pinned=True)
    targets = [target("2025-03-10")]

    def planned(one: Instance, **fields: Any) -> list[Row]:
        return run(born("2025-03-20"), "2025-02-01", about(one, targets), stored=[pinned], **fields).rows

    assert pinned in planned(instance())
    held = replace(pinned, reason="campaign_inactive")
    assert held in planned(instance(status="paused"))
    assert held in planned(instance(metadata='{"active": false}'))
    assert pinned in planned(instance(active_end="2025-03-01"))  # by hand, after the end
    rules = with_followups(**window("2025-03-20", "2025-03-20"), birthday_days_before=100)
    assert replace(pinned, reason="birthday_window") in planned(instance(status="paused"), rules=rules)
    resumed = run(person(), "2025-02-02", about(instance(), targets), stored=[held])
    assert resumed.rows == [pinned]


def test_a_campaign_that_ignores_windows_is_excluded_on_no_day() -> None:
    contact = person(state="NY")
    campaigns = about(instance(kind="notice"), [target("2025-03-10"), target("2025-02-20")])
    rules = with_followups(blackout_dates={d("2025-03-10"), d("2025-03-11")})
    result = run(contact, "2025-03-01", campaigns, rules=rules)
    assert the_with(result, "2025-03-10").send == d("2025-03-12")  # blackout days bind it
    assert the_with(result, "2025-02-20").reason is None
    assert the_with(result, "2025-02-20").send > d("2025-03-01")
    pinned = row("2025-03-10", "2025-03-10", pinned=True, priority=10)
    assert pinned in run(contact, "2025-03-01", campaigns, stored=[pinned], rules=rules).rows


def the_with(result: Result, event: str, kind: int = A) -> Row:
    (only,) = [one for one in found(result, kind) if one.event == d(event)]
    return only


def test_two_campaigns_on_one_day() -> None:
    instances = [instance(1), instance(2, kind="rate_increase")]
    targets = [target("2025-03-10"), target("2025-03-24", number=2)]
    result = run(person(), "2025-02-01", about(instances, targets))
    assert (the(result, A).reason, the(result, B).reason) == ("campaign_conflict", None)
    equal = about([instance(1), instance(2)], [target("2025-03-10"), target("2025-03-10", number=2)])
    result = run(person(), "2025-02-01", equal)
    assert (the(result, A).reason, the(result, B).reason) == (None, "campaign_conflict")


# ---------------------------------------------------------------------------------------------------
# Target status


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("scheduled", "scheduled"),
        ("processing", "scheduled"),
        ("cancelled", "skipped"),
        ("failed", "skipped"),
        ("sent", "sent"),
        ("delivered", "sent"),
        ("bounced", "sent"),
        ("in_doubt", "sent"),
    ],
)
def test_a_targets_status_follows_what_became_of_its_email(status: str, word: str) -> None:
    gone = Sent(1, A, d("2025-03-10"), d("2025-03-10"), status)
    others = [replace(gone, kind=B), replace(gone, contact_id=2), replace(gone, event=d("2025-03-11"))]
    assert target_status(target("2025-03-10"), [], [gone]) == word
    assert target_status(target("2025-03-10"), [], [*others, replace(gone, followup=True)]) == "pending"


def test_a_targets_status_follows_the_plan() -> None:
    planned = row("2025-03-10", "2025-03-10")
    assert target_status(target("2025-03-10"), [planned], []) == "scheduled"
    assert target_status(target("2025-03-10"), [replace(planned, reason="missed")], []) == "skipped"
    assert target_status(target("2025-03-11"), [planned], []) == "pending"
    assert target_status(target("soon"), [planned], []) == "pending"


# ---------------------------------------------------------------------------------------------------
# Follow-ups: to which emails

INITIAL = Sent(1, AEP, d("2025-03-01"), d("2025-03-01"), "sent", priority=3)
"""An AEP email of 1 March: its follow-up goes on 3 March and by the 13th."""


def followups(result: Result) -> list[Row]:
    return [one for one in result.rows if one.followup]


def followup(send: str, reason: str | None = None, tier: str = COLD, **fields: Any) -> Row:
    """The follow-up of `INITIAL`."""
    return replace(
        Row(1, AEP, d("2025-03-01"), d(send), d("2025-03-03"), reason, 3, followup=True, tier=tier), **fields
    )


def test_a_follow_up() -> None:
    only = the(run(person(), "2025-03-01", sent=[INITIAL]), AEP)
    assert only == followup("2025-03-03")
    assert (only.parent, only.instance) == ((AEP, d("2025-03-01"), False), None)


@pytest.mark.parametrize("status", sorted({*COUNTS_AS_SENT, "failed", "cancelled"}))
def test_only_emails_that_were_sent_are_followed_up(status: str) -> None:
    result = run(person(), "2025-03-02", sent=[replace(INITIAL, status=status)])
    assert bool(followups(result)) == (status in ("sent", "delivered"))


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({}, 1),
        ({"followup": True}, 0),
        ({"kind": None}, 0),
        ({"event": None}, 0),
        ({"kind": BIRTHDAY}, 1),
        ({"kind": EFFECTIVE_DATE}, 1),
        ({"kind": POST_WINDOW}, 1),
        ({"send": date(2025, 3, 3)}, 0),  # later than today
        ({"contact_id": 2}, 0),
    ],
)
def test_initial_emails(change: dict[str, Any], count: int) -> None:
    assert len(followups(run(person(), "2025-03-02", sent=[replace(INITIAL, **change)]))) == count


@pytest.mark.parametrize(("today", "count"), [("2025-03-13", 1), ("2025-03-14", 0)])
def test_the_lookback_forgets_nothing_that_could_still_go(today: str, count: int) -> None:
    rules = with_followups(followup_lookback_days=12)
    overdue = followup("2025-03-03")
    assert len(run(person(), today, sent=[INITIAL], stored=[overdue], rules=rules).rows) == count


@pytest.mark.parametrize(
    ("fields", "reasons"),
    [
        ({}, [None]),
        ({"metadata": '{"enable_followups": false}'}, []),
        ({"kind": "notice"}, []),
        ({"kind": "notice", "metadata": '{"enable_followups": true}'}, [None]),
        ({"status": "paused"}, ["campaign_inactive"]),
        ({"metadata": '{"active": false}'}, ["campaign_inactive"]),
        ({"status": "archived"}, []),
    ],
)
def test_campaigns_are_followed_up_if_they_want_to(fields: dict[str, Any], reasons: list[str | None]) -> None:
    """Also where the target has been taken away since."""
    initial = Sent(1, A, d("2025-03-20"), d("2025-03-01"), "delivered", priority=7)
    result = run(person(), "2025-03-02", about(instance(**fields)), sent=[initial])
    expected = Row(1, A, d("2025-03-20"), d("2025-03-03"), d("2025-03-03"), None, 7, followup=True, tier=COLD)
    assert result.rows == [replace(expected, reason=reason) for reason in reasons]
    assert all((one.instance, one.parent) == (1, (A, d("2025-03-20"), False)) for one in result.rows)


def test_an_email_of_a_campaign_that_is_gone_is_not_followed_up() -> None:
    assert run(person(), "2025-03-02", sent=[replace(INITIAL, kind=A)]).rows == []


def test_who_is_not_eligible_gets_no_follow_up() -> None:
    stored = [followup("2025-03-03")]
    assert run(person(suppressed=True), "2025-03-02", sent=[INITIAL], stored=stored).rows == []


@pytest.mark.parametrize("status", ["scheduled", "sent", "failed", "cancelled"])
def test_one_follow_up_ever(status: str) -> None:
    gone = Sent(1, AEP, d("2025-03-01"), d("2025-03-03"), status, followup=True)
    assert run(person(), "2025-03-04", sent=[INITIAL, gone]).rows == []


# ---------------------------------------------------------------------------------------------------
# Follow-ups: when


@pytest.mark.parametrize(
    ("today", "send"),
    [
        ("2025-03-01", "2025-03-03"),
        ("2025-03-02", "2025-03-03"),
        ("2025-03-03", "2025-03-04"),  # due today: tomorrow
        ("2025-03-08", "2025-03-09"),
        ("2025-03-12", "2025-03-13"),
    ],
)
def test_a_follow_up_goes_on_its_day_or_tomorrow(today: str, send: str) -> None:
    assert run(person(), today, sent=[INITIAL]).rows == [followup(send)]


def test_on_the_day_of_its_deadline_nothing_can_go_any_more() -> None:
    """There is no tomorrow: it is missed on its ideal day, and the day after nothing is made at all."""
    assert run(person(), "2025-03-13", sent=[INITIAL]).rows == [followup("2025-03-03", "missed")]
    assert run(person(), "2025-03-14", sent=[INITIAL]).rows == []


def test_past_its_deadline_not_even_a_skip_is_made() -> None:
    rules = with_followups(**window("2025-03-03", "2025-03-20"), birthday_days_before=100)
    contact = born("2025-03-03")
    made = run(contact, "2025-03-13", sent=[INITIAL], rules=rules)
    assert followups(made) == [followup("2025-03-03", "birthday_window")]
    assert followups(run(contact, "2025-03-14", sent=[INITIAL], rules=rules)) == []
    assert followups(run(contact, "2025-03-14", sent=[INITIAL], stored=made.rows, rules=rules))


def test_a_stored_follow_up_past_its_deadline_is_missed() -> None:
    stored = [followup("2025-03-05")]
    assert run(person(), "2025-03-14", sent=[INITIAL], stored=stored).rows == [
        followup("2025-03-05", "missed")
    ]
    assert run(person(), "2025-03-12", sent=[INITIAL], stored=stored).rows == [followup("2025-03-13")]


def test_the_days_after_are_a_setting() -> None:
    rules = with_followups(followup_days_after=5)
    only = the(run(person(), "2025-03-02", sent=[INITIAL], rules=rules), AEP)
    assert (only.ideal, only.send) == (d("2025-03-06"), d("2025-03-06"))


def test_a_follow_up_keeps_its_day() -> None:
    stored = [followup("2025-03-08")]
    assert run(person(), "2025-03-04", sent=[INITIAL], stored=stored).rows == stored
    assert run(person(), "2025-03-08", sent=[INITIAL], stored=stored).rows == stored


def test_a_follow_up_goes_round_blackout_days() -> None:
    rules = with_followups(blackout_dates={d("2025-03-03"), d("2025-03-04")})
    for today in ("2025-03-02", "2025-03-03"):
        assert run(person(), today, sent=[INITIAL], rules=rules).rows == [followup("2025-03-05")]
    rules.blackout_weekdays = set(range(7))
    for today in ("2025-03-02", "2025-03-05"):
        result = run(person(), today, sent=[INITIAL], rules=rules)
        assert result.rows == [followup("2025-03-03", "missed")]


def test_a_window_on_its_ideal_day_skips_a_follow_up() -> None:
    """Also of a campaign that ignores windows; and no email follows the window."""
    rules = with_followups(**window("2025-03-03", "2025-03-20"), birthday_days_before=100)
    initial = replace(INITIAL, kind=A)
    ignoring = instance(kind="notice", metadata='{"enable_followups": true}', status="paused")
    for campaigns, one in ((NO_CAMPAIGNS, INITIAL), (about(ignoring), initial)):
        result = run(born("2025-03-03"), "2025-03-02", campaigns, sent=[one], rules=rules)
        (only,) = followups(result)
        assert (only.send, only.reason) == (d("2025-03-03"), "birthday_window")
        assert not found(result, POST_WINDOW)


def test_a_window_tomorrow_skips_a_follow_up_that_is_due() -> None:
    """Window on 6 March and no other day; the follow-up was due on the 3rd and 4 March is no day at all."""
    rules = with_followups(**window("2025-03-06", "2025-03-06"), birthday_days_before=100)
    contact = born("2025-03-06")

    def on(today: str, stored: Iterable[Row] = ()) -> list[Row]:
        return followups(run(contact, today, sent=[INITIAL], stored=stored, rules=rules))

    skipped = on("2025-03-05")
    assert skipped == [followup("2025-03-06", "birthday_window")]
    for today in ("2025-03-05", "2025-03-06", "2025-03-07", "2025-04-20"):
        assert on(today, skipped) == skipped  # final from the 7th on
    assert not found(run(contact, "2025-03-05", sent=[INITIAL], rules=rules), POST_WINDOW)
    rules.blackout_dates = {d("2025-03-05")}
    assert on("2025-03-04") == skipped  # the first day that is not a blackout day
    assert on("2025-03-06") == [followup("2025-03-07")]


@pytest.mark.parametrize(
    ("dates", "send", "reason"),
    [
        ({"active_end": "2025-03-03"}, "2025-03-03", None),
        ({"active_end": "2025-03-02"}, "2025-03-03", "campaign_inactive"),
        ({"active_start": "2025-03-10"}, "2025-03-03", None),
    ],
)
def test_a_follow_up_knows_when_its_campaign_ends(
    dates: dict[str, str], send: str, reason: str | None
) -> None:
    initial = replace(INITIAL, kind=A)
    result = run(person(), "2025-03-02", about(instance(**dates)), sent=[initial])
    assert [(one.send, one.reason) for one in result.rows] == [(d(send), reason)]


def test_no_follow_up_goes_after_its_campaigns_end() -> None:
    initial = replace(INITIAL, kind=A)
    campaigns = about(instance(active_end="2025-03-06"))
    assert run(person(), "2025-03-05", campaigns, sent=[initial]).rows[0].send == d("2025-03-06")
    assert run(person(), "2025-03-06", campaigns, sent=[initial]).rows[0].reason == "missed"
    assert run(person(), "2025-03-07", campaigns, sent=[initial]).rows == []


def test_an_end_that_comes_earlier_makes_a_stored_follow_up_inactive() -> None:
    """The end is yesterday and the ideal day tomorrow: nothing is newly made, but the row says why."""
    initial = replace(INITIAL, kind=A)
    stored = [followup("2025-03-03", kind=A)]
    campaigns = about(instance(active_end="2025-03-01"))
    assert run(person(), "2025-03-02", campaigns, sent=[initial]).rows == []
    result = run(person(), "2025-03-02", campaigns, sent=[initial], stored=stored)
    assert result.rows == [followup("2025-03-03", "campaign_inactive", kind=A)]


def test_a_skipped_follow_up_is_final_once_its_day_has_passed() -> None:
    """A pause that ends in time frees it, one that ends later does not."""
    initial = replace(INITIAL, kind=A)
    waiting = [followup("2025-03-03", "campaign_inactive", kind=A)]
    resumed = run(person(), "2025-03-02", about(instance()), sent=[initial], stored=waiting)
    assert resumed.rows == [followup("2025-03-03", kind=A)]
    late = run(person(), "2025-03-04", about(instance()), sent=[initial], stored=waiting)
    assert late.rows == waiting


def test_a_stored_follow_up_goes_with_its_initial_email_unless_it_is_final() -> None:
    planned = followup("2025-03-05")
    final = followup("2025-03-03", "year_round_exclusion", event=d("2025-09-15"))
    for contact in (person(), person(status="opted_out")):
        assert run(contact, "2025-03-04", stored=[planned, final]).rows == [final]
    bounced = replace(INITIAL, status="bounced")
    assert run(person(), "2025-03-04", stored=[planned, final], sent=[bounced]).rows == [final]


def test_a_pinned_follow_up_keeps_its_day() -> None:
    pinned = followup("2025-03-20", pinned=True)
    assert run(person(), "2025-03-15", sent=[INITIAL], stored=[pinned]).rows == [pinned]
    initial, held = replace(INITIAL, kind=A), replace(pinned, kind=A)
    result = run(person(), "2025-03-15", about(instance(status="paused")), sent=[initial], stored=[held])
    assert result.rows == [replace(held, reason="campaign_inactive")]


# ---------------------------------------------------------------------------------------------------
# Follow-ups: the tier


def tier(clicks: Iterable[Click] = (), answers: Iterable[Answer] = (), **fields: Any) -> str | None:
    campaigns = about([], clicks=list(clicks), answers=list(answers))
    (only,) = followups(run(person(), "2025-03-02", campaigns, sent=[INITIAL], **fields))
    return only.tier


CLICK = Click(1, AEP, d("2025-03-01"))


@pytest.mark.parametrize(
    ("click", "expected"),
    [
        (CLICK, CLICKED),
        (replace(CLICK, contact_id=2), COLD),
        (replace(CLICK, kind=BIRTHDAY), COLD),
        (replace(CLICK, event=date(2024, 3, 1)), COLD),
        (replace(CLICK, followup=True), COLD),
    ],
)
def test_a_click_counts_for_the_email_it_was_made_in(click: Click, expected: str) -> None:
    assert tier() == COLD
    assert tier([click]) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, ANSWERED),
        ("", ANSWERED),
        ("no json", ANSWERED),
        ("[true]", ANSWERED),
        ("{}", ANSWERED),
        ('{"has_medical_conditions": true}', WITH_CONDITIONS),
        ('{"has_medical_conditions": false}', ANSWERED),
        ('{"has_medical_conditions": "true"}', ANSWERED),
        ('{"has_medical_conditions": 1}', ANSWERED),
        ('{"main_questions_yes_count": 1}', WITH_CONDITIONS),
        ('{"main_questions_yes_count": 0}', ANSWERED),
        ('{"main_questions_yes_count": -1}', ANSWERED),
        ('{"main_questions_yes_count": "2"}', ANSWERED),
        ('{"main_questions_yes_count": true}', ANSWERED),
        ('{"main_questions_yes_count": 2, "has_medical_conditions": false}', WITH_CONDITIONS),
    ],
)
def test_what_an_answer_shows(data: str | None, expected: str) -> None:
    assert tier(answers=[Answer(1, d("2025-03-02"), data)]) == expected
    assert tier([CLICK], [Answer(1, d("2025-03-02"), data)]) == expected


def test_an_answer_counts_for_every_initial_email_sent_before_it() -> None:
    yes = '{"has_medical_conditions": true}'
    assert tier(answers=[Answer(1, d("2025-03-01"), yes)]) == WITH_CONDITIONS  # on the day it was sent
    assert tier(answers=[Answer(1, d("2025-02-28"), yes)]) == COLD
    assert tier([CLICK], [Answer(1, d("2025-02-28"), yes)]) == CLICKED
    assert tier(answers=[Answer(2, d("2025-03-01"), yes)]) == COLD
    both = [Answer(1, d("2025-02-28"), yes), Answer(1, d("2025-03-02"), "{}")]
    assert tier(answers=both) == ANSWERED
    assert (
        tier(answers=[Answer(1, d("2025-03-01"), yes), Answer(1, d("2025-03-02"), "{}")]) == WITH_CONDITIONS
    )


def test_the_tier_is_that_of_today_until_the_follow_up_is_final() -> None:
    answers = [Answer(1, d("2025-03-02"), "{}")]
    assert tier(answers=answers, stored=[followup("2025-03-05", tier=CLICKED)]) == ANSWERED
    assert tier(stored=[followup("2025-03-05", tier=ANSWERED)]) == COLD
    assert tier(answers=answers, stored=[followup("2025-03-05", "missed")]) == ANSWERED
    assert tier(answers=answers, stored=[followup("2025-03-01", "missed", tier=CLICKED)]) == CLICKED


# ---------------------------------------------------------------------------------------------------
# Follow-ups: cap, frequency, hashes


def test_follow_ups_are_counted_and_moved_by_the_cap_within_their_deadline() -> None:
    """Cap 1. Three follow-ups of 3 March, deadline 13 March; the order is by hash."""
    initial = [replace(INITIAL, contact_id=number) for number in (1, 2, 3)]
    rules = with_followups(cap_share=Decimal("0.1"), overage=Decimal(1))
    result = run(crowd(3), "2025-03-02", sent=initial, rules=rules)
    code = splitmix64(splitmix64(AEP) ^ 7)
    order = sorted((1, 2, 3), key=lambda seed: row_hash(seed, code, d("2025-03-01")))
    days = {one.contact_id: one.send for one in result.rows}
    assert [days[number] for number in order] == [d("2025-03-03") + n * DAY for n in range(3)]
    rules.blackout_dates = {d("2025-03-04") + n * DAY for n in range(10)}
    stuck = run(crowd(3), "2025-03-02", sent=initial, rules=rules)
    assert stuck.over_cap == {d("2025-03-03"): 3}


def test_follow_ups_are_neither_limited_nor_counted_nor_in_conflict() -> None:
    campaigns = about([instance(1), instance(2)], [target("2025-03-03", number=2)])
    initial = replace(INITIAL, kind=A, send=d("2025-03-01"))
    rules = with_followups(max_per_period=2)
    result = run(person(), "2025-03-02", campaigns, sent=[initial], rules=rules)
    assert [(one.kind, one.send, one.reason) for one in result.rows] == [
        (A, d("2025-03-03"), None),
        (B, d("2025-03-03"), None),
    ]


def test_the_code_of_a_campaign_is_made_of_its_name() -> None:
    one = Instance(1, "plain", "spring", d("2025-01-01"))
    assert one.code == 7073546760851343290
    initial = replace(INITIAL, kind=A)
    made = candidates(
        [person()], [initial], about(one, [target("2025-03-10")]), with_followups(), d("2025-03-02")
    )
    assert [extra.code for extra in made] == [one.code, splitmix64(one.code ^ 7)]


# ---------------------------------------------------------------------------------------------------
# In any world


def check_campaigns(world: World, result: Result) -> None:
    """What must hold of every plan with campaigns, beside what must hold of any."""
    check(world, result)
    instances = {one.kind: one for one in world.campaigns.instances}
    gone = {(one.contact_id, one.kind, one.event, one.followup): one for one in world.sent}
    for one in result.rows:
        if one.followup:
            assert one.tier is not None
            assert (one.contact_id, *one.key) not in gone
        if one.reason is None and one.instance is not None:
            assert instances[one.kind].status == "active"
            assert (
                instances[one.kind].active_end is None
                or one.pinned
                or one.send <= instances[one.kind].active_end
            )
        if one.reason is None and one.followup:
            assert one.parent is not None
            assert gone[one.contact_id, *one.parent].status in ("sent", "delivered")
            assert world.excluded(one.contact_id, one.send) is None
    initial = Counter((one.contact_id, one.parent) for one in result.rows if one.followup)
    initial.update((one.contact_id, (one.kind, one.event, False)) for one in world.sent if one.followup)  # type: ignore[arg-type]
    assert set(initial.values()) <= {1}
    for waits in [one for one in result.rows if one.reason == "campaign_inactive"]:
        assert waits.instance is not None
    targeted = {(one.contact_id, *one.key) for one in world.candidates() if not one.followup}
    eligible = {one.id for one in world.contacts} - {contact for contact, _ in result.issues}
    there = {(one.contact_id, *one.key) for one in result.rows} | set(gone)
    eligible -= {one.id for one in world.contacts if one.status != "active" or one.suppressed or one.refuses}
    assert {key for key in targeted if key[0] in eligible} <= there  # nobody is passed over in silence


@ANY
@given(campaign_worlds())
def test_every_rule_holds_and_a_second_run_changes_nothing(world: World) -> None:
    result = world.plan()
    check_campaigns(world, result)
    assert after(world, result.rows, Night(days=0)).plan() == result


@ANY
@given(campaign_worlds(), st.randoms(use_true_random=False))
def test_the_order_of_things_does_not_matter(world: World, chance: random.Random) -> None:
    def mixed(things: list[Any]) -> list[Any]:
        return chance.sample(things, len(things))

    facts = world.campaigns
    other = replace(
        world,
        contacts=mixed(world.contacts),
        stored=mixed(world.stored),
        sent=mixed(world.sent),
        campaigns=Campaigns(
            mixed(facts.types),
            mixed(facts.instances),
            mixed(facts.targets),
            mixed(facts.clicks),
            mixed(facts.answers),
        ),
    )
    assert other.plan() == world.plan()


@ANY
@given(campaign_stories())
def test_night_after_night(story: CampaignStory) -> None:
    """Campaigns paused, moved and archived, targets added and removed, people clicking and answering."""
    world = story.world
    result = world.plan()
    for night in story.nights:
        world = morning(world, result.rows, night)
        result = world.plan()
        check_campaigns(world, result)
        assert after(world, result.rows, Night(days=0)).plan() == result
