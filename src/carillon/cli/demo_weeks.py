"""The part of `carillon demo` that lets the last weeks pass, on a clock moved by hand.

The jobs, the dispatcher and the listener are the real ones, only called less often than `carillon run` does:
what stands in the books afterwards is what they wrote. People are those of `demo_readers`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from threading import Event
from typing import TYPE_CHECKING

from carillon.cli import demo_sequences
from carillon.cli.demo_readers import Readers
from carillon.cli.demo_troubles import Troubles
from carillon.clock import ManualClock

if TYPE_CHECKING:
    from carillon.store.engine import Connection
    from carillon.workspace import Workspace

DAYS, PLANNED = 15, 5
"""How many days pass before today, and for how many of them the year's plan sends."""
BEGINS = time(4)
NIGHT = time(0, 30)
"""When a day begins: its plan and its slots are due."""
LISTENS, QUIET_LISTENS = (8, 11, 15), (13,)
"""Hours at which mailboxes are read and sequences go on, on working days and at weekends."""
SENDS, QUIET_SENDS = (8, 9, 10, 11, 13, 14, 15, 16, 18), (8, 13)
"""Hours towards the end of which mail leaves; mailboxes keep to their slots."""
NOON = 12
NEVER, PLANNING = ("backup",), ("plan", "plan_changes", "release")
"""Jobs that are only done at the end, and those that begin with the plan."""
UNREAD = 9
"""Answers that nobody has read yet."""
OFTEN = ("warmup", "slots", "advance", "outcomes", "brakes")
"""Jobs that are done by day; at night all are."""


class Weeks:
    """The life of the demo's workspace until today."""

    def __init__(
        self, workspace: Workspace, clock: ManualClock, later: Mapping[str, Sequence[str | int]]
    ) -> None:
        """`clock`: the workspace's own; `later`: whom a sequence gets on the last day, by its name."""
        from carillon.jobs.simulated import SimulatedRunner
        from carillon.jobs.table import JOBS

        self._workspace, self._clock, self._later = workspace, clock, later
        nightly = [job for job in JOBS if job.name not in NEVER]
        before = [job for job in nightly if job.name not in PLANNING]
        self._all = SimulatedRunner(workspace, clock, JOBS)
        self._nightly = SimulatedRunner(workspace, clock, nightly)
        self._before = SimulatedRunner(workspace, clock, before)
        self._daily = SimulatedRunner(workspace, clock, [job for job in JOBS if job.name in OFTEN])
        self.readers, self._troubles = Readers(workspace), Troubles(workspace)

    def live(self, until: datetime, progress: Callable[[int, int], None]) -> None:
        """Let time pass until then."""
        for day in range(DAYS + 1):
            progress(day, DAYS + 1)
            self._day(day, until)
        self._go_to(until, until)
        self._look_after()
        self._all.settle()
        self._read()

    def _day(self, day: int, until: datetime) -> None:
        zone = self._workspace.settings.workspace.zone
        date = self._workspace.today()

        def at(moment: time) -> datetime:
            return datetime.combine(date, moment, zone)

        working = date.weekday() < 5
        listens = LISTENS if working else QUIET_LISTENS
        if self._clock.now() < until:
            (self._nightly if day >= DAYS - PLANNED else self._before).settle()
        for hour in SENDS if working else QUIET_SENDS:
            self._go_to(at(time(hour, 4 + day % 9)), until)
            if self._clock.now() >= until:
                return
            if hour in listens:
                if hour == listens[0]:
                    self._deeds(day)
                self._look_after()
            end = min(at(time(hour, 56 - day % 5)), until)
            for moment in self._slots(end) if working else ():
                self._go_to(moment, until)
                self._send()
            self._go_to(end, until)
            if hour > NOON:
                self._troubles.happen(DAYS - day)
            self._send()
        self._go_to(at(NIGHT) + timedelta(days=1), until)

    def _deeds(self, day: int) -> None:
        """What people of the agency do once."""
        if day == demo_sequences.LATER_DAYS:
            demo_sequences.change(self._workspace)
        if day == DAYS - 1:
            demo_sequences.announce(self._workspace, self._later)

    def _look_after(self) -> None:
        from carillon.listen.run import listen

        listen(self._workspace, Event(), True)
        self._daily.settle()

    def _send(self) -> None:
        from carillon.send.run import dispatch, due

        if not due(self._workspace).emails:
            return
        asyncio.run(dispatch(self._workspace, asyncio.Event(), once=True, local_only=True))
        self.readers.receive()

    def _read(self) -> None:
        """Somebody has read the answers, but for the latest ones."""
        from carillon.store import replies

        now = self._workspace.clock.now()

        def work(connection: Connection) -> None:
            found = replies.replies(connection, None, 1000)
            replies.mark_read(connection, [one.id for one in found[UNREAD:]], now)

        self._workspace.database.write(work)

    def _slots(self, end: datetime) -> list[datetime]:
        """Moments until `end` at which mailboxes write."""
        from carillon.pace.days import look
        from carillon.store import accounts
        from carillon.words import AccountKind

        with self._workspace.database.snapshot() as connection:
            boxes = [one for one in accounts.accounts(connection) if one.kind == AccountKind.MAILBOX]
        views = [look(self._workspace, one.name, None) for one in boxes if one.is_active]
        moments = {slot.at for view in views for slot in view.slots if slot.schedule_id is not None}
        return sorted(one for one in moments if self._clock.now() <= one < end)

    def _go_to(self, moment: datetime, until: datetime) -> None:
        """Move the clock on, not beyond `until`; people do what they do meanwhile."""
        moment = min(moment, until)
        if moment > self._clock.now():
            self._clock.advance(moment - self._clock.now())
            self.readers.happen(moment)
