"""Campaigns and follow-ups on real tables, night by night: what is stored is what the reference plans."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from carillon.store.engine import Database
from tests.contract.diary import Diary
from tests.contract.stories import drawn
from tests.contract.test_plan_store import assert_fresh, assert_night, database  # noqa: F401  (a fixture)
from tests.plan.bridge import key_of
from tests.plan.reference_campaigns import target_status
from tests.plan.test_planner import comparable
from tests.plan.worlds import World
from tests.plan.worlds_campaigns import campaign_stories, morning

STORIES = 200 if os.environ.get("CARILLON_SOAK") else 10


def assert_books(diary: Diary, world: World) -> None:
    """Targets have the status of their emails, follow-ups say what they are made of."""
    found = diary.query(
        "select contact_id, campaign_instance_id, trigger_date, status from contact_campaigns"
    )
    if world.rules.campaigns:
        looked_at = {(t.contact_id, t.instance_id, t.trigger): t for t in world.campaigns.targets}
        running = {one.id for one in world.campaigns.instances}
        for contact, instance, trigger, status in found:
            target = looked_at[contact, instance, trigger]  # type: ignore[index]
            if instance in running:
                assert status == target_status(target, world.stored, world.sent), target
    told = dict(diary.query("select id, metadata from plan_followups"))
    clicks = [key_of(c.contact_id, c.kind, c.event, c.followup) for c in world.campaigns.clicks]
    for row in world.stored:
        if row.followup and (row.reason is None or row.send >= world.today):
            said = told[key_of(row.contact_id, row.kind, row.event, True)]
            said = json.loads(said) if isinstance(said, str) else said
            parent = key_of(row.contact_id, row.kind, row.event)
            assert said["initial_email_id"] == parent
            assert said["click_count"] == clicks.count(parent)
            behaviour = said["followup_behavior"]
            assert row.tier is not None
            assert behaviour["has_answered_hq"] == (row.tier[9] in "34")
            assert behaviour["has_medical_conditions"] == (row.tier[9] == "4")
            assert behaviour["has_clicked"] == (clicks.count(parent) > 0)


def test_nights_with_campaigns_are_the_references(
    database: Database,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    diary = Diary(database)
    for number, story in enumerate(drawn(campaign_stories(max_contacts=20, max_nights=5), STORIES)):
        monkeypatch.setattr("carillon.plan.run.BULK_ROWS", (number % 2) * 5_000)
        world = comparable(story.world)
        diary.load(world)
        for turn, night in enumerate([*story.nights, None]):
            try:
                world = assert_night(diary, world)
                assert_books(diary, world)
            except Exception as error:
                error.add_note(f"story {number}, night {turn}, {world.today}")
                raise
            if night is not None:
                coming = comparable(morning(world, world.stored, night))
                diary.night(world, coming, through_view=turn % 2 == 0)
                world = coming
        assert_fresh(diary, replace(world))
