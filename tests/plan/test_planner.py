"""The fast planner against the slow reference, on random worlds, cut into random batches."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carillon.days import date_of
from tests.plan.bridge import planned_by_carillon, rows_of
from tests.plan.reference import default_rules, splitmix64
from tests.plan.reference_campaigns import COLD, Campaigns, CampaignType, Instance, Target
from tests.plan.reference_facts import Contact, Sent
from tests.plan.worlds import World, after, next_nights, worlds
from tests.plan.worlds_campaigns import CampaignStory, campaign_stories, campaign_worlds, morning

SLOW_TO_DRAW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def comparable(world: World) -> World:
    """With no seed twice (see `seeds` in the decisions), only campaigns of its own, and tiers throughout."""
    seeds: set[int] = set()
    contacts = []
    for contact in world.contacts:
        seed = contact.seed if contact.seed not in seeds else splitmix64(contact.seed ^ (contact.id << 20))
        seeds.add(seed)
        contacts.append(replace(contact, seed=seed))
    stored = [replace(row, tier=row.tier or COLD) if row.followup else row for row in world.stored]
    return replace(world, contacts=contacts, stored=stored, extra=[])


def assert_same(world: World, batches: random.Random) -> None:
    expected, got = world.plan(), planned_by_carillon(world, batches)
    assert (got.eligible, got.cap) == (expected.eligible, expected.cap)

    def order(row):  # type: ignore[no-untyped-def]
        return row.contact_id, row.kind, row.event, row.followup

    assert sorted(rows_of(got.working.rows), key=order) == sorted(expected.rows, key=order)
    assert {(issue[0], issue[1]) for issue in got.working.issues} == expected.issues
    assert {date_of(day): n for day, n in got.over.items()} == expected.over_cap


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW_TO_DRAW)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_plan_is_the_references(world: World, batches: random.Random) -> None:
    assert_same(comparable(world), batches)


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW_TO_DRAW)
@given(next_nights(), st.randoms(use_true_random=False))
def test_night_after_night_it_stays_the_references(story, batches: random.Random) -> None:  # type: ignore[no-untyped-def]
    world = story.world
    for night in story.nights:
        world = comparable(world)
        assert_same(world, batches)
        world = after(world, world.plan().rows, night)
    assert_same(comparable(world), batches)


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW_TO_DRAW)
@given(campaign_worlds(), st.randoms(use_true_random=False))
def test_with_campaigns_and_follow_ups_too(world: World, batches: random.Random) -> None:
    assert_same(comparable(world), batches)


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW_TO_DRAW)
@given(campaign_stories(), st.randoms(use_true_random=False))
def test_campaigns_night_after_night(story: CampaignStory, batches: random.Random) -> None:
    world = story.world
    for night in story.nights:
        world = comparable(world)
        assert_same(world, batches)
        world = morning(world, world.plan().rows, night)
    assert_same(comparable(world), batches)


WELCOME = Instance(1, "blast", "Welcome", date(2026, 2, 20), active_start=date(2026, 3, 5))


@pytest.mark.parametrize(
    ("sent", "targets"),
    [
        ([], [Target(1, 1, "2026-03-05", date(2026, 3, 10))]),
        ([Sent(1, 17, date(2026, 2, 1), date(2026, 2, 1), "cancelled", followup=True)], []),
    ],
    ids=["targeted late by name as well", "only a follow-up of it was there"],
)
def test_a_campaign_for_everyone(sent: list[Sent], targets: list[Target]) -> None:
    """What random worlds seldom meet."""
    contact = Contact(1, "a@example.com", 7, zip_code="75201", created=date(2026, 1, 1))
    campaigns = Campaigns([CampaignType("blast", target_all_contacts=True)], [WELCOME], targets)
    rules = replace(default_rules(), followups=True)
    world = World([contact], [], sent, [], rules, date(2026, 3, 10), campaigns)
    assert_same(world, random.Random(1))


REFUSALS = [(), ("marketing",), ("rate_increase",), ("regulatory_notice",), ("marketing", "rate_increase")]


@pytest.mark.parametrize("before", [False, True])
def test_what_an_address_is_suppressed_for_is_not_planned(before: bool) -> None:
    """One contact for each, with emails of two types and follow-ups to both; `before`: planned already."""
    today = date(2025, 2, 1)
    contacts = [
        Contact(number, f"p{number}@example.com", 77 * number, zip_code="75201", birth_date="1960-06-18",
                refuses=refuses)
        for number, refuses in enumerate(REFUSALS, 1)
    ]  # fmt: skip
    types = [CampaignType("regulatory_notice"), CampaignType("rate_increase")]
    instances = [
        Instance(number, types[number % 2].name, f"campaign {number}", date(2025, 1, 1))
        for number in (1, 2, 3, 4)
    ]
    targets = [Target(one.id, number, "2025-03-10") for one in contacts for number in (1, 2)]
    sent = [
        Sent(one.id, 16 + number, today, today, "sent") for one in contacts for number in (3, 4)
    ]  # they call for follow-ups
    rules = replace(default_rules(), followups=True, cap_share=1)  # type: ignore[arg-type]
    world = World(contacts, [], sent, [], rules, today, Campaigns(types, instances, targets))
    if before:
        free = replace(world, contacts=[replace(one, refuses=()) for one in contacts])
        world = replace(world, stored=free.plan().rows)
    assert_same(comparable(world), random.Random(1))
    kinds = {
        one.id: {(row.kind, row.followup) for row in world.plan().rows if row.contact_id == one.id}
        for one in contacts
    }
    assert {(17, False), (18, False), (19, True), (20, True)} < kinds[1]
    assert kinds[2] == {(18, False)}
    assert kinds[5] == {(18, False)}
