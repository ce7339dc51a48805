"""What `explain` says of campaigns and follow-ups, in the words people read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from carillon.plan.explain import Email
from carillon.plan.inquire import explain
from carillon.store.campaigns import campaigns
from carillon.variants import templates_for
from carillon.workspace import Workspace
from tests.plan.test_explain import TODAY, add_contacts, clock_of, edit, make_workspace, plan

ANNA = "anna@example.com"
TRIGGER = TODAY + timedelta(days=30)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Workspace]:
    """One contact in a state without rules, and nothing about her but her address."""
    workspace = make_workspace(tmp_path)
    add_contacts(workspace, [{"email": ANNA, "zip_code": "75201"}])
    yield workspace
    workspace.close()


def with_features(workspace: Workspace, **features: bool) -> Workspace:
    """The same with other features."""
    changed = workspace.settings.features.model_copy(update=features)
    return replace(workspace, settings=workspace.settings.model_copy(update={"features": changed}))


def make(workspace: Workspace, name: str, of: str = "rate_increase", **columns: object) -> None:
    """A campaign, as another program may make one; a target where a trigger date is given."""
    trigger = columns.pop("trigger", None)
    named = {"campaign_type": of, "instance_name": name, "created_at": f"{TODAY}T12:00:00Z"} | columns
    marks = ", ".join(f":{column}" for column in named)
    edit(workspace, f"insert into campaign_instances ({', '.join(named)}) values ({marks})", **named)
    if trigger:
        edit(
            workspace,
            "insert into contact_campaigns (contact_id, campaign_instance_id, trigger_date, created_at)"
            " select 1, id, :trigger, created_at from campaign_instances where instance_name = :name",
            trigger=str(trigger),
            name=name,
        )


def told(workspace: Workspace, name: str | None = None, email_type: str = "") -> list[Email]:
    """What is said of one campaign, or of a type."""
    (found,) = explain(workspace, ANNA)
    every = [*found.emails, *found.past]
    return [one for one in every if one.campaign == name and one.email_type.startswith(email_type)]


def send_all(workspace: Workspace, status: str = "sent") -> None:
    """The emails of today leave, and the next day is planned."""
    edit(
        workspace,
        "update email_schedules set status = :status where status = 'pre-scheduled'"
        " and scheduled_send_date <= :day",
        status=status,
        day=workspace.today().isoformat(),
    )
    clock_of(workspace).advance(timedelta(days=1))
    plan(workspace)


def test_a_rate_increase_from_its_target_to_its_follow_up(small: Workspace) -> None:
    make(small, "Rates", trigger=TODAY + timedelta(days=14), email_template="rates_v1")
    (coming,) = told(small, "Rates")
    assert coming.status == "not_planned_yet"
    assert coming.words.endswith("ideal is 14 days before its trigger date, 2026-03-24")
    plan(small)
    (planned,) = told(small, "Rates")
    assert (planned.email_type, planned.template) == ("campaign_rate_increase", "rates_v1")
    assert planned.words == "planned on its ideal day: 14 days before its trigger date, 2026-03-24"
    send_all(small)
    (cold,) = told(small, "Rates", "followup")
    assert (cold.email_type, cold.day, cold.template) == (
        "followup_1_cold",
        date(2026, 3, 12),
        "followup_cold_v1",
    )
    assert cold.words == (
        'planned on its ideal day: 2 days after the email of the campaign "Rates" of 2026-03-10; '
        "has neither clicked nor answered the health questions"
    )
    edit(
        small,
        "insert into tracking_clicks (contact_id, email_schedule_id)"
        " select contact_id, id from email_schedules where status = 'sent'",
    )
    (cold,) = told(small, "Rates", "followup")
    assert cold.next_run == (
        "the next plan makes it followup_2_clicked_no_hq (clicked, has not answered the health questions)"
    )
    plan(small)
    (clicked,) = told(small, "Rates", "followup")
    assert clicked.email_type == "followup_2_clicked_no_hq"
    assert clicked.words.endswith("; clicked, has not answered the health questions")
    clock_of(small).advance(timedelta(days=1))
    plan(small)
    send_all(small)
    (gone,) = told(small, "Rates", "followup")
    assert gone.words == 'sent; follow-up to the email of the campaign "Rates" of 2026-03-10'


def test_what_happened_to_a_campaign_meanwhile_is_told(small: Workspace) -> None:
    make(small, "Rates", trigger=TRIGGER)
    plan(small)
    edit(small, "update campaign_instances set status = 'paused'")
    (found,) = told(small, "Rates")
    assert found.next_run == (
        'the next plan skips it: the campaign "Rates" is paused; it goes as soon as that is over, '
        "by 2026-04-08 at the latest"
    )
    assert "a campaign or the settings have changed" in explain(small, ANNA)[0].notes[0]
    edit(small, "update campaign_instances set status = 'archived'")
    assert told(small, "Rates")[0].next_run == 'the next plan removes it: the campaign "Rates" is archived'
    edit(small, "update campaign_instances set status = 'active', metadata = '{\"days_before_event\": 7}'")
    assert told(small, "Rates")[0].next_run == (
        "the next plan moves it to about 2026-04-02 and gives it the ideal day 2026-04-02"
    )
    edit(small, "update campaign_instances set metadata = '{}', active_end_date = '2026-03-20'")
    assert told(small, "Rates")[0].next_run == (
        'the next plan skips it: its day, 2026-03-26, is after the campaign "Rates" ended, on 2026-03-20'
    )
    edit(small, "delete from contact_campaigns")
    assert told(small, "Rates")[0].next_run == (
        "the next plan removes it: the contact is no longer a target of the campaign for that date"
    )
    edit(small, "delete from campaign_instances")
    (gone,) = told(small, None, "campaign")
    assert gone.next_run == "the next plan removes it: the campaign is gone"


def test_a_campaign_held_up_or_before_its_time(small: Workspace) -> None:
    make(small, "Off", trigger=TRIGGER, metadata='{"active": false}')
    make(small, "Early", trigger=TRIGGER, active_start_date="2026-04-01")
    edit(small, "update campaign_types set active = 0 where name = 'seasonal_promo'")
    make(small, "Typeless", "seasonal_promo", trigger=TRIGGER)
    plan(small)
    off, early, typeless = (told(small, name)[0] for name in ("Off", "Early", "Typeless"))
    assert off.words.startswith('skipped: the campaign "Off" is set to active: false; it goes')
    assert early.words == (
        'skipped: its day, 2026-03-26, is before the campaign "Early" starts, on 2026-04-01'
    )
    assert typeless.words.startswith("skipped: the type seasonal_promo is not active; it goes")
    assert {one.skip_reason for one in (off, early, typeless)} == {"campaign_inactive"}


def test_two_on_one_day(small: Workspace) -> None:
    make(small, "Rates", trigger=TRIGGER)
    make(small, "Promo", "seasonal_promo", trigger=TRIGGER - timedelta(days=7))
    make(small, "More rates", trigger=TRIGGER)
    plan(small)
    rule = "skipped: only one campaign email goes to a contact on a day, and on 2026-03-26 that is the"
    first = f'{rule} email of the campaign "Rates"'
    assert told(small, "Promo")[0].words == f"{first} (of priority 1, before 5)"
    assert told(small, "More rates")[0].words == f"{first} (of the same priority, 1, but made first)"


def test_targets_that_come_to_nothing(small: Workspace) -> None:
    make(small, "Late", trigger=TODAY - timedelta(days=5))
    make(small, "Unreadable", trigger="2026-3-1")
    make(small, "Old", trigger=TRIGGER, status="archived")
    plan(small)
    assert told(small, "Late")[0].words == (
        "skipped: missed: the campaign was made on 2026-03-10, when its day, 2026-02-19, and its trigger "
        "date, 2026-03-05, had passed; that is final for this event"
    )
    assert [one.words for one in told(small, "Unreadable")] == [
        'not considered: the trigger date "2026-3-1" cannot be used'
    ]
    assert [one.words for one in told(small, "Old")] == ['not considered: the campaign "Old" is archived']


def test_a_campaign_for_everyone(small: Workspace) -> None:
    make(small, "Welcome", "initial_blast")
    edit(small, "update contacts set created_at = '2026-03-01T12:00:00Z'")
    plan(small)
    (found,) = told(small, "Welcome")
    assert found.words == (
        "planned on its ideal day: the campaign writes to everyone from the day on which it was made"
    )
    send_all(small)
    said = [one.words for one in told(small, "Welcome") if one.status == "not_considered"]
    assert said[1] == (
        'not considered: the campaign "Welcome" writes once to everyone, and did so on 2026-03-10'
    )
    assert said[0].endswith('gets no follow-up: the campaign "Welcome" has no follow-ups')


@pytest.mark.parametrize(
    ("status", "why"),
    [("bounced", "it bounced"), ("in_doubt", "nobody knows whether it was sent")],
)
def test_a_sent_email_without_a_follow_up(small: Workspace, status: str, why: str) -> None:
    make(small, "Rates", trigger=TODAY + timedelta(days=14))
    plan(small)
    send_all(small, status)
    (found,) = told(small, "Rates", "followup")
    assert found.words == (
        f'not considered: the email of the campaign "Rates" of 2026-03-10 gets no follow-up: {why}'
    )


def test_features_that_are_switched_off(small: Workspace) -> None:
    make(small, "Rates", trigger=TODAY + timedelta(days=14))
    make(small, "Other", trigger=TRIGGER)
    plan(small)
    send_all(small)
    changed = with_features(small, campaigns=False, followups=False)
    (other,) = [one for one in told(changed, "Other") if one.next_run]
    assert other.next_run == "the next plan removes it: campaign emails are switched off (features.campaigns)"
    (followup,) = told(changed, "Rates", "followup")
    assert followup.next_run == "the next plan removes it: follow-ups are switched off (features.followups)"


def test_the_template_of_an_a_b_test(small: Workspace) -> None:
    variants = [{"template": "a_v1", "weight": 1}, {"template": "b_v1", "weight": 2}]
    metadata = json.dumps({"variants": variants})
    make(small, "Rates", trigger=TRIGGER, email_template="plain_v1", metadata=metadata)
    make(small, "Bare", trigger=TRIGGER + timedelta(days=20), metadata=metadata)
    plan(small)
    with small.database.snapshot() as connection:
        seed = int(connection.execute(text("select seed from contacts")).scalar_one()) % 2**64
        query = "select email_template from email_schedules where campaign_instance_id > 0 order by 1"
        shown = connection.execute(text(query)).scalars().all()
        stored = {one.instance.name: one for one in campaigns(connection)}
    assert told(small, "Rates")[0].template == "plain_v1"
    assert told(small, "Bare")[0].template == "a_v1"
    assert shown == ["a_v1", "plain_v1"]
    tested = with_features(small, ab_testing=True)
    for name in ("Rates", "Bare"):
        (email, *_) = told(tested, name)
        assert email.template in ("a_v1", "b_v1")
        assert [email.template] == templates_for(stored[name], np.array([seed], np.uint64), testing=True)
        assert email.variant == f"variant {1 if email.template == 'a_v1' else 2} of 2"
