"""`carillon run`: jobs, dispatcher, listener and web in one process; and once through, in order.

What belongs here: what is started and how it ends. What does not: what a job does (`work`), or the server,
which is handed in because it stands above this room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import time
from functools import partial
from threading import Event

from carillon.errors import Busy, UsageError
from carillon.jobs import work
from carillon.jobs.cadence import Daily
from carillon.jobs.current import Current
from carillon.jobs.embedded import EmbeddedRunner
from carillon.jobs.lease import Done, holder, perform
from carillon.jobs.services import Service, Work, keep
from carillon.jobs.table import Job, Report
from carillon.listen.run import listen
from carillon.send.run import SendReport, dispatch
from carillon.store import jobs as store
from carillon.store.lease import only_one
from carillon.workspace import Workspace

GRACE_SECONDS = 30.0
"""How long a stop waits for jobs under way, as for emails in flight."""
_WHENEVER = Daily(time(0))
"""The cadence of what is asked for by hand."""


@contextmanager
def alone(workspace: Workspace) -> Iterator[None]:
    """Be the only `run` of a workspace on SQLite; others may share one on PostgreSQL.

    Raises Busy where there is another. Leases that are left over there are nobody's, and are given back.
    """
    if not workspace.database.is_sqlite:
        yield
        return
    found: list[str] = []
    try:
        with only_one(workspace.database, "run", 0.0, found.append):
            workspace.database.write(store.forget_holders)
            yield
    except Busy:
        if not found:
            raise
        who = found[0].partition(";")[0]
        raise Busy(
            f"{who}; one is enough for a workspace on SQLite. Stop that one first. Nothing was changed."
        ) from None


@dataclass(frozen=True)
class Sending:
    """What the dispatcher may do."""

    local_only: bool
    """Only through accounts that keep mail on this machine."""
    unasked: bool
    """Also where the settings want somebody to be asked first."""

    def require(self, workspace: Workspace) -> None:
        """Raise UsageError where somebody would have to be asked: here nobody is."""
        safety = workspace.settings.safety
        if safety.confirm_before_send and not (self.unasked or safety.dry_run):
            raise UsageError(
                "nothing is sent: safety.confirm_before_send is on, and here nobody is asked. Send with "
                "`carillon send`, or start with --yes."
            )


async def together(
    current: Current, serve: Work, sending: Sending, stop: asyncio.Event, tell: Callable[[Done], None]
) -> list[str]:
    """Keep everything going until `stop` is set, then end it all.

    `serve`: the web; `tell` may be called on any thread. Returns the names of jobs that were not done in
    time: they end with the process.
    """
    services = [
        Service("dispatch", partial(_dispatch, sending, tell)),
        Service("listen", partial(_listen, tell)),
        # Whoever has a page open should not lose it whenever somebody saves the settings.
        Service("web", serve, begins_anew=False),
    ]
    runner = EmbeddedRunner(current, tell)

    async def jobs() -> list[str]:
        runner.start()
        await stop.wait()
        return await asyncio.to_thread(runner.stop, GRACE_SECONDS)

    ended = asyncio.ensure_future(jobs())
    await asyncio.gather(ended, *(keep(one, current, stop, tell) for one in services))
    return ended.result()


def once(
    workspace: Workspace,
    sending: Sending,
    stopping: Callable[[], asyncio.Event],
    tell: Callable[[Done], None],
) -> list[Done]:
    """Listen, advance, release and send what is due, in that order; one that fails stops none after it.

    `stopping` is called in the dispatcher's loop for the event that stops it.
    """
    me, done = holder(), []
    for job in (
        Job("listen", _WHENEVER, _listen_once),
        Job("advance", _WHENEVER, work.advance),
        Job("release", _WHENEVER, work.release),
        Job("warmup_mail", _WHENEVER, work.warmup_mail),
        Job("dispatch", _WHENEVER, partial(_dispatch_once, sending, stopping)),
    ):
        found = perform(workspace, job, me, None) or Done(job.name, {}, "another machine is at it just now")
        tell(found)
        done.append(found)
    return done


def faults(report: Mapping[str, object]) -> Mapping[str, object]:
    """Accounts with a fault, in the report of a dispatcher or a listener."""
    found = report.get("faults")
    return found if isinstance(found, Mapping) else {}


async def _dispatch(
    sending: Sending, tell: Callable[[Done], None], workspace: Workspace, stop: asyncio.Event
) -> None:
    sending.require(workspace)
    report = await dispatch(workspace, stop, False, sending.local_only)
    if report.counts or report.warmup:
        tell(Done("dispatch", report.as_json()))


async def _listen(tell: Callable[[Done], None], workspace: Workspace, stop: asyncio.Event) -> None:
    """The listener has threads of its own; it is asked to end when the event says so."""
    over = Event()

    def told(account: str, what: str) -> None:
        tell(Done("listen", {account: what}))

    listening = asyncio.ensure_future(asyncio.to_thread(listen, workspace, over, False, told))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((listening, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        over.set()
        stopping.cancel()
        await listening


def _listen_once(workspace: Workspace) -> Report:
    report = listen(workspace, Event(), True)
    return report.as_json() if report.messages or report.faults else {}


def _dispatch_once(sending: Sending, stopping: Callable[[], asyncio.Event], workspace: Workspace) -> Report:
    sending.require(workspace)

    async def go() -> SendReport:
        return await dispatch(workspace, stopping(), True, sending.local_only)

    report = asyncio.run(go())
    some = report.counts or report.faults or report.reaped or report.warmup
    return report.as_json() if some else {}
