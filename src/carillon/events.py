"""Something that came back, in the one shape all sources bring it in: mailboxes, webhooks, public links.

What belongs here: the event as a source hands it over. What does not: how a source is read (`listen`), and
what follows from an event (`store.events.apply`, the only place where anything does).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from carillon.words import Bounce

LINK, IMAP = "link", "imap"
"""Sources. A provider's webhooks are called by the provider's name."""


@dataclass(frozen=True)
class Event:
    """One thing that happened. It is stored once for each (source, key), however often it is handed over.

    Whom it concerns: `contact` if the source knows, else whoever got the email `schedule`, else who has
    `address`. A source that anybody can write to (a mailbox) gives a schedule that the message proves, and
    neither a contact nor an address alone.
    """

    kind: str
    """`words.EventKind`, or the name of an event of somebody's own."""
    source: str
    key: str
    """The same for every delivery of the same event."""
    happened_at: datetime
    """Aware."""
    schedule: int | None = None
    """`outbox.id`."""
    contact: int | None = None
    address: str | None = None
    """Whom the source names. With a schedule it only helps to see that a contact's address was changed
    since; without one it is who is suppressed."""
    bounce: Bounce | None = None
    """Of `bounced`; None is as good as `soft`."""
    automatic: bool = False
    """A scanner or a proxy opened or clicked: marked, and not counted."""
    back_on: date | None = None
    """Of `auto_replied`: the first day on which the person reads mail again."""
    data: Mapping[str, object] = field(default_factory=dict)
    """More about it, for people: JSON values only. `url`, `ip` and `user_agent` of a click; `subject`, `from`
    and `text` of a reply; `code` and `text` of a bounce; answers of `eligibility_answered`."""
    raw: bytes | None = field(default=None, repr=False)
    """What was received, as it came. Events of the same object share one stored copy; that of health
    answers is not kept."""
