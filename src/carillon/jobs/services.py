"""What goes on all the time beside the jobs: started, started again after a fault, and stopped.

A service is a coroutine that runs until the event it is given is set. Where it fails it is told, noted in the
books, and started again after a growing pause; it never takes another one with it. After a change of the
settings it is ended and begun anew with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from carillon.errors import Busy, CarillonError
from carillon.jobs.current import Current
from carillon.jobs.lease import Done, holder, said
from carillon.store import jobs as store
from carillon.store.engine import Connection
from carillon.workspace import Workspace

PAUSES = (1.0, 5.0, 20.0, 60.0)
"""Seconds before another start, by how many in a row have failed."""
LOOK_SECONDS = 2.0
"""Between two looks for other settings."""
PULSE_SECONDS = 60.0
"""Between two signs of life in the books."""

Work = Callable[[Workspace, asyncio.Event], Awaitable[object]]


@dataclass(frozen=True)
class Service:
    """One of them."""

    name: str
    work: Work
    begins_anew: bool = True
    """After a change of the settings; one that does not asks for them itself."""


async def keep(service: Service, current: Current, stop: asyncio.Event, tell: Callable[[Done], None]) -> None:
    """Keep a service going until `stop` is set; then wait for its end."""
    failures, trouble = 0, None
    while not stop.is_set():
        try:
            await _once(service, current, stop)
            failures, trouble = 0, None
            await _pause(stop, PAUSES[0])
        except Exception as error:
            why = said(error)
            # That another is at it is no fault: several machines take turns.
            if not isinstance(error, Busy):
                await asyncio.to_thread(_note, current.get(), service.name, why)
            if why != trouble:
                tell(Done(service.name, {}, why))
            trouble = why
            await _pause(stop, PAUSES[min(failures, len(PAUSES) - 1)])
            failures += 1


async def _once(service: Service, current: Current, stop: asyncio.Event) -> None:
    """One start of a service, over at a fault, at other settings, or when it is to stop."""
    workspace, over = current.get(), asyncio.Event()
    work = asyncio.ensure_future(service.work(workspace, over))
    try:
        waited = 0.0
        while not (work.done() or stop.is_set() or (service.begins_anew and current.get() is not workspace)):
            stopping = asyncio.ensure_future(stop.wait())
            first = asyncio.FIRST_COMPLETED
            await asyncio.wait((work, stopping), timeout=LOOK_SECONDS, return_when=first)
            stopping.cancel()
            waited += LOOK_SECONDS
            if waited >= PULSE_SECONDS:
                waited = 0.0
                await asyncio.to_thread(_note, workspace, service.name, None)
    finally:
        over.set()
        await work


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def _note(workspace: Workspace, name: str, why: str | None) -> None:
    """A sign of life, or a fault, in the books; where they cannot be written, the next one is."""
    me, now = holder(), workspace.clock.now()

    def write(connection: Connection) -> None:
        if store.take(connection, name, me, timedelta(seconds=PULSE_SECONDS), None, now):
            if why is None:
                store.complete(connection, name, me, None, now, {})
            else:
                store.fail(connection, name, me, now, why)

    with suppress(CarillonError):
        workspace.database.write(write)
