"""The jobs: what is done by itself, how often, and what it is done with.

The one list that every runner goes by. A job is a function of a workspace that returns a report; it may be
done twice without harm, because who is killed in the middle of it does it again. A new job is a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time, timedelta

from carillon.jobs import work
from carillon.jobs.cadence import Cadence, Daily, Every, Hourly
from carillon.workspace import Workspace

Report = Mapping[str, object]
"""Plain values, for the books and the screen. A job that had nothing to do returns an empty one."""


@dataclass(frozen=True)
class Job:
    """One line of the table."""

    name: str
    cadence: Cadence
    work: Callable[[Workspace], Report]
    after: tuple[str, ...] = ()
    """Jobs that go first where they are due or under way as well."""


JOBS = (
    Job("backup", Daily(time(0, 0)), work.backup),
    Job("plan", Daily(time(0, 10)), work.plan, after=("backup",)),
    Job("plan_changes", Every(timedelta(minutes=15)), work.plan_changes, after=("backup", "plan")),
    Job("warmup", Every(timedelta(minutes=5)), work.warmup),
    Job("slots", Hourly(6), work.slots, after=("warmup",)),
    Job("release", Hourly(20), work.release, after=("plan", "plan_changes", "slots")),
    Job("warmup_mail", Hourly(25), work.warmup_mail, after=("release",)),
    Job("advance", Every(timedelta(minutes=1)), work.advance),
    Job("outcomes", Every(timedelta(minutes=5)), work.outcomes),
    Job("brakes", Every(timedelta(minutes=15)), work.brakes),
    Job("webhooks", Every(timedelta(minutes=1)), work.webhooks),
    Job("status", Every(timedelta(hours=6)), work.status),
    Job("retention", Daily(time(2, 0)), work.retention),
)
