"""The sections of the configuration that are about emails as they leave. See `settings_sections`.

Import from `carillon.settings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from carillon import settings_checks as checks
from carillon.settings_sections import Flag, Name, Section, Share, Text


def public_url(value: object) -> str:
    """Where the public endpoints are reached: http or https, without a slash at the end."""
    url = checks.text(value).rstrip("/")
    try:
        parts = urlsplit(url)
        odd = parts.username is not None or parts.query or parts.fragment or parts.port == 0
    except ValueError:
        parts, odd = urlsplit(""), True
    if parts.scheme not in ("http", "https") or not parts.hostname or odd or not url.isascii() or " " in url:
        raise ValueError(
            f'{checks.shown(value)} is not an address of a server; write it like "https://mail.example.com"'
        )
    return url


def postal_address(value: object) -> str:
    """One or more lines, as on an envelope."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{checks.shown(value)} where an address is meant; write street, town and state")
    lines = [" ".join(line.split()) for line in value.strip().splitlines()]
    if len(value) > 500 or not all(line.isprintable() for line in lines):
        raise ValueError(f"{checks.shown(value)} is too long or has control characters in it")
    return "\n".join(line for line in lines if line)


def quiet_hours(value: object) -> str:
    """Two times of day, as `limits.QuietHours` reads them."""
    begin, dash, end = checks.text(value).partition("-")
    if not dash:
        raise ValueError(f'{checks.shown(value)} is not a part of the day; write it like "21:00-08:00"')
    first, last = checks.time_of_day(begin), checks.time_of_day(end)
    if first == last:
        raise ValueError("quiet hours that end when they begin are a whole day; null means none")
    return f"{first:%H:%M}-{last:%H:%M}"


# Named apart from the keys: pydantic reads annotations among the names of the class.
Url = Annotated[str, BeforeValidator(public_url)]
Address = Annotated[str, BeforeValidator(postal_address)]
Hours = Annotated[str, BeforeValidator(quiet_hours)]


class Sending(Section):
    """Who writes, and where the links in emails lead."""

    public_url: Url | None = None
    """Where `carillon web` is reached from outside; None: no links, unsubscribing goes by email."""
    postal_address: Address | None = None
    """The sender's physical address, which the law asks for below marketing mail."""
    sender_name: Text | None = None
    """What recipients read as the sender; None: the account's display name."""
    quiet_hours: Hours | None = None
    """When nobody is written to, by the clock where they live; None: emails go at any hour."""
    account_groups: Mapping[Name, Name] = Field(default_factory=dict)
    """By type of email or campaign, the group of accounts its emails go through; others: `default`."""


class Safety(Section):
    """What keeps mail back, and what becomes of emails that may have been sent."""

    dry_run: Flag = False
    """Write emails into a Maildir and leave them as they are: nothing is sent."""
    confirm_before_send: Flag = False
    """Ask before the first email leaves."""
    on_doubt: Annotated[
        Literal["hold", "assume_sent", "resend"], checks.one_of("hold", "assume_sent", "resend")
    ] = "hold"
    """What becomes of an email of which nobody knows whether it was sent."""
    brake_bounce_rate: Share = Decimal("0.05")
    """Share of bounces above which a relay is paused; days and least number as in `warmup`."""
    brake_complaint_rate: Share = Decimal("0.001")
    """Share of complaints above which it is."""
    allow_private_webhooks: Flag = False
    """Webhooks may call servers that are not on the internet."""


class Tracking(Section):
    """What is noted of those who read. Both need `sending.public_url`."""

    opens: Flag = False
    """Put a small picture into emails that tells when it is loaded."""
    clicks: Flag = False
    """Let links lead through the public address, which notes them."""
