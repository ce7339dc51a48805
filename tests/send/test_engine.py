"""The engine with books and a transport in memory: what is in flight, stops, faults, permits."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from carillon.clock import monotonic
from carillon.errors import WorkspaceError
from carillon.send import engine
from carillon.send.engine import Ready, Tally, drain
from carillon.send.outcomes import Deferred, Delivered, Envelope, Unknown
from carillon.send.outcomes import Outcome as Answer
from carillon.store.dispatch import Claimed, Outcome
from carillon.store.intents import Intent
from carillon.words import Status

CONNECTIONS = 3
OK = Delivered("Q")


def claimed(number: int) -> Claimed:
    return Claimed(
        f"t{number}",
        0.0,
        None,
        number,
        number,
        0,
        0,
        "birthday",
        None,
        0,
        5,
        None,
        "t",
        None,
        None,
        1,
        "x",
        None,
    )


@dataclass
class MemoryBooks:
    """A store of numbers. `forbidden`: emails that get no intent."""

    due: list[int]
    forbidden: frozenset[int] = frozenset()
    interval: float = 0.0
    stale: frozenset[int] = frozenset()
    break_at: int | None = None
    """The commit that fails."""
    commits: int = 0
    held: set[int] = field(default_factory=set)
    intended: set[int] = field(default_factory=set)
    most: int = 0
    ended: dict[int, Status] = field(default_factory=dict)
    given_back: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, batch: int) -> list[Claimed]:
        now, self.due = self.due[:batch], self.due[batch:]
        self.held.update(now)
        return [claimed(number) for number in now]

    def prepare(self, rows: Sequence[Claimed]) -> list[Ready | Outcome]:
        now = monotonic()
        return [
            Ready(row, letter(row.id), "", "", "", now, now - 1 if row.id in self.stale else now + 60)
            for row in rows
        ]

    def settle(self, ready: Ready, answer: Answer) -> Outcome:
        words = {Delivered: Status.SENT, Deferred: Status.SCHEDULED, Unknown: Status.IN_DOUBT}
        return Outcome(ready.row.id, ready.row.token, words[type(answer)])  # type: ignore[index]

    def refused(self, ready: Ready) -> Outcome | None:
        return Outcome(ready.row.id, ready.row.token, Status.CANCELLED)

    def lapsed(self, ready: Ready) -> Outcome:
        return Outcome(ready.row.id, ready.row.token, Status.SCHEDULED)

    def commit(self, outcomes: list[Outcome], intents: list[Intent]) -> set[tuple[int, str]]:
        with self.lock:
            self.commits += 1
            if self.commits == self.break_at:
                raise WorkspaceError("the disk is full")
            for one in outcomes:
                self.ended[one.id] = one.status
                self.held.discard(one.id)
                self.intended.discard(one.id)
            new = {(one.id, one.token) for one in intents if one.id not in self.forbidden}
            self.intended.update(number for number, _ in new)
            self.most = max(self.most, len(self.intended))
            return new

    def heartbeat(self) -> None: ...

    def give_back(self) -> int:
        self.given_back = self.held - self.intended
        return len(self.given_back)


def letter(number: int) -> Envelope:
    return Envelope(f"<{number}@x>", "a@x.example", "b@x.example", b"%d\r\n" % number)


Deliver = Callable[[int], Awaitable[Answer]]


@dataclass
class MemoryTransport:
    """Hands messages to `does`, and looks whether each has an intent."""

    books: MemoryBooks
    does: Deliver
    connections: int = CONNECTIONS
    is_local: bool = True
    sent: list[int] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    open: int = 0

    def connection(self) -> MemoryTransport:
        self.open += 1
        return self

    async def deliver(self, envelope: Envelope, deadline: float) -> Answer:
        assert monotonic() < deadline
        number = int(envelope.data)
        assert number in self.books.intended
        assert number not in self.sent
        self.sent.append(number)
        self.at.append(monotonic())
        return await self.does(number)

    async def close(self) -> None:
        self.open -= 1


async def accept(_: int) -> Answer:
    await asyncio.sleep(0.001)
    return OK


def run(
    books: MemoryBooks, does: Deliver = accept, stop_after: float | None = None
) -> tuple[MemoryTransport, Tally]:
    transport, tally = MemoryTransport(books, does), Tally()

    async def go() -> None:
        stop = asyncio.Event()
        if stop_after is not None:
            asyncio.get_running_loop().call_later(stop_after, stop.set)
        async with asyncio.timeout(10):
            await drain(books, transport, stop, tally)

    try:
        asyncio.run(go())
    finally:
        assert transport.open == 0
    return transport, tally


def test_everybody_gets_one_and_no_more_are_in_flight_than_connections() -> None:
    books = MemoryBooks(list(range(1, 301)))
    transport, tally = run(books)
    assert sorted(transport.sent) == list(range(1, 301))
    assert set(books.ended.values()) == {Status.SENT}
    assert books.most == CONNECTIONS
    assert books.commits < 300
    assert tally.counts == Counter(sent=300)
    assert not books.held


def test_nothing_leaves_without_an_intent() -> None:
    books = MemoryBooks(list(range(1, 50)), forbidden=frozenset(range(10, 20)))
    transport, tally = run(books)
    assert not set(transport.sent) & books.forbidden
    assert tally.counts == Counter(sent=39, cancelled=10)


def test_a_stop_finishes_what_is_in_flight_and_gives_the_rest_back() -> None:
    books = MemoryBooks(list(range(1, 200)))

    async def slow(_: int) -> Answer:
        await asyncio.sleep(0.1)
        return OK

    transport, _ = run(books, slow, stop_after=0.25)
    assert 0 < len(transport.sent) <= 4 * CONNECTIONS
    assert dict.fromkeys(transport.sent, Status.SENT) == books.ended
    assert books.given_back == books.held != set()
    assert not books.intended


def test_an_answer_that_does_not_come_in_time_after_a_stop_is_a_doubt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "GRACE_SECONDS", 0.2)
    books = MemoryBooks(list(range(1, 200)))

    async def never(_: int) -> Answer:
        await asyncio.sleep(60)
        return OK

    began = time.monotonic()
    transport, _ = run(books, never, stop_after=0.1)
    assert time.monotonic() - began < 5
    assert dict.fromkeys(transport.sent, Status.IN_DOUBT) == books.ended
    assert len(transport.sent) == CONNECTIONS


def test_a_fault_of_the_account_stops_all_of_it() -> None:
    books = MemoryBooks(list(range(1, 200)))

    async def refuse(number: int) -> Answer:
        return OK if number < 10 else Deferred("wrong password", account=True)

    transport, tally = run(books, refuse)
    assert tally.faults[0] == "wrong password"
    assert len(tally.faults) <= CONNECTIONS
    assert len(transport.sent) < 10 + CONNECTIONS
    assert books.given_back == books.held != set()


@pytest.mark.parametrize("at", [1, 2, 5, 6])
def test_a_store_that_fails_ends_it_and_nothing_hangs(at: int) -> None:
    books = MemoryBooks(list(range(1, 500)), break_at=at)
    with pytest.raises(WorkspaceError, match="disk is full"):
        run(books)
    assert books.commits <= at + CONNECTIONS + 1


def test_an_email_that_cannot_be_prepared_lets_those_in_flight_end() -> None:
    books = MemoryBooks(list(range(1, 500)))
    prepare = books.prepare

    def fails_later(rows: Sequence[Claimed]) -> list[Ready | Outcome]:
        if rows[0].id > 100:
            raise WorkspaceError("the database is gone")
        return prepare(rows)

    books.prepare = fails_later  # type: ignore[method-assign]
    with pytest.raises(WorkspaceError, match="is gone"):
        run(books)
    assert set(books.ended.values()) == {Status.SENT}
    assert not books.intended


def test_emails_keep_their_distance_also_after_a_slow_answer() -> None:
    books = MemoryBooks(list(range(1, 9)), interval=0.05)

    async def first_is_slow(number: int) -> Answer:
        await asyncio.sleep(0.3 if number <= CONNECTIONS else 0)
        return OK

    transport, _ = run(books, first_is_slow)
    moments = sorted(transport.at)
    assert all(later - earlier > 0.03 for earlier, later in itertools.pairwise(moments))


def test_a_permit_that_is_over_is_not_used() -> None:
    books = MemoryBooks(list(range(1, 9)), stale=frozenset({3, 4}))
    transport, _ = run(books)
    assert sorted(transport.sent) == [1, 2, 5, 6, 7, 8]
    assert books.ended[3] == Status.SCHEDULED
