"""The variables of templates: which there are, and their values for one email.

What is said here wins over a contact's attributes of the same name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from carillon.store.recipients import FIELDS, About, Recipient
from carillon.templates import RESERVED

KNOWN = (*FIELDS, *RESERVED)
WITH_PARTS = ("event_date", "send_date")
"""Dates: they have `.year`, `.month` and `.day`."""


@dataclass(frozen=True)
class Sender:
    """Who writes."""

    name: str
    address: str
    postal_lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Occasion:
    """What an email is about, and when it goes."""

    email_type: str
    send_date: date
    event: date | None = None
    campaign: About | None = None


def values(recipient: Recipient, occasion: Occasion, sender: Sender) -> dict[str, Any]:
    """Every variable but the links, which the caller adds."""
    found: dict[str, Any] = {**recipient.attributes, **recipient.fields}
    first, last = recipient.fields.get("first_name", ""), recipient.fields.get("last_name", "")
    event, campaign = occasion.event, occasion.campaign
    found |= {
        "attributes": recipient.attributes,
        "name": f"{first} {last}".strip(),
        "event_date": event or "",
        "event_year": event.year if event else "",
        "event_month": event.month if event else "",
        "event_day": event.day if event else "",
        "send_date": occasion.send_date,
        "email_type": occasion.email_type,
        "campaign": campaign.metadata if campaign else {},
        "campaign_name": campaign.name if campaign else "",
        "campaign_type": campaign.type if campaign else "",
        "sender_name": sender.name,
        "sender_email": sender.address,
        "sender_line": ", ".join(one for one in (sender.name, *sender.postal_lines) if one),
        "postal_address": "\n".join(sender.postal_lines),
    }
    return found
