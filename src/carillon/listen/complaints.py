"""Complaints: what mail providers send when somebody calls a message spam.

Most are feedback reports (RFC 5965); Microsoft returns the message with a header of its own.
"""

from __future__ import annotations

from email.message import Message

from carillon.listen.body import content, parts
from carillon.listen.headers import addresses, value

_COMPLAINTS = ("abuse", "fraud", "virus", "opt-out")


def is_complaint(message: Message) -> bool:
    """Whether it is a feedback report that says so: others tell of mail that is no spam, or of DMARC."""
    kind = _field(message, "Feedback-Type").lower()
    return kind in _COMPLAINTS or (not kind and bool(_original_recipient(message)))


def recipients(message: Message) -> tuple[str, ...]:
    """Who complained, where the report says it; many providers do not."""
    named = _field(message, "Original-Rcpt-To") or _field(message, "Removal-Recipient")
    return addresses(named or _original_recipient(message))


def _original_recipient(message: Message) -> str:
    found = (value(part, "X-HmXmrOriginalRecipient") for part in parts(message)[1:])
    return next((one for one in found if one), "")


def _field(message: Message, name: str) -> str:
    for part in parts(message):
        if part.get_content_type() == "message/feedback-report":
            inside = part.get_payload()
            block = inside[0] if isinstance(inside, list) and inside else None
            if isinstance(block, Message):
                return value(block, name)
            lines = content(part).splitlines()
            marked = f"{name.lower()}:"
            return next((x.partition(":")[2].strip() for x in lines if x.lower().startswith(marked)), "")
    return ""
