"""What sources hand over: messages, how far a folder is read with them, and what keeps a source from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from carillon.errors import Refused

MOST_BYTES = 512 * 1024
"""Of a message, so much is read at most: headers and texts stand before what is attached."""
BATCH = 50
"""Messages in a batch at most."""


@dataclass(frozen=True)
class Mark:
    """How far a folder is read: up to `last_uid`, as long as its `uidvalidity` stays what it is."""

    uidvalidity: int = 0
    """0: it was never read."""
    last_uid: int = 0


@dataclass(frozen=True)
class Arrived:
    """A message as it lies in the mailbox, at most MOST_BYTES of it."""

    place: str
    """Where it was found, for people."""
    arrived: datetime | None
    """When the mailbox got it, as the mailbox says."""
    raw: bytes


@dataclass(frozen=True)
class Batch:
    """Messages that follow one another, and the mark once they are stored."""

    mark: Mark
    messages: tuple[Arrived, ...] = ()


@dataclass(frozen=True)
class Marked:
    """A message that has a certain header."""

    folder: str
    number: int
    """In its folder."""
    is_spam: bool
    """Whether it lies where the mailbox puts spam."""
    value: str
    """What the header says, as it came."""


class NotReached(Refused):
    """A mailbox cannot be read; the text says why and what to do."""

    def __init__(self, why: str, *, login: bool = False) -> None:
        """`login`: who we are is refused. Asking again at once may lock the account."""
        super().__init__(why)
        self.login = login
