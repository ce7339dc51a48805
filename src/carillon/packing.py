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
PRIORITY_SHIFT = 8

States = npt.NDArray[np.int32]


def pack_state(
    reason: npt.NDArray[np.uint8], priority: npt.NDArray[np.uint8], pinned: npt.NDArray[np.bool_]
) -> States:
    """Arrays of shape (n,) into one."""
    state = reason.astype(np.int32) | (priority.astype(np.int32) << PRIORITY_SHIFT)
    return (state | np.where(pinned, PINNED_BIT, 0)).astype(np.int32)


def unpack_state(
    state: States,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Reason, priority, pinned."""
    return (
        (state & REASON_MASK).astype(np.uint8),
        (state >> PRIORITY_SHIFT).astype(np.uint8),
        (state & PINNED_BIT) != 0,
    )
