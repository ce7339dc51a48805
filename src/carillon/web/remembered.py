"""Figures that may be a little old: read once for all who look, then kept for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")


class Remembered:
    """Values with an age. Safe to share by threads; two may read the same thing at the same moment."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: dict[object, tuple[float, Any]] = {}

    def get(self, key: object, seconds: float, read: Callable[[], T]) -> T:
        """What is kept under `key`, or what `read` finds where that is older than `seconds`."""
        now = time.monotonic()
        with self._lock:
            found = self._kept.get(key)
        if found is not None and now - found[0] < seconds:
            return found[1]
        value = read()
        with self._lock:
            self._kept[key] = now, value
        return value

    def forget(self, key: object) -> None:
        """Read it anew the next time: something was changed."""
        with self._lock:
            self._kept.pop(key, None)
