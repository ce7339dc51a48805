"""Jobs on a clock that is moved by hand: days of a workspace in a moment, for tests and simulations.

Everything but the waiting is real: occasions, leases, the books and the jobs themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from carillon.clock import ManualClock
from carillon.jobs.lease import Done, due, holder, perform
from carillon.jobs.table import JOBS, Job
from carillon.store import jobs as store
from carillon.workspace import Workspace

STEP = timedelta(minutes=1)


class SimulatedRunner:
    """Does what is due, one job after the other, whenever it is told that time has passed."""

    def __init__(self, workspace: Workspace, clock: ManualClock, jobs: Sequence[Job] = JOBS) -> None:
        """`clock`: the workspace's own."""
        self._workspace, self._clock, self._jobs = workspace, clock, jobs
        self._me = holder()

    def settle(self) -> list[Done]:
        """Do everything that is due now, also what becomes so by that."""
        done: list[Done] = []
        while ready := self._due():
            found = [perform(self._workspace, job, self._me, occasion) for job, occasion in ready]
            if not any(found):
                break
            done += [one for one in found if one is not None]
        return done

    def run_until(self, end: datetime, step: timedelta = STEP) -> list[Done]:
        """Let time pass until `end`, looking once in each step."""
        done = self.settle()
        while (left := end - self._clock.now()) > timedelta(0):
            self._clock.advance(min(step, left))
            done += self.settle()
        return done

    def _due(self) -> list[tuple[Job, datetime]]:
        with self._workspace.database.snapshot() as connection:
            states = store.states(connection)
        return due(self._jobs, states, self._workspace)
