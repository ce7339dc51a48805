"""Hours chosen for emails of sequences and of the plan: in whose zone, by whose settings, on which day."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from carillon.advance.run import advance
from carillon.days import day_number
from carillon.errors import InputError
from carillon.keys import CONTACT_SHIFT
from carillon.pace.run import deal_out, release
from carillon.sequences import SequenceSettings
from carillon.store import outreach, timing, timing_edit
from carillon.store.moments import moment_of
from carillon.watch.timing import settings_in_force, timing_report
from carillon.workspace import Workspace
from tests.contract.conftest import NOW
from tests.contract.outbox import TODAY, account, contacts, email, execute, query
from tests.contract.sequence_world import add_sequence, end_emails, enroll, later, steps
from tests.contract.slot_world import mailbox, put_slots

TOKYO, CHICAGO = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/Chicago")
WAY = steps(("first", "email", {"template": "plain"}))
PEOPLE = range(1, 41)
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def smart(workspace: Workspace, **values: Any) -> Workspace:
    """The same with hours chosen."""
    changed = workspace.settings.smart_scheduling.model_copy(update={"enabled": True} | values)
    return replace(workspace, settings=workspace.settings.model_copy(update={"smart_scheduling": changed}))


def leaving(workspace: Workspace) -> list[tuple[datetime, str | None, int]]:
    """When emails leave, how that came, and the day they count for."""
    rows = query(workspace, "select send_at, time_choice, send from outbox order by contact_id")
    found = []
    for at, choice, day in rows:
        moment = moment_of(at)
        assert moment is not None
        found.append((moment, choice, day))
    return found


def test_readers_in_tokyo_of_a_workspace_in_chicago(workspace: Workspace) -> None:
    workspace = smart(workspace)
    account(workspace)
    contacts(workspace, *PEOPLE, timezone="Asia/Tokyo")
    enroll(workspace, add_sequence(workspace, WAY), *PEOPLE)
    advance(workspace)
    found = leaving(workspace)
    assert {choice for _, choice, _ in found} == {"explore", "holdout"}
    for at, choice, day in found:
        if choice == "holdout":
            assert at == NOW
        else:
            wall = at.astimezone(TOKYO)
            assert wall.hour in range(9, 18)
            assert wall.weekday() < 5
            assert NOW + timedelta(hours=1) <= at <= NOW + timedelta(hours=49)
        assert day == day_number(at.astimezone(workspace.settings.workspace.zone).date())
    # What was chosen stays, whatever is learnt later.
    later(workspace, minutes=30)
    assert leaving(workspace) == found
    end_emails(workspace, "sent", NOW + timedelta(hours=3))
    assert timing.record(workspace.database, workspace.settings, NOW + timedelta(hours=4)) == len(PEOPLE)
    rows = query(workspace, "select chosen, timezone from send_outcomes order by contact_id")
    assert rows == [(choice, "Asia/Tokyo") for _, choice, _ in found]


def test_no_hour_lies_in_a_window_of_the_contacts_state(workspace: Workspace) -> None:
    """California is closed from 30 days before a birthday to 60 after it, and from 60 days earlier still."""
    workspace = smart(workspace, hold_out_percent=0)
    account(workspace)
    birth = (NOW.date() - timedelta(days=60)).replace(year=1960)  # today is the last closed day
    contacts(workspace, *PEOPLE, zip_code="90210", birth_date=birth.isoformat())
    enroll(workspace, add_sequence(workspace, WAY), *PEOPLE)
    advance(workspace)
    zone = workspace.settings.workspace.zone
    closed = NOW.astimezone(zone).date()
    assert len(leaving(workspace)) == len(PEOPLE)
    for at, choice, _ in leaving(workspace):
        assert choice == "explore"
        assert at.astimezone(zone).date() > closed
        assert at.astimezone(ZoneInfo("America/Los_Angeles")).date() > closed


def test_the_nearest_level_wins_key_by_key(workspace: Workspace) -> None:
    sender = account(workspace)
    workspace.database.write(lambda c: outreach.create(c, outreach.Outreach("spring"), NOW, "test"))
    said = SequenceSettings.model_validate({"smart_scheduling": {"strategy": "explore"}})
    ((campaign,),) = query(workspace, "select id from outreach_campaigns")
    sequence = add_sequence(workspace, WAY, settings=said, campaign=campaign)

    def say(who: str | None, what: str | None, **pairs: str) -> None:
        workspace.database.write(lambda c: timing_edit.change(c, who, what, pairs, NOW, "test"))

    say("main", None, enabled="true", strategy="best", min_delay_hours="3", preferred_days="mon, tuesday")
    say(None, "spring", min_delay_hours="2")
    with workspace.database.snapshot() as connection:
        levels = timing.levels(connection, workspace.settings.smart_scheduling)
    rules = levels.of(sender.id, sequence=sequence.id)
    assert (rules.enabled, rules.strategy, rules.min_delay_hours) == (True, "explore", 2)
    assert rules.preferred_days == ("monday", "tuesday")
    assert not levels.of(sequence=sequence.id).enabled
    told, faults = settings_in_force(workspace, account="main", sequence=sequence.name)
    origin = {one.key: (one.value, one.origin) for one in told}
    assert origin["strategy"] == ("explore", "sequence")
    assert origin["min_delay_hours"] == (2, "campaign")
    assert origin["enabled"] == (True, "account")
    assert origin["outcome"][0] == "reply"
    assert faults == ()
    say("main", None, enabled="", strategy="", min_delay_hours="", preferred_days="")
    assert query(workspace, "select smart_scheduling from accounts") == [(None,)]
    with pytest.raises(InputError, match=r'did you mean "strategy"'):
        say("main", None, strateg="best")
    with pytest.raises(InputError, match="min_delay_hours"):
        say("main", None, min_delay_hours="soon")


def test_a_level_that_another_program_spoilt_says_nothing(workspace: Workspace) -> None:
    account(workspace)
    execute(workspace, """update accounts set smart_scheduling = '{"enabled": "perhaps"}'""")
    _, (fault,) = settings_in_force(workspace, account="main")
    assert "account main" in fault
    assert "enabled" in fault


def planned(workspace: Workspace, **more: Any) -> None:
    contacts(workspace, *PEOPLE, **more)
    execute(workspace, "update plan_kinds set email_template = 'birthday_standard_v1' where kind = 0")
    for one in PEOPLE:
        execute(
            workspace,
            "insert into plan (id, send, ideal, state, run)"
            f" values ({(one << CONTACT_SHIFT) | (TODAY + 14)}, {TODAY}, {TODAY}, {5 << 8}, 1)",
        )


@pytest.mark.parametrize("zone", ["America/Chicago", "Asia/Tokyo", "America/Los_Angeles"])
def test_a_planned_email_keeps_its_day(workspace: Workspace, zone: str) -> None:
    workspace = smart(workspace, hold_out_percent=0, preferred_days=WEEK)
    account(workspace)
    planned(workspace, timezone=zone)
    assert release(workspace).released == len(PEOPLE)
    days = {at.astimezone(workspace.settings.workspace.zone).date() for at, _, _ in leaving(workspace)}
    assert days == {workspace.today()}
    for at, choice, _ in leaving(workspace):
        if choice == "explore":
            assert at.astimezone(ZoneInfo(zone)).hour in range(9, 18)
            assert at >= NOW + timedelta(hours=1)
        else:
            assert choice == "none"


def test_an_email_that_got_a_slot_before_its_hour_chose_nothing(workspace: Workspace) -> None:
    """Hours are chosen from an hour from now on; the one mailbox there is has its slots before that."""
    workspace = smart(workspace, hold_out_percent=0, preferred_days=WEEK)
    box = mailbox(workspace)
    planned(workspace)
    put_slots(workspace, box.id, [NOW + one * timedelta(minutes=1) for one in PEOPLE], workspace.today())
    deal = timing.timing(workspace.database, workspace.settings.smart_scheduling, NOW)
    workspace.database.write(lambda c: deal_out(c, workspace, deal))
    assert len(leaving(workspace)) == len(PEOPLE)
    assert {choice for _, choice, _ in leaving(workspace)} == {None}


def test_a_contact_keeps_the_account_that_did_write(workspace: Workspace) -> None:
    """The newer email, of another account, was cancelled before it left."""
    first, second = account(workspace, "first"), account(workspace, "second")
    planned(workspace)
    for one in PEOPLE:
        email(workspace, one, id=one, status="sent", send=TODAY - 30, account_id=first.id)
        email(workspace, one, id=1000 + one, status="cancelled", send=TODAY - 2, account_id=second.id)
    assert release(workspace).by_account == {"first": len(PEOPLE)}


def test_what_is_off_is_as_if_it_were_not_there(workspace: Workspace) -> None:
    account(workspace)
    planned(workspace)
    assert release(workspace).released == len(PEOPLE)
    assert {choice for _, choice, _ in leaving(workspace)} == {None}


def test_the_report_tells_campaigns_apart_and_what_choosing_gained(workspace: Workspace) -> None:
    rows = []
    number = 0
    for sequence, chosen, hour, emails, replies in (
        (1, "explore", 14, 400, 80),
        (1, "holdout", 9, 100, 10),
        (2, None, 9, 3, 3),
    ):
        for one in range(emails):
            number += 1
            replied = f"'{NOW.isoformat()}', 2.5" if one < replies else "null, null"
            rows.append(
                f"({number}, {number}, {sequence}, '{(NOW - timedelta(days=4)).isoformat()}', 'UTC', 2,"
                f" {hour}, {'null' if chosen is None else repr(chosen)}, {replied})"
            )
    for name in ("one", "two"):
        add_sequence(workspace, WAY, name=name)
    execute(
        workspace,
        "insert into send_outcomes (schedule_id, contact_id, sequence_id, sent_at, timezone, weekday, hour,"
        f" chosen, replied_at, hours_to_reply) values {', '.join(rows)}",
    )
    report = timing_report(workspace)
    assert (report.total.emails, report.total.replies) == (503, 93)
    one, two = report.campaigns
    assert (one.campaign, one.emails, one.best_hour, one.best_day) == ("one", 500, 14, "wednesday")
    assert (two.campaign, two.best_hour, two.mean_hours) == ("two", None, 2.5)
    assert one.lift.lift == pytest.approx(1.0)
    assert one.lift.low is not None
    assert one.lift.high is not None
    assert 0 < one.lift.low < 1 < one.lift.high
    assert two.lift.lift is None
    cells = {(cell.weekday, cell.hour): (cell.emails, cell.rate) for cell in report.cells}
    assert cells == {(2, 9): (103, 13 / 103), (2, 14): (400, 0.2)}
    assert [line.campaign for line in timing_report(workspace, sequence="two").campaigns] == ["two"]
    assert timing_report(workspace, days=2).total.emails == 0
    with pytest.raises(InputError, match="no campaign"):
        timing_report(workspace, campaign="three")


def test_a_campaign_of_the_planner_says_it_in_its_metadata(workspace: Workspace) -> None:
    execute(
        workspace,
        "insert into campaign_instances (campaign_type, instance_name, metadata) values ('promo', 'may',"
        f" '{json.dumps({'smart_scheduling': {'enabled': True, 'timezone': 'Asia/Tokyo'}})}')",
    )
    with workspace.database.snapshot() as connection:
        levels = timing.levels(connection, workspace.settings.smart_scheduling)
    rules = levels.of(instance=1)
    assert (rules.enabled, rules.target_timezone) == (True, "Asia/Tokyo")
