"""One email that shows whether an account or a template can be sent: `account test`, `template send-test`.

It is no email of the plan: it is written down in `warmup_messages` and in the audit log.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

from carillon.accounts import Account
from carillon.clock import monotonic
from carillon.pool import MailPurpose
from carillon.send.outcomes import Envelope, Outcome
from carillon.send.pool import judged
from carillon.send.transports import Transport
from carillon.store import audit
from carillon.store import trials as store
from carillon.store.engine import Connection
from carillon.workspace import Workspace

SECONDS = 60.0
"""For connecting, login and everything up to the final dot."""


def subject_of(account: Account) -> str:
    """The subject of a test of an account."""
    return f"Test of the account {account.name}"


def trial_message(account: Account, recipient: str, now: datetime) -> Envelope:
    """A short email from the account; each one is another."""
    message = EmailMessage(SMTP if (account.address + recipient).isascii() else SMTPUTF8)
    name = f"<test.{secrets.token_hex(8)}@{account.address.rpartition('@')[2]}>"
    message["From"] = Address(account.display_name or "", addr_spec=account.address)
    message["To"] = Address(addr_spec=recipient)
    if account.reply_to is not None:
        message["Reply-To"] = Address(addr_spec=account.reply_to)
    message["Subject"] = subject_of(account)
    message["Date"] = now
    message["Message-ID"] = name
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"The account {account.name} of Carillon can send.\n\nNobody needs to answer this email.\n"
    )
    return Envelope(name, account.address, recipient, message.as_bytes())


@dataclass(frozen=True)
class Trial:
    """An email to be tried, and what the books say about it."""

    purpose: MailPurpose
    account: Account
    subject: str
    envelope: Envelope
    what: str
    """The deed, for the audit log."""


def tried(workspace: Workspace, transport: Transport, trial: Trial, by: str) -> Outcome:
    """Send it and write it down: before, that it may have been sent, and after, what came of it."""
    envelope, now = trial.envelope, workspace.clock.now()
    number = workspace.database.write(
        lambda connection: store.begin(
            connection,
            trial.purpose,
            trial.account,
            envelope.recipient,
            trial.subject,
            envelope.message_id,
            now,
        ),
        durable=True,
    )
    outcome = attempt(transport, envelope)
    status, error = judged(outcome)
    told = {"to": envelope.recipient, "account": trial.account.name, "status": status.value}

    def work(connection: Connection) -> None:
        store.end(connection, number, status, error, now)
        audit.note(connection, by, trial.what, now, None, told)

    workspace.database.write(work)
    return outcome


def attempt(transport: Transport, envelope: Envelope) -> Outcome:
    """Send it over a connection of its own, and close that."""

    async def work() -> Outcome:
        connection = transport.connection()
        try:
            return await connection.deliver(envelope, monotonic() + SECONDS)
        finally:
            await connection.close()

    return asyncio.run(work())
