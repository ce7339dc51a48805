"""Which template a campaign's email takes (01-plan §11): chance by arithmetic, like every other choice.

With `features.ab_testing` an instance's `variants` are shared out by a number that hangs on nothing but the
contact's seed and the instance's name: splitmix64(seed xor code) mod the sum of the weights, where `code` is
that of the instance in all hashes (decision 0001). The variants take the numbers from 0 on, each as many as
its weight, in the order in which they are listed. So a contact gets the same one for every email of the
instance, on every machine, whoever else is written to; other weights or another order share out anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from carillon.campaigns import Campaign
from carillon.columns import Index
from carillon.splitmix import splitmix64

Seeds = npt.NDArray[np.uint64]


def instance_code(name: str) -> int:
    """The code of a campaign instance: the first 8 bytes of SHA-256 of its name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def choose(seeds: Seeds, instance_name: str, weights: Sequence[int]) -> Index:
    """The place of each contact's variant among `weights`, shape (n,)."""
    ends = np.cumsum(np.array(weights, np.uint64))
    number = splitmix64(seeds ^ np.uint64(instance_code(instance_name))) % ends[-1]
    return np.searchsorted(ends, number, side="right")


def usual_template(campaign: Campaign) -> str | None:
    """What everyone gets where nothing is tested: the instance's template, or else its first variant."""
    first = next((variant.template for variant in campaign.variants), None)
    return campaign.instance.email_template or first


def templates_for(campaign: Campaign, seeds: Seeds, testing: bool) -> list[str | None]:
    """The templates of the instance's emails to these contacts; `testing`: `features.ab_testing`."""
    variants = campaign.variants
    if not testing or not variants:
        return [usual_template(campaign)] * len(seeds)
    chosen = choose(seeds, campaign.instance.name, [variant.weight for variant in variants])
    return [variants[place].template for place in chosen.tolist()]


def variant_words(campaign: Campaign, template: str | None, testing: bool) -> str:
    """How a template is named where it is shown: as one of several, if several are tested."""
    names = [variant.template for variant in campaign.variants] if testing else []
    return f"variant {names.index(template) + 1} of {len(names)}" if template in names else ""
