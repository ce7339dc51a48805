"""What a received email can be, in words.

What belongs here: the verdict. What does not: how it is reached (`message`), which of our emails it is about
(`match`), what follows (`store.events`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from carillon.words import Bounce


class Sort(StrEnum):
    """What a received email can be."""

    REPLY = "reply"
    AUTO_REPLY = "auto_reply"
    OPT_OUT = "opt_out"
    UNSUBSCRIBE = "unsubscribe"
    """Written by a mail program for its reader: the mailto of List-Unsubscribe, with our signed token."""
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    LIST = "list"
    """A mailing list's or newsletter's: nobody wrote it to us."""
    OWN = "own"
    """A copy of what we sent ourselves."""
    WARMUP = "warmup"
    """Between our own accounts, to warm them up: nothing follows from it (`listen.pool`)."""
    UNRELATED = "unrelated"
    """Automatic mail that tells us nothing."""


@dataclass(frozen=True)
class Failure:
    """One recipient of a delivery report."""

    recipient: str | None
    """In lower case; None where the report does not say."""
    bounce: Bounce | None
    """None: only delayed, or delivered after all."""
    action: str
    """`failed`, `delayed`, `delivered`, `relayed` or `expanded` (RFC 3464)."""
    status: str | None
    """Enhanced status code, like 5.1.1."""
    text: str | None
    """The server's words."""


@dataclass(frozen=True)
class Verdict:
    """What one email is."""

    sort: Sort
    identity: str
    """The same for every copy of this email (05-listen)."""
    sender: str | None
    """The address in From, in lower case."""
    subject: str
    sent_at: datetime | None
    """By its Date header; aware."""
    answers: tuple[str, ...] = ()
    """Message-IDs it answers or reports on, the nearest first, with angle brackets."""
    recipients: tuple[str, ...] = ()
    """Addresses it came to (To, Cc, Delivered-To, envelope), in lower case: one may hold our token."""
    text: str = ""
    """Of a reply: what is new in it."""
    back_on: date | None = None
    failures: tuple[Failure, ...] = ()
    token: str | None = None
    """Of `UNSUBSCRIBE`: our signed token."""
