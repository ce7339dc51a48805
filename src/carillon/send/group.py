"""Outcomes of the last emails and intents of the next ones, committed together.

Each connection waits for its intent before it sends and brings its outcome when it is done; whatever has
gathered while one transaction ran becomes the next. So ten connections cost one durable write for ten
emails, and at most as many emails are in flight as there are connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from carillon.clock import Stopwatch
from carillon.store.dispatch import Outcome
from carillon.store.intents import Intent

PATIENCE = 0.5
"""For how much of a transaction's time the next one waits for answers that may come."""
Commit = Callable[[list[Outcome], list[Intent]], set[tuple[int, str]]]
"""Stores outcomes and intents in one durable transaction; returns id and token of what may be sent."""


class Group:
    """Use as an async context manager; leaving it commits what is left, or raises why it cannot."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._outcomes: list[Outcome] = []
        self._intents: list[Intent] = []
        self._asking: dict[tuple[int, str], asyncio.Future[bool]] = {}
        self._flying: set[tuple[int, str]] = set()
        self._landed = asyncio.Event()
        self._seconds = 0.0
        """How long the last transaction took."""
        self._work = asyncio.Event()
        self._closed = False
        self._fault: BaseException | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Group:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        self._work.set()
        assert self._task is not None
        await self._task

    async def may_send(self, intent: Intent) -> bool:
        """Write the intent for this email; false if it must not be sent any more."""
        if self._fault is not None:
            raise self._fault
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._intents.append(intent)
        self._asking[intent.id, intent.token] = answer
        self._work.set()
        return await answer

    def done(self, outcome: Outcome) -> None:
        """Hand over an outcome; it is stored with the next transaction."""
        self._outcomes.append(outcome)
        self._flying.discard((outcome.id, outcome.token))
        if not self._flying:
            self._landed.set()
        self._work.set()

    async def _gather(self) -> None:
        """Wait for emails in flight while that is short beside a transaction: they share the next one.

        Else the connections would fall into two halves that wait for each other's transactions.
        """
        if self._flying and not self._closed:
            self._landed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._landed.wait(), self._seconds * PATIENCE)

    async def _run(self) -> None:
        while not (self._closed and not self._outcomes and not self._asking):
            await self._work.wait()
            await self._gather()
            self._work.clear()
            outcomes, self._outcomes = self._outcomes, []
            intents, self._intents = self._intents, []
            asking, self._asking = self._asking, {}
            if not outcomes and not intents:
                continue
            watch = Stopwatch()
            try:
                allowed = await asyncio.to_thread(self._commit, outcomes, intents)
            except BaseException as error:
                # Also those who asked meanwhile: nobody will ever answer them.
                self._fault = error
                for answer in (*asking.values(), *self._asking.values()):
                    if not answer.done():
                        answer.set_exception(error)
                raise
            self._seconds = watch.seconds()
            self._flying |= allowed
            for key, answer in asking.items():
                if not answer.done():
                    answer.set_result(key in allowed)
