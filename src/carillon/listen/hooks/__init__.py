"""Webhooks: what a provider reports, whether it is really the provider, and which events that makes.

What belongs here: the protocol, owned by who serves it (`web.hooks`), what its implementations share, and
the table of them. A new one is a file of its own and a line of the table. All is pure: the call and the
clock come in, events go out. A provider's word is translated by a dictionary; what is not in it is
`unknown`, never the nearest word.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from carillon.events import Event
from carillon.tokens import LinkKeys

IN_TIME = timedelta(minutes=5)
"""How far the moment that was signed may be from now."""
MOST_EVENTS = 10_000
"""Of one call."""
LONGEST_TEXT = 2_000
"""Characters kept of a value from outside; the whole call is kept as it came."""
_MARK = re.compile(r"<?([0-9a-f]{1,16}\.[0-9a-f]{20})@")
_EPOCH = re.compile(r"[0-9]{1,11}")


class BadCall(Exception):
    """What was signed cannot be read at all; the text says why."""


@dataclass(frozen=True)
class Call:
    """One request."""

    url: str
    """As the provider called it, with its query."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    now: datetime

    def header(self, name: str) -> str:
        """Its value, or ""."""
        return self.headers.get(name, "")


@dataclass(frozen=True)
class Misfit:
    """One event of a call that is none."""

    place: int
    """In the call, from 0."""
    why: str


@dataclass
class Found:
    """What a call holds."""

    events: list[Event] = field(default_factory=list)
    misfits: list[Misfit] = field(default_factory=list)
    phones: dict[str, Event] = field(default_factory=dict)
    """By number: what is to be noted of each contact who has it; the contact's id is added to its key."""


class Hook(Protocol):
    """One provider's webhook. Holds its secret."""

    media_types: tuple[str, ...]
    """What a body may be."""
    answer: tuple[str, str]
    """What a good call is answered with, as text and its type; ("", ""): a JSON report."""

    def is_genuine(self, call: Call) -> bool:
        """Whether the provider signed exactly this, and lately. Compares in constant time."""

    def read(self, call: Call, keys: LinkKeys) -> Found:
        """The events of a genuine call. Raises BadCall for one that cannot be read."""


def is_recent(seconds: str, now: datetime) -> bool:
    """Whether a moment, in seconds since 1970, is near enough to now."""
    if not _EPOCH.fullmatch(seconds):
        return False
    return abs(now - datetime.fromtimestamp(int(seconds), UTC)) <= IN_TIME


def items_of(body: bytes) -> list[object]:
    """The events of a JSON body: a list, or one by itself."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise BadCall("the body is not JSON") from None
    items = found if isinstance(found, list) else [found]
    if len(items) > MOST_EVENTS:
        raise BadCall(f"more than {MOST_EVENTS} events in one call")
    return items


def moment(value: object, now: datetime) -> datetime:
    """When it happened: seconds since 1970, or ISO 8601; now where it does not say, or says the future."""
    found: datetime | None = None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            found = datetime.fromtimestamp(value, UTC)
        elif isinstance(value, str):
            found = datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        return now
    if found is None:
        return now
    return min(found if found.tzinfo else found.replace(tzinfo=UTC), now)


def schedule_of(message_id: object, keys: LinkKeys) -> int | None:
    """Which email a Message-ID belongs to, if it is one of ours."""
    found = _MARK.match(message_id) if isinstance(message_id, str) else None
    return keys.marked(found[1]) if found else None


def told(item: Mapping[str, object], names: Mapping[str, str]) -> dict[str, object]:
    """Values worth showing: `names` has the name here by the provider's."""
    found: dict[str, object] = {}
    for theirs, ours in names.items():
        value = item.get(theirs)
        if isinstance(value, str) and value:
            found[ours] = value[:LONGEST_TEXT]
        elif isinstance(value, int | float):
            found[ours] = value
    return found


def words(item: Mapping[str, object], name: str) -> str:
    """A text of an item; "" for anything else."""
    value = item.get(name)
    return value[:LONGEST_TEXT] if isinstance(value, str) else ""


def fingerprint(body: bytes, place: int) -> str:
    """A key for an event without one: of the body, and the place in it."""
    return f"{hashlib.sha256(body).hexdigest()}:{place}"
