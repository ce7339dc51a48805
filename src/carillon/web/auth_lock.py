"""How long somebody waits who has guessed wrong: longer each time, and whoever does not exist just as long.

Users' failures stand in the database. Those of names that nobody has are counted here, in memory and by
hash, or a lock would tell which names there are; and so are those of addresses, which try many names.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock

FREE = 4
"""So many wrong passwords cost nothing."""
FREE_OF_ADDRESS = 20
"""Of one address, in whose place there may be an office."""
FIRST, MOST = timedelta(seconds=30), timedelta(hours=1)
FORGOTTEN = timedelta(hours=24)
_KNOWN = 10_000
"""Names and addresses that are kept in mind."""


def wait_after(failures: int, free: int = FREE) -> timedelta:
    """How long nothing is looked at after so many failures in a row."""
    if failures <= free:
        return timedelta()
    return min(FIRST * 2 ** min(failures - free - 1, 12), MOST)


class Strikes:
    """Failures of what has no row in the database."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[bytes, tuple[int, datetime, datetime]] = OrderedDict()

    def until(self, what: str, now: datetime) -> datetime | None:
        """Until when nothing of it is looked at; None: it may try."""
        with self._lock:
            found = self._kept.get(_hash(what))
        return found[1] if found is not None and found[1] > now else None

    def note(self, what: str, now: datetime, free: int = FREE) -> None:
        """One more failure."""
        with self._lock:
            n, _, last = self._kept.pop(_hash(what), (0, now, now))
            n = n + 1 if now - last < FORGOTTEN else 1
            self._kept[_hash(what)] = n, now + wait_after(n, free), now
            while len(self._kept) > _KNOWN:
                self._kept.popitem(last=False)

    def forget(self, what: str) -> None:
        """It was right."""
        with self._lock:
            self._kept.pop(_hash(what), None)


def _hash(what: str) -> bytes:
    return hashlib.sha256(what.encode()).digest()
