"""One email that shows whether an account or a template can be sent: `account test`, `template send-test`.

`of_account` and `of_template` make it, `opened` gives the transport it goes by, `tried` sends it, and `words`
tells what came of it.

It is no email of the plan: it is written down in `warmup_messages` and in the audit log.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

from carillon.accounts import Account
from carillon.clock import monotonic
from carillon.errors import InputError, Refused
from carillon.pool import MailPurpose
from carillon.send.outcomes import Deferred, Delivered, Envelope, Outcome, Rejected
from carillon.send.pool import judged
from carillon.send.preview import preview
from carillon.send.transports import Transport, open_transport
from carillon.store import audit
from carillon.store import trials as store
from carillon.store.engine import Connection
from carillon.store.sign_ins import keeper
from carillon.templates import Source
from carillon.vault import Vault
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


def of_account(workspace: Workspace, account: Account, recipient: str) -> Trial:
    """A test of an account."""
    message = trial_message(account, recipient, workspace.clock.now())
    what = f"account {account.name} tested"
    return Trial(MailPurpose.TEST, account, subject_of(account), message, what)


def of_template(
    workspace: Workspace, source: Source, contact: str | None, account: Account, to: str
) -> Trial:
    """A template as a contact would get it, to another address.

    Raises InputError where it is no email or there is no such contact, TemplateFault where it cannot be
    rendered.
    """
    if not source.is_email:
        raise InputError(f"{source.name} is an SMS; only emails can be sent as a test.")
    mail = preview(workspace, source, contact, account.name, to)
    assert mail.mail is not None
    version = f"version {source.version}" if source.version else "a draft"
    message = Envelope(mail.mail.message_id, mail.mail.from_address, mail.mail.to_address, mail.data)
    what = f"template {source.name} {version} sent as a test"
    return Trial(MailPurpose.SEND_TEST, account, mail.mail.subject, message, what)


def opened(workspace: Workspace, account: Account) -> Transport:
    """The transport of an account. Raises CarillonError where it is not set up right."""
    vault = Vault(workspace.folder, os.environ)
    return open_transport(account, workspace.folder, vault, keeper(workspace.database, vault, account.id))


def words(outcome: Outcome, account: Account, recipient: str, elsewhere: str) -> str:
    """What came of a test. `elsewhere`: how to try another address.

    Raises Refused, which tells what kept it, unless it was accepted.
    """
    match outcome:
        case Delivered(provider_id):
            known = f" as {provider_id}" if provider_id else ""
            return f"{account.name} can send: an email to {recipient} was accepted{known}."
        case Deferred(why, _, True):
            raise Refused(why)
        case Deferred(why):
            raise Refused(f"{why}. Connection and login are fine; try again later.")
        case Rejected(why):
            raise Refused(f"{why}. Connection and login are fine; try another address{elsewhere}.")
        case _:
            raise Refused(f"{outcome.why} Look into the mailbox of {recipient} before you try again.")


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
