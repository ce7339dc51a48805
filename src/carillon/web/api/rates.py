"""How often a caller may call: a bucket each, filled evenly.

In the memory of this process: the limit guards the server that is being called, and a call must not cost a
write to the database. How fast mail leaves is limited elsewhere, in the database.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

from carillon.clock import monotonic

MOST_CALLERS = 10_000
"""Remembered; then those whose buckets are full are forgotten."""


@dataclass(frozen=True)
class Turn:
    """Whether a call may go on, and what its caller has left."""

    granted: bool
    limit: int
    left: int
    seconds: int
    """Until there is one again, or until the bucket is full."""

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.left),
            "RateLimit-Reset": str(self.seconds),
        }


class Rates:
    """The buckets of one server."""

    def __init__(self, per_minute: int) -> None:
        self._limit = per_minute
        self._buckets: dict[str, tuple[float, float]] = {}
        """What a caller had left, and when that was."""
        self._lock = threading.Lock()

    def take(self, caller: str) -> Turn:
        """One call of a caller."""
        now, limit = monotonic(), self._limit
        speed = limit / 60
        with self._lock:
            if len(self._buckets) > MOST_CALLERS:
                self._forget(now)
            left, then = self._buckets.get(caller, (float(limit), now))
            left = min(limit, left + (now - then) * speed)
            granted = left >= 1
            if granted:
                left -= 1
            self._buckets[caller] = (left, now)
        wait = (limit - left) / speed if granted else (1 - left) / speed
        return Turn(granted, limit, int(left), max(1, math.ceil(wait)))

    def _forget(self, now: float) -> None:
        full = [who for who, (left, then) in self._buckets.items() if left + (now - then) * self._limit / 60
                >= self._limit]  # fmt: skip
        for who in full:
            del self._buckets[who]
