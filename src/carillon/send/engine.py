"""One account's mail: claim what is due, make it ready, deliver it over several connections, record.

The protocol is that of 04-send §4. What a kill leaves behind is a claim (it goes back by itself) or an intent
(it is in doubt): never an email that left without an intent, never one that is sent again.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from carillon.clock import monotonic
from carillon.errors import CarillonError
from carillon.send.group import Group
from carillon.send.outcomes import Deferred, Envelope, Unknown
from carillon.send.outcomes import Outcome as Answer
from carillon.send.transports import Connection, Transport
from carillon.store.dispatch import Claimed, Outcome
from carillon.store.intents import Intent

IN_TIME_SECONDS = 30.0
"""How long after its intent an email may still leave."""
HEARTBEAT_SECONDS = 15.0
GRACE_SECONDS = 30.0
"""How long after a stop the answers to emails in flight are waited for."""
SWITCH_SECONDS = 0.001
"""After which a thread that computes lets another go on."""
AHEAD = 30
"""Emails claimed and made ready together for each connection, while it sends those of the claim before."""


@dataclass(frozen=True, slots=True)
class Ready:
    """An email that is rendered and checked. Moments are those of the monotonic clock."""

    row: Claimed
    envelope: Envelope
    render_hash: str
    address: str
    """The contact's, as it is stored."""
    basis: str
    """See `store.intents.bases`."""
    not_before: float
    """When its permit holds."""
    lapses: float
    """When it holds no more, or the last check does not."""

    @property
    def intent(self) -> Intent:
        """What has to be written before it may leave."""
        return Intent(self.row.id, self.row.token, self.envelope.message_id, self.basis, self.row.lapses)


class Books(Protocol):
    """What the engine needs of the store, the templates and the rules; called from other threads."""

    @property
    def interval(self) -> float:
        """Seconds between two emails at least."""

    def claim(self, batch: int) -> list[Claimed]:
        """Claim what is due and within the limits."""

    def prepare(self, rows: Sequence[Claimed]) -> list[Ready | Outcome]:
        """Render and check; an outcome for what must not leave."""

    def settle(self, ready: Ready, answer: Answer) -> Outcome:
        """What the answer of the network makes of the row."""

    def refused(self, ready: Ready) -> Outcome | None:
        """What becomes of an email that got no intent; None: others decide that."""

    def lapsed(self, ready: Ready) -> Outcome:
        """What becomes of an email whose permit is over."""

    def commit(self, outcomes: list[Outcome], intents: list[Intent]) -> set[tuple[int, str]]:
        """One durable transaction; returns id and token of what may be sent."""

    def heartbeat(self) -> None:
        """Extend the leases of what is claimed."""

    def give_back(self) -> int:
        """Return claims without an intent."""


@dataclass
class Tally:
    """What came of it: emails by status, and faults of the account."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


async def drain(books: Books, transport: Transport, stop: asyncio.Event, tally: Tally) -> None:
    """Send all that is due, until there is no more, `stop` is set or the account is at fault.

    What was claimed and did not leave is given back, whatever happens.
    """
    # Threads render and commit meanwhile: Python's usual 5 ms would be as long as a whole transaction.
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        async with Group(books.commit) as group:
            await _Run(books, transport, group, stop, tally).all()
    finally:
        await asyncio.to_thread(books.give_back)


class _Run:
    """One draining."""

    def __init__(
        self, books: Books, transport: Transport, group: Group, stop: asyncio.Event, tally: Tally
    ) -> None:
        self.books, self.transport, self.group = books, transport, group
        self.stop, self.tally = stop, tally
        self.halt = asyncio.Event()
        self.ready: asyncio.Queue[Ready | None] = asyncio.Queue(transport.connections * AHEAD)
        self.earliest = 0.0
        """By the monotonic clock: when the next email may leave."""

    async def all(self) -> None:
        workers = [
            asyncio.create_task(self._work(self.transport.connection()))
            for _ in range(self.transport.connections)
        ]
        feeding = asyncio.create_task(self._feed(len(workers)))
        others = [asyncio.create_task(self._beat()), asyncio.create_task(self._end_in_time(workers))]
        try:
            await asyncio.gather(*workers)
            await feeding
        except asyncio.CancelledError:
            if not self.stop.is_set():
                raise
        finally:
            tasks = (feeding, *others, *workers)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _feed(self, workers: int) -> None:
        """Keep the queue filled until nothing more is due; after an error what is in flight may end."""
        error: Exception | None = None
        try:
            await self._fill(workers * AHEAD)
        except Exception as caught:
            error = caught
            self.halt.set()
        for _ in range(workers):
            await self.ready.put(None)
        if error is not None:
            raise error

    async def _fill(self, batch: int) -> None:
        while not self._is_over():
            rows = await asyncio.to_thread(self.books.claim, batch)
            if not rows:
                return
            for one in await asyncio.to_thread(self.books.prepare, rows):
                if isinstance(one, Outcome):
                    self._note(one)
                else:
                    await self.ready.put(one)

    async def _work(self, connection: Connection) -> None:
        """One connection: one email at a time, each with an intent of its own."""
        try:
            while (one := await self.ready.get()) is not None:
                if not self._is_over() and await self._turn(one):
                    await self._send(connection, one)
        finally:
            with suppress(OSError):
                await connection.close()

    async def _turn(self, one: Ready) -> bool:
        """Wait until this email may leave; false if it may not any more.

        Permits are apart from each other, but an answer that was long in coming must not make up a crowd
        of them: emails of one dispatcher keep their distance, and a permit that was not used is lost.
        """
        moment = max(one.not_before, self.earliest)
        if max(moment, monotonic()) > one.lapses:
            self._note(self.books.lapsed(one))
            return False
        self.earliest = max(moment, monotonic()) + self.books.interval
        await _until(moment, self.stop)
        return not self._is_over()

    async def _send(self, connection: Connection, one: Ready) -> None:
        if not await self.group.may_send(one.intent):
            refused = await asyncio.to_thread(self.books.refused, one)
            if refused is not None:
                self._note(refused)
            return
        try:
            answer = await connection.deliver(one.envelope, monotonic() + IN_TIME_SECONDS)
        except asyncio.CancelledError:
            stopped = Unknown(
                "the dispatcher was stopped before the server answered: it may have been accepted."
            )
            self._note(self.books.settle(one, stopped))
            raise
        if isinstance(answer, Deferred) and answer.account:
            self.tally.faults.append(answer.why)
            self.halt.set()
        self._note(self.books.settle(one, answer))

    def _note(self, outcome: Outcome) -> None:
        self.tally.counts[outcome.status.value] += 1
        self.group.done(outcome)

    def _is_over(self) -> bool:
        return self.stop.is_set() or self.halt.is_set()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            # A lease that could not be extended may end: then its email gets no intent, and no harm is done.
            with suppress(CarillonError):
                await asyncio.to_thread(self.books.heartbeat)

    async def _end_in_time(self, workers: list[asyncio.Task[None]]) -> None:
        await self.stop.wait()
        await asyncio.sleep(GRACE_SECONDS)
        for task in workers:
            task.cancel()


async def _until(moment: float, stop: asyncio.Event) -> None:
    """Wait for a permit, but not for longer than somebody wants us to."""
    seconds = moment - monotonic()
    if seconds > 0:
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
