"""Mail that is no email of the plan: warm-up mail between our own accounts, and tests. The words for it.

What belongs here: the words of `warmup_messages`, and how an email says that it only warms up: by a header
with a token that nobody else can make. It is bound to the account that is to get it, so that it marks
nothing anywhere else.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

from carillon.tokens import LinkKeys, Purpose, Ticket

HEADER = "X-Carillon-Warmup"


class MailPurpose(StrEnum):
    """`warmup_messages.purpose`."""

    WARMUP = "warmup"
    TEST = "test"
    """`carillon account test`."""
    SEND_TEST = "send_test"
    """`carillon template send-test`."""


class MailStatus(StrEnum):
    """`warmup_messages.status`."""

    SCHEDULED = "scheduled"
    PROCESSING = "processing"
    """Its intent is written: it may have been sent."""
    SENT = "sent"
    RECEIVED = "received"
    FAILED = "failed"
    """Certainly not sent, or refused; it is not tried again."""
    IN_DOUBT = "in_doubt"


class Answer(IntEnum):
    """`warmup_messages.answer`: what becomes of a message that was received."""

    UNDECIDED = 0
    WANTED = 1
    GIVEN = 2
    NONE = 3


def token_of(keys: LinkKeys, message: int, to_account: int) -> str:
    """What the header of a warm-up message says."""
    return keys.sign(Purpose.WARMUP, Ticket(to_account, message))


def warms_up(keys: LinkKeys, token: str) -> tuple[int, int] | None:
    """The message a header was made for and the account that is to get it; None for one we did not make."""
    ticket = keys.read(Purpose.WARMUP, token.strip())
    return None if ticket is None else (ticket.schedule, ticket.contact)
