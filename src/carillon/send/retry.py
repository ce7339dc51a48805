"""When an email that was put off is tried again: exponential backoff with jitter, inside its day."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from carillon.splitmix import splitmix64

FIRST_SECONDS = 60.0
LONGEST_SECONDS = 3600.0
_UNSIGNED = (1 << 64) - 1


def pause(attempts: int, schedule_id: int, asked: float | None = None) -> timedelta:
    """How long to wait after so many attempts (1 or more); `asked`: what the server said, in seconds.

    60 s, doubled each time up to an hour, and up to half of it more: the same for the same email, so
    that a preview is what happens, and another for each, so that they do not all come back at once.
    """
    steady = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (max(attempts, 1) - 1))
    key = ((schedule_id << 8) ^ attempts) & _UNSIGNED
    share = int(splitmix64(np.array([key], np.uint64))[0]) / 2**64
    return timedelta(seconds=max(steady * (1 + share / 2), asked or 0))


def retry_at(
    now: datetime, attempts: int, schedule_id: int, end_of_day: datetime, most: int, asked: float | None
) -> datetime | None:
    """The moment of the next attempt; None where there is none today or `most` were made."""
    if attempts >= most:
        return None
    at = now + pause(attempts, schedule_id, asked)
    return at if at < end_of_day else None
