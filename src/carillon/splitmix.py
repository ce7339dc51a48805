"""splitmix64 of one number: a choice by chance that is the same everywhere (see `plan.hashing`)."""

from __future__ import annotations

_MASK = (1 << 64) - 1


def mixed(value: int) -> int:
    """One round, in 64 bits."""
    mixed = ((value & _MASK) + 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)
