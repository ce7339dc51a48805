"""Which template a campaign's email takes (01-plan §11): chance by arithmetic, like every other choice.

With `features.ab_testing` an instance's `variants` are shared out by a number that hangs on nothing but the
contact's seed and the instance's name: splitmix64(seed xor code) mod the sum of the weights, where `code` is
that of the instance in all hashes (decision 0001). The variants take the numbers from 0 on, each as many as
its weight, in the order in which they are listed. So a contact gets the same one for every email of the
instance, on every machine, whoever else is written to; other weights or another order share out anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from carillon.campaigns import Campaign
from carillon.columns import Index
from carillon.plan.hashing import Hashes, instance_code
from carillon.splitmix import splitmix64


def choose(seeds: Hashes, instance_name: str, weights: Sequence[int]) -> Index:
    """The place of each contact's variant among `weights`, shape (n,)."""
    ends = np.cumsum(np.array(weights, np.uint64))
    number = splitmix64(seeds ^ np.uint64(instance_code(instance_name))) % ends[-1]
    return np.searchsorted(ends, number, side="right")


def usual_template(campaign: Campaign) -> str | None:
    """What everyone gets where nothing is tested: the instance's template, or else its first variant."""
    first = next((variant.template for variant in campaign.variants), None)
    return campaign.instance.email_template or first


def template_for(campaign: Campaign, seed: int, testing: bool) -> str | None:
    """The template of the instance's emails to one contact; `testing`: `features.ab_testing`."""
    variants = campaign.variants
    if not testing or not variants:
        return usual_template(campaign)
    seeds = np.array([seed], np.uint64)
    chosen = choose(seeds, campaign.instance.name, [variant.weight for variant in variants])
    return variants[int(chosen[0])].template
