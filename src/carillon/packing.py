"""How a plan row's state is packed into one small integer.

    reason (4 bits) | pinned (1) | follow-up tier (2) | spare (1) | priority (8)

A reason of 0 is `pre-scheduled`, any other `skipped`. The view `email_schedules` unpacks it in SQL.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

REASON_MASK = 15
PINNED_BIT = 16
TIER_SHIFT = 5
TIER_MASK = 3
PRIORITY_SHIFT = 8

States = npt.NDArray[np.int32]
Small = npt.NDArray[np.uint8]


def pack_state(reason: Small, priority: Small, pinned: npt.NDArray[np.bool_], tier: Small) -> States:
    """Arrays of shape (n,) into one."""
    state = reason.astype(np.int32) | (priority.astype(np.int32) << PRIORITY_SHIFT)
    state |= pinned.astype(np.int32) * PINNED_BIT
    return state | (tier.astype(np.int32) << TIER_SHIFT)


def unpack_state(state: States) -> tuple[Small, Small, npt.NDArray[np.bool_], Small]:
    """Reason, priority, pinned, tier."""
    return (
        (state & REASON_MASK).astype(np.uint8),
        (state >> PRIORITY_SHIFT).astype(np.uint8),
        (state & PINNED_BIT) != 0,
        ((state >> TIER_SHIFT) & TIER_MASK).astype(np.uint8),
    )
