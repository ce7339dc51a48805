"""The fast planner against the slow reference, on random worlds, cut into random batches."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carillon.days import date_of
from tests.plan.bridge import planned_by_carillon, rows_of
from tests.plan.reference import splitmix64
from tests.plan.worlds import World, after, next_nights, worlds

SLOW_TO_DRAW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def comparable(world: World) -> World:
    """With the hash codes Carillon makes for follow-ups, and no seed twice (see `seeds` in the decisions)."""
    codes = {kind: splitmix64(1000 + kind if kind >= 16 else kind) for kind in range(32)}
    seeds: set[int] = set()
    contacts = []
    for contact in world.contacts:
        seed = contact.seed if contact.seed not in seeds else splitmix64(contact.seed ^ (contact.id << 20))
        seeds.add(seed)
        contacts.append(replace(contact, seed=seed))
    return replace(
        world,
        contacts=contacts,
        extra=[
            replace(one, code=splitmix64(codes[one.kind] ^ 7) if one.followup else codes[one.kind])
            for one in world.extra
        ],
    )


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
