"""Mails and contacts to test with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from carillon.accounts import Account
from carillon.send.message import Mail
from carillon.send.variables import Occasion, Sender, values
from carillon.store.recipients import Recipient
from carillon.tokens import LinkKeys

NOW = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
KEYS = LinkKeys({"k1": b"1" * 32})
ACCOUNT = Account(3, "main", "ann@agency.example", "maildir", display_name="Ann's Agency")
SENDER = Sender("Ann's Agency", "ann@agency.example", ("12 Main Street", "Springfield, IL"))
MARIA = Recipient(
    7,
    "maria@example.com",
    {"email": "maria@example.com", "first_name": "María", "last_name": "Núñez", "company": "A & B <i>"},
    {"plan": "Gold", "doctor": {"name": "Dr. No"}},
)
BIRTHDAY = Occasion("birthday", date(2026, 6, 4), date(2026, 6, 18))
MAIL = Mail(
    boundary="00000000deadbeef",
    from_name="Ann's Agency",
    from_address="ann@agency.example",
    to_name="Maria Nunez",
    to_address="maria@example.com",
    subject="Hello Maria",
    text="Hello\n",
    html="<p>Hello</p>\n",
    date=NOW,
    message_id="<7.abc@agency.example>",
)


def known(**more: Any) -> dict[str, Any]:
    """Values for a template."""
    links = {"unsubscribe_url": "https://mail.example.com/u/1", "view_url": "https://mail.example.com/v/1"}
    return values(MARIA, BIRTHDAY, SENDER) | links | more


def mail(**more: Any) -> Mail:
    """A mail like `MAIL`, but for these."""
    return replace(MAIL, **more)
