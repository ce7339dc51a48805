"""One job, once: taken by a lease, kept while it runs, noted when it ends.

A failure belongs to the job: it is noted and told, and its occasion is tried again after a growing pause.
Whoever is killed leaves a lease that ends by itself, and the occasion as if it had never begun.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Thread

from carillon.errors import CarillonError
from carillon.jobs.table import Job, Report
from carillon.store import jobs as store
from carillon.workspace import Workspace

HEARTBEAT_SECONDS = 15.0
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=15)
"""Before a job that failed is tried again; each failure in a row doubles it."""


@dataclass(frozen=True)
class Done:
    """What became of a job."""

    name: str
    report: Report
    error: str | None = None
    """Why it failed, if it did."""


def holder() -> str:
    """A name for this process that no other has."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def due(
    jobs: Iterable[Job], states: Mapping[str, store.JobState], workspace: Workspace
) -> list[tuple[Job, datetime]]:
    """Jobs that should be begun now, each with its occasion, in the order of the table.

    Of several occasions that were missed it is the last one. A job waits for those it comes after.
    """
    now, zone = workspace.clock.now(), workspace.settings.workspace.zone
    found = []
    first = {name for name, state in states.items() if state.is_held}
    for job in jobs:
        state, occasion = states.get(job.name), job.cadence.last(now, zone)
        if state is not None and (state.is_held or state.has_seen(occasion, now) or _rests(state, now)):
            continue
        if first.isdisjoint(job.after):
            found.append((job, occasion))
        first.add(job.name)
    return found


def perform(workspace: Workspace, job: Job, me: str, occasion: datetime | None) -> Done | None:
    """Do a job for an occasion (None: in any case) and note what came of it.

    Returns None if somebody else is at it or has seen to the occasion. What goes wrong inside the job is in
    what it returns; raises CarillonError where the books cannot be written.
    """
    database, now = workspace.database, workspace.clock.now
    period = job.cadence.period
    if not database.write(lambda c: store.take(c, job.name, me, period, occasion, now()), durable=True):
        return None
    try:
        with _kept(workspace, job.name, me):
            report = job.work(workspace)
    except Exception as error:
        why = said(error)
        # Where even this cannot be written (a full disk), the lease ends by itself.
        with suppress(CarillonError):
            database.write(lambda c: store.fail(c, job.name, me, now(), why))
        workspace.log.error("job failed", job=job.name, kind=type(error).__name__)
        return Done(job.name, {}, why)
    database.write(lambda c: store.complete(c, job.name, me, occasion, now(), report), durable=True)
    return Done(job.name, report)


def said(error: Exception) -> str:
    """An error in words; what is not ours to explain is a defect."""
    if isinstance(error, CarillonError):
        return str(error)
    return f"this is a defect in Carillon ({type(error).__name__}: {error})"


def _rests(state: store.JobState, now: datetime) -> bool:
    """Whether a job that failed is not to be tried again yet."""
    if not state.failures or state.finished is None:
        return False
    pause = min(FIRST_PAUSE * 2 ** min(state.failures - 1, 10), LONGEST_PAUSE)
    return timedelta(0) <= now - state.finished < pause


@contextmanager
def _kept(workspace: Workspace, name: str, me: str) -> Iterator[None]:
    """Extend the lease while the job runs."""
    over = Event()
    thread = Thread(target=_beat, args=(workspace, name, me, over), name=f"lease of {name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _beat(workspace: Workspace, name: str, me: str, over: Event) -> None:
    while not over.wait(HEARTBEAT_SECONDS):
        # A database that is busy for a while is no reason to give up: the lease outlasts three beats.
        with suppress(CarillonError):
            workspace.database.write(lambda c: store.extend(c, name, me))
