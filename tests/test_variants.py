"""A/B tests share contacts out by weight, the same way every time, whoever else is there."""

from __future__ import annotations

import hashlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.campaigns import Campaign, CampaignType, Instance
from carillon.splitmix import splitmix64
from carillon.variants import choose, templates_for, usual_template, variant_words

SEEDS = splitmix64(np.arange(20_000, dtype=np.uint64))
WEIGHTS = st.lists(st.integers(1, 1_000_000), min_size=1, max_size=6)
NAMES = st.text(min_size=1, max_size=20)


def campaign(template: str | None, *variants: tuple[str, int], name: str = "Spring") -> Campaign:
    listed = [{"template": one, "weight": weight} for one, weight in variants]
    metadata = {"variants": listed} if listed else {}
    return Campaign(CampaignType("promo"), Instance(1, "promo", name, template, metadata=metadata))


@settings(max_examples=60, deadline=None)
@given(NAMES, WEIGHTS)
def test_each_variant_gets_its_share(name: str, weights: list[int]) -> None:
    counts = np.bincount(choose(SEEDS, name, weights), minlength=len(weights))
    expected = len(SEEDS) * np.array(weights) / sum(weights)
    # Six standard deviations: a fair choice misses this once in many millions of runs.
    assert (np.abs(counts - expected) <= 6 * np.sqrt(expected) + 3).all()


@settings(max_examples=60, deadline=None)
@given(NAMES, WEIGHTS, st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50), st.randoms())
def test_nobody_else_matters(name: str, weights: list[int], seeds: list[int], chance) -> None:  # type: ignore[no-untyped-def]
    chosen = dict(zip(seeds, choose(np.array(seeds, np.uint64), name, weights).tolist(), strict=True))
    chance.shuffle(seeds)
    again = choose(np.array(seeds, np.uint64), name, weights)
    assert [chosen[seed] for seed in seeds] == again.tolist()
    alone = [int(choose(np.array([seed], np.uint64), name, weights)[0]) for seed in seeds]
    assert alone == again.tolist()


@settings(max_examples=100, deadline=None)
@given(NAMES, st.lists(st.integers(1, 50), min_size=1, max_size=6), st.integers(0, 2**64 - 1))
def test_it_is_the_documented_sum(name: str, weights: list[int], seed: int) -> None:
    mixed = (seed ^ int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")) + 0x9E3779B97F4A7C15
    mixed &= 2**64 - 1
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    number = (mixed ^ (mixed >> 31)) % sum(weights)
    numbered = [place for place, weight in enumerate(weights) for _ in range(weight)][number]
    assert choose(np.array([seed], np.uint64), name, weights).tolist() == [numbered]


def test_it_stays_what_it_was() -> None:
    """A change here would give people another template in the middle of a test."""
    assert choose(SEEDS[:12], "Spring", [1, 1]).tolist() == GOLDEN


GOLDEN = [0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1]


def test_instances_are_shared_out_on_their_own() -> None:
    one, other = choose(SEEDS, "Spring", [1, 1]), choose(SEEDS, "Autumn", [1, 1])
    assert 0.45 < (one == other).mean() < 0.55


def test_the_template_of_one_contact() -> None:
    tested = campaign("plain_v1", ("a_v1", 1), ("b_v1", 3))
    assert set(templates_for(tested, SEEDS[:400], testing=True)) == {"a_v1", "b_v1"}
    assert templates_for(tested, SEEDS[:3], testing=False) == ["plain_v1"] * 3
    assert templates_for(campaign("plain_v1"), SEEDS[:1], testing=True) == ["plain_v1"]
    assert templates_for(tested, SEEDS[:0], testing=True) == []
    assert usual_template(campaign(None, ("a_v1", 1), ("b_v1", 3))) == "a_v1"
    assert usual_template(campaign(None)) is None


def test_a_variant_is_named_where_its_template_is_shown() -> None:
    tested = campaign("plain_v1", ("a_v1", 1), ("b_v1", 3))
    assert variant_words(tested, "b_v1", testing=True) == "variant 2 of 2"
    assert variant_words(tested, "plain_v1", testing=True) == ""
    assert variant_words(tested, "b_v1", testing=False) == ""
    assert variant_words(campaign(None), None, testing=True) == ""
