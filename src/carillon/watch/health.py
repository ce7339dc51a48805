"""How a workspace is doing: healthy, degraded or unhealthy, with the reasons. Every number is measured."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from carillon.clock import Clock, today
from carillon.days import day_number
from carillon.errors import CarillonError
from carillon.settings import Settings
from carillon.store import status as store
from carillon.workspace import open_workspace

RUN_AGE = timedelta(days=2)
"""From this age of the last good run on, the plan is behind."""
BACKLOG = 10_000
"""More overdue emails than this are a backlog."""
ERROR_RATE = 0.05
DAY = timedelta(hours=24)
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
        *(
            [f"{error_rate:.1%} of the emails of the last 24 hours failed"]
            if (error_rate or 0) > ERROR_RATE
            else []
        ),
        *([f"only {free / 1e9:.1f} GB of disk space are left"] if free < needed else []),
        *_about_years(settings, clock),
    ]
    return HealthReport(
        Health.DEGRADED if issues else Health.HEALTHY,
        now,
        True,
        state.last_run,
        None if age is None else round(age.total_seconds() / 3600, 1),
        state.contacts,
        state.pending,
        state.overdue,
        error_rate,
        free,
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


def _about_sending(error_rate: float | None) -> list[str]:
    if error_rate is not None and error_rate > ERROR_RATE:
        return [f"{error_rate:.1%} of the emails of the last 24 hours failed"]
    return []


def _about_years(settings: Settings, clock: Clock) -> list[str]:
    years = settings.aep_config.years
    this_year = today(clock, settings.workspace.zone).year
    if years and years[-1] <= this_year:
        return [f"aep_config.years ends with {years[-1]}: no AEP email is planned after it"]
    return []
