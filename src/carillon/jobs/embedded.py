"""The jobs inside one process, on APScheduler: no broker, no second program.

The scheduler only looks, every few seconds, which jobs are due by the books, and gives each a thread. That
it looks late (a laptop that slept, a machine under load) makes up for what was missed once: an occasion is
a row in the database, not an alarm that rang.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from threading import Condition

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from carillon.clock import SystemClock
from carillon.errors import CarillonError
from carillon.jobs.current import Current
from carillon.jobs.lease import Done, due, holder, perform, said
from carillon.jobs.table import JOBS, Job
from carillon.store import jobs as store

LOOK_SECONDS = 5


class EmbeddedRunner:
    """Does the jobs of a workspace on threads of this process."""

    def __init__(
        self,
        current: Current,
        tell: Callable[[Done], None],
        jobs: Sequence[Job] = JOBS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """`tell` hears of every job that ended, on that job's thread."""
        self._current, self._tell, self._jobs = current, tell, jobs
        self._look_seconds = look_seconds
        self._me = holder()
        self._given: set[str] = set()
        """Jobs that were given a thread, or wait for one."""
        self._at_work: set[str] = set()
        self._is_looking = False
        self._change = Condition()
        self._stopping = False
        self._trouble: str | None = None
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"look": ThreadPoolExecutor(1), "work": ThreadPoolExecutor(len(jobs))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        """Look now, and then every few seconds."""
        self._scheduler.add_job(
            self._look,
            "interval",
            seconds=self._look_seconds,
            executor="look",
            next_run_time=SystemClock().now(),
        )
        self._scheduler.start()

    def stop(self, grace_seconds: float) -> list[str]:
        """Begin nothing new, wait for what is under way, and give the leases back.

        Returns the names of jobs that are still not done when the time is over. They end with the process;
        the next one does them again.
        """
        with self._change:
            self._stopping = True
        self._scheduler.shutdown(wait=False)
        with self._change:
            self._change.wait_for(lambda: not (self._at_work or self._is_looking), grace_seconds)
            left = sorted(self._at_work)
        with suppress(CarillonError):
            self._current.get().database.write(lambda c: store.give_back(c, self._me))
        return left

    def _look(self) -> None:
        with self._change:
            if self._stopping:
                return
            self._is_looking = True
        try:
            self._give_out()
        finally:
            with self._change:
                self._is_looking = False
                self._change.notify_all()

    def _give_out(self) -> None:
        workspace = self._current.get()
        try:
            with workspace.database.snapshot() as connection:
                states = store.states(connection)
        except Exception as error:
            self._say(said(error))
            return
        self._say(None)
        for job, occasion in due(self._jobs, states, workspace):
            with self._change:
                if self._stopping or job.name in self._given:
                    continue
                self._given.add(job.name)
            self._scheduler.add_job(self._do, args=[job, occasion], executor="work")

    def _do(self, job: Job, occasion: datetime) -> None:
        with self._change:
            if self._stopping:
                return
            self._at_work.add(job.name)
        try:
            done = perform(self._current.get(), job, self._me, occasion)
        except Exception as error:
            done = Done(job.name, {}, said(error))
        finally:
            with self._change:
                self._given.discard(job.name)
                self._at_work.discard(job.name)
                self._change.notify_all()
        if done is not None:
            self._tell(done)

    def _say(self, trouble: str | None) -> None:
        """Tell once that the books cannot be read."""
        if trouble is not None and trouble != self._trouble:
            self._tell(Done("jobs", {}, trouble))
        self._trouble = trouble
