"""One email that shows whether an account can send: `carillon account test`."""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

from carillon.accounts import Account
from carillon.clock import monotonic
from carillon.send.outcomes import Envelope, Outcome
from carillon.send.transports import Transport

SECONDS = 60.0
"""For connecting, login and everything up to the final dot."""


def trial_message(account: Account, recipient: str, now: datetime) -> Envelope:
    """A short email from the account; each one is another."""
    message = EmailMessage(SMTP if (account.address + recipient).isascii() else SMTPUTF8)
    name = f"<test.{secrets.token_hex(8)}@{account.address.rpartition('@')[2]}>"
    message["From"] = Address(account.display_name or "", addr_spec=account.address)
    message["To"] = Address(addr_spec=recipient)
    if account.reply_to is not None:
        message["Reply-To"] = Address(addr_spec=account.reply_to)
    message["Subject"] = f"Test of the account {account.name}"
    message["Date"] = now
    message["Message-ID"] = name
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"The account {account.name} of Carillon can send.\n\nNobody needs to answer this email.\n"
    )
    return Envelope(name, account.address, recipient, message.as_bytes())


def attempt(transport: Transport, envelope: Envelope) -> Outcome:
    """Send it over a connection of its own, and close that."""

    async def work() -> Outcome:
        connection = transport.connection()
        try:
            return await connection.deliver(envelope, monotonic() + SECONDS)
        finally:
            await connection.close()

    return asyncio.run(work())
