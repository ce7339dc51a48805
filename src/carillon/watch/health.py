"""How a workspace is doing: healthy, degraded or unhealthy, with the reasons. Every number is measured."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from carillon.clock import Clock, today
from carillon.days import day_number
from carillon.errors import CarillonError
from carillon.settings import Settings
from carillon.store import doubts, due_templates, inboxes
from carillon.store import jobs as store_jobs
from carillon.store import status as store
from carillon.store.accounts import accounts
from carillon.store.campaigns import campaigns
from carillon.store.dispatch import workspace_paused
from carillon.watch.mailboxes import about_mailboxes
from carillon.watch.sending import about_sending
from carillon.workspace import open_workspace

RUN_AGE = timedelta(days=2)
"""From this age of the last good run on, the plan is behind."""
BACKLOG = 10_000
"""More overdue emails than this are a backlog."""
ERROR_RATE = 0.05
DAY = timedelta(hours=24)
LATE = timedelta(minutes=15)
"""A job may be so late at least, and in any case by twice its period."""
FREE_BYTES = 1_000_000_000
"""With less disk space than this (or than the database needs once more) trouble is near."""


class Health(StrEnum):
    """`unhealthy`: nothing works; `degraded`: something needs looking after."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True)
class HealthReport:
    """What was measured; None where there was nothing to measure."""

    status: Health
    timestamp: datetime
    database_connected: bool
    last_successful_run: datetime | None = None
    last_run_age_hours: float | None = None
    contacts: int | None = None
    pending_schedules: int | None = None
    overdue_schedules: int | None = None
    error_rate_24h: float | None = None
    """Share of failures among the emails whose sending ended in the last 24 hours."""
    disk_free_bytes: int | None = None
    jobs: Mapping[str, float | None] = field(default_factory=dict)
    """Of what `carillon run` does: hours since it last ended well; None: it never did."""
    waiting_for_inbox: Mapping[str, int] = field(default_factory=dict)
    """By account: contacts of sequences who are due and wait for its mailbox to be read."""
    issues: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Plain values only."""
        plain = asdict(self)
        for name in ("timestamp", "last_successful_run"):
            moment = getattr(self, name)
            plain[name] = moment.isoformat() if moment else None
        return plain | {"status": self.status.value, "issues": list(self.issues)}


def check(folder: Path, clock: Clock) -> HealthReport:
    """Measure the workspace in `folder`; never raises for what is wrong with its database."""
    now = clock.now()
    try:
        workspace = open_workspace(folder, os.environ, clock)
        try:
            day = day_number(workspace.today())
            with workspace.database.snapshot() as connection:
                state = store.read(connection, day, now - DAY)
                jobs = store_jobs.states(connection)
                known = campaigns(connection, workspace.settings.campaign_types)
                testing = workspace.settings.features.ab_testing
                lacking = due_templates.ahead(connection, day, known, testing)
                senders = accounts(connection)
                waiting = inboxes.waiting(connection, now)
                mailboxes = about_mailboxes(senders, inboxes.folders(connection), now, waiting)
                sending = about_sending(senders, doubts.count(connection), workspace_paused(connection))
            settings, file = workspace.settings, workspace.database.file
        finally:
            workspace.close()
    except CarillonError as error:
        return HealthReport(Health.UNHEALTHY, now, False, issues=(str(error),))
    age = None if state.last_run is None else now - state.last_run
    free = shutil.disk_usage(folder).free
    needed = max(FREE_BYTES, file.stat().st_size if file is not None else 0)
    error_rate = state.failed / state.attempted if state.attempted else None
    issues = [
        *_about_runs(state, age),
        *([f"{state.overdue:,} emails are overdue"] if state.overdue > BACKLOG else []),
        *_about_errors(error_rate),
        *sending,
        *([f"only {free / 1e9:.1f} GB of disk space are left"] if free < needed else []),
        *(f"{one.emails:,} planned emails cannot be released: {one.words}" for one in lacking),
        *_about_years(settings, clock),
        *_about_jobs(jobs, now),
        *mailboxes,
    ]
    return HealthReport(
        Health.DEGRADED if issues else Health.HEALTHY,
        now,
        True,
        state.last_run,
        _hours(now, state.last_run),
        state.contacts,
        state.pending,
        state.overdue,
        error_rate,
        free,
        {name: _hours(now, job.completed) for name, job in jobs.items()},
        {one.name: waiting[one.id] for one in senders if one.id in waiting},
        tuple(issues),
    )


def _about_runs(state: store.State, age: timedelta | None) -> list[str]:
    issues = []
    if age is None:
        issues.append("no plan has been made yet: run `carillon plan`")
    elif age > RUN_AGE:
        issues.append(f"the last plan is {age.days} days old: run `carillon plan`")
    if state.last_failure is not None:
        issues.append(f"the last run of the planner failed: {state.last_failure}")
    return issues


def _about_errors(error_rate: float | None) -> list[str]:
    if error_rate is not None and error_rate > ERROR_RATE:
        return [f"{error_rate:.1%} of the emails of the last 24 hours failed"]
    return []


def _about_jobs(jobs: Mapping[str, store_jobs.JobState], now: datetime) -> list[str]:
    """What has failed; what `carillon run` did once and does not any more."""
    issues, late = [], []
    for name, job in jobs.items():
        if job.last_error is not None:
            times = "" if job.failures == 1 else f" {job.failures} times in a row"
            issues.append(f"{name} failed{times}: {job.last_error}")
        elif not job.is_held and job.completed is not None and job.period is not None:
            late += [(age, name) for age in [now - job.completed] if age > max(LATE, 2 * job.period)]
    if late:
        names = ", ".join(name for _, name in sorted(late))
        issues.append(f"{names}: not done for up to {_in_words(max(late)[0])}; start `carillon run`")
    return issues


def _in_words(age: timedelta) -> str:
    minutes = int(age.total_seconds()) // 60
    if minutes < 2 * 60:
        return f"{minutes} minutes"
    return f"{age.days} days" if age.days > 1 else f"{minutes // 60} hours"


def _hours(now: datetime, moment: datetime | None) -> float | None:
    return None if moment is None else round((now - moment).total_seconds() / 3600, 1)


def _about_years(settings: Settings, clock: Clock) -> list[str]:
    years = settings.aep_config.years
    this_year = today(clock, settings.workspace.zone).year
    if years and years[-1] <= this_year:
        return [f"aep_config.years ends with {years[-1]}: no AEP email is planned after it"]
    return []
