"""Warm-up mail leaves: what the pool has planned for slots that have come, each message at most once.

A few messages a day and account: one connection for each account that has some, an intent for each message
before the network sees it, an outcome after. Whoever ends in between leaves it in doubt, and it stays so
until it is seen in the mailbox it went to; it is never sent again.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections import Counter
from datetime import datetime, timedelta

from carillon.accounts import Account
from carillon.clock import monotonic
from carillon.days import day_number
from carillon.local_time import day_bounds
from carillon.pool import HEADER, MailStatus, token_of
from carillon.ramp import warmup_of, zone_of
from carillon.rates import Limits
from carillon.send.engine import IN_TIME_SECONDS
from carillon.send.headers import WIRE, reachable
from carillon.send.message import Mail, build
from carillon.send.outcomes import Delivered, Envelope, Outcome, Unknown
from carillon.send.transports import Transport
from carillon.store import warmup_mail as store
from carillon.store.engine import Connection
from carillon.store.warmup_mail import Message
from carillon.tokens import LinkKeys, open_keys
from carillon.workspace import Workspace


def any_due(workspace: Workspace) -> bool:
    """Whether there is something to do."""
    now = workspace.clock.now()
    with workspace.database.snapshot() as connection:
        return store.any_due(connection, now - _missed(workspace), now)


def due(workspace: Workspace) -> dict[int, list[Message]]:
    """What is to leave now, by account; what others left behind is in doubt from here on."""
    now = workspace.clock.now()
    workspace.database.write(store.reap, durable=True)
    found: dict[int, list[Message]] = {}
    with workspace.database.snapshot() as connection:
        for one in store.due(connection, now - _missed(workspace), now):
            found.setdefault(one.account_id, []).append(one)
    return found


def takes_part(workspace: Workspace, account: Account) -> bool:
    """Whether the settings let an account send warm-up mail."""
    return warmup_of(account, workspace.settings).pool


class PoolBooks:
    """The books of one account's warm-up mail. Every method is a short transaction."""

    def __init__(self, workspace: Workspace, account: Account, limits: Limits) -> None:
        self._workspace, self._account, self._limits = workspace, account, limits
        self._token = str(uuid.uuid4())
        self._keys = open_keys(workspace.folder, os.environ)
        now = workspace.clock.now()
        zone = zone_of(account, workspace.settings)
        day = now.astimezone(zone).date()
        self._day = day_number(day), day_bounds(day, zone)[1]

    def letter(self, message: Message) -> Envelope:
        """The message as it leaves."""
        with self._workspace.database.snapshot() as connection:
            references = store.thread(connection, message)
        return envelope(message, self._account, references, self._keys, self._workspace.clock.now())

    def intend(self, message: Message) -> bool:
        """See `store.intend`."""
        now = self._workspace.clock.now()

        def work(connection: Connection) -> bool:
            return store.intend(connection, message, self._token, self._limits, self._day, now)

        return self._workspace.database.write(work, durable=True)

    def settle(self, message: Message, answer: Outcome) -> MailStatus:
        """Store what the network said."""
        status, error = judged(answer)
        now, day = self._workspace.clock.now(), self._day[0]

        def work(connection: Connection) -> None:
            store.record(connection, message, self._token, status, error, now, day)

        self._workspace.database.write(work, durable=True)
        return status


async def send(
    books: PoolBooks,
    transport: Transport,
    messages: list[Message],
    stop: asyncio.Event,
    counts: Counter[str],
) -> None:
    """Send an account's messages one after the other, and count them by status."""
    connection = transport.connection()
    try:
        for message in messages:
            if stop.is_set():
                return
            letter = await asyncio.to_thread(books.letter, message)
            if not await asyncio.to_thread(books.intend, message):
                continue
            answer = await connection.deliver(letter, monotonic() + IN_TIME_SECONDS)
            counts[await asyncio.to_thread(books.settle, message, answer)] += 1
    finally:
        await connection.close()


def judged(answer: Outcome) -> tuple[MailStatus, str | None]:
    """What an answer of the network makes of a message, and why."""
    if isinstance(answer, Delivered):
        return MailStatus.SENT, None
    return (MailStatus.IN_DOUBT if isinstance(answer, Unknown) else MailStatus.FAILED), answer.why


def envelope(
    message: Message, account: Account, references: list[str], keys: LinkKeys, now: datetime
) -> Envelope:
    """A short plain text with the header that tells our own listener what it is."""
    mail = Mail(
        boundary="",
        from_name=account.display_name or "",
        from_address=reachable(account.address),
        to_name="",
        to_address=reachable(message.to_address),
        subject=message.subject,
        text=message.body,
        html=None,
        date=now,
        message_id=message.message_id,
        references=tuple(references),
        automatic=False,
    )
    made = build(mail)
    made[HEADER] = token_of(keys, message.id, message.to_account_id)
    return Envelope(mail.message_id, mail.from_address, mail.to_address, made.as_bytes(policy=WIRE))


def _missed(workspace: Workspace) -> timedelta:
    return timedelta(minutes=workspace.settings.pacing.missed_slot_minutes)
