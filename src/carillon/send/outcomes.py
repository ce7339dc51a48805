"""What the dispatcher hands to a transport, and what it gets back: every transport speaks these words.

What belongs here: the message as it travels, and the four ways a delivery can end. What does not: what
becomes of a row (`send/run.py`) or how a server's words are read (each transport). The line that matters
runs between `Deferred` and `Unknown`: deferred is what certainly was not sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

_ADDRESS = re.compile(r"[^\x00-\x20\x7f<>@]+@[^\x00-\x20\x7f<>@]+")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message for one recipient, ready to leave.

    Raises ValueError for addresses that would be more than an address on the wire, and for a message with
    lines that do not end in CRLF: such a message could smuggle in another one.
    """

    message_id: str
    """As in the message, with its angle brackets: the same message always has the same."""
    sender: str
    recipient: str
    data: bytes
    """RFC 5322, every line ended by CRLF, not dot-stuffed."""

    def __post_init__(self) -> None:
        for address in (self.sender, self.recipient):
            if not _ADDRESS.fullmatch(address):
                raise ValueError(f"{address!r} is not an address for an envelope")
        lines = self.data.count(b"\r\n")
        if not self.data.endswith(b"\r\n") or {self.data.count(b"\n"), self.data.count(b"\r")} != {lines}:
            raise ValueError("a line of the message does not end in CRLF")


@dataclass(frozen=True, slots=True)
class Delivered:
    """Accepted: whoever took the message answers for it now."""

    provider_id: str | None
    """What the other side calls the message, if it said so."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """Certainly not sent, and worth another attempt."""

    why: str
    retry_after: float | None = None
    """Seconds the other side asked for."""
    account: bool = False
    """The fault is the account's (connection, login, sender): it would meet every message."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Refused for good."""

    why: str
    code: str | None
    """The enhanced status code, like 5.1.1, or the plain one."""
    suppress: bool
    """The address does not exist or takes no mail: nobody should write to it again."""
    blocked: bool
    """A policy refused the message (5.7.x): that says nothing about the address."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Handed over completely, and no answer: it may have been sent."""

    why: str


Outcome: TypeAlias = Delivered | Deferred | Rejected | Unknown
