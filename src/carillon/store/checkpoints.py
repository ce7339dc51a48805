"""The log of planner runs: `scheduler_checkpoints`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from carillon.store.json_values import object_of
from carillon.store.moments import moment_of
from carillon.store.paging import Slice, sliced
from carillon.store.planning import EVERYBODY, EVERYBODY_NOTED
from carillon.words import RunStatus


@dataclass(frozen=True)
class Finished:
    """What a completed run wrote. Checksums are integers below 2^64."""

    contacts_checksum: int
    before_checksum: int
    after_checksum: int
    contacts: int
    scheduled: int
    skipped: int
    summary: dict[str, object]


@dataclass(frozen=True)
class Run:
    """One run of the planner, as it was logged."""

    id: int
    run_id: str
    begun: datetime | None
    completed: datetime | None
    today: str | None
    status: str
    contacts: int | None
    scheduled: int | None
    skipped: int | None
    error: str | None
    summary: dict[str, Any] | None


def page(connection: Connection, before: int | None, limit: int) -> Slice[Run]:
    """Runs, the newest first; `before`: those older than this one."""
    older = "" if before is None else " where id < :before"
    rows = connection.execute(
        text(
            "select id, scheduler_run_id, run_timestamp, completed_at, today, status, contacts_processed,"
            " emails_scheduled, emails_skipped, error_message, summary from scheduler_checkpoints"
            f"{older} order by id desc limit :limit"
        ),
        {"before": before, "limit": limit + 1},
    ).all()
    return sliced(
        rows,
        limit,
        lambda row: Run(
            row.id,
            row.scheduler_run_id,
            moment_of(row.run_timestamp),
            moment_of(row.completed_at),
            row.today,
            row.status,
            row.contacts_processed,
            row.emails_scheduled,
            row.emails_skipped,
            row.error_message,
            object_of(row.summary),
        ),
        lambda row: (int(row[0]),),
    )


def begin(connection: Connection, run_id: str, now: datetime, today: str) -> int:
    """Log a new run as started and return its number; runs that never ended are logged as failed.

    From here on changes are noted again contact by contact, even if "everybody" was noted before: what
    changes after this run's snapshot would be forgotten with that note.
    Call it only while holding the planner's lease: nobody else can be running then.
    """
    connection.execute(
        text(
            "update scheduler_checkpoints set status = :failed, completed_at = :now,"
            " error_message = 'interrupted: the process ended before the run did' where status = :started"
        ),
        {"failed": RunStatus.FAILED.value, "started": RunStatus.STARTED.value, "now": now.isoformat()},
    )
    connection.execute(
        text(
            "insert into scheduler_checkpoints (run_timestamp, scheduler_run_id, status, today)"
            " values (:now, :run_id, :status, :today)"
        ),
        {"now": now.isoformat(), "run_id": run_id, "status": RunStatus.STARTED.value, "today": today},
    )
    connection.execute(
        text("update changes set contact_id = :noted where contact_id = :everybody"),
        {"noted": EVERYBODY_NOTED, "everybody": EVERYBODY},
    )
    number = connection.execute(
        text("select id from scheduler_checkpoints where scheduler_run_id = :run_id"), {"run_id": run_id}
    ).scalar_one()
    return int(number)


def complete(connection: Connection, number: int, now: datetime, done: Finished) -> None:
    """Log the run as completed, in the transaction that stores its plan."""
    connection.execute(
        text(
            "update scheduler_checkpoints set status = :status, completed_at = :now,"
            " contacts_checksum = :contacts, schedules_before_checksum = :before,"
            " schedules_after_checksum = :after, contacts_processed = :people,"
            " emails_scheduled = :scheduled, emails_skipped = :skipped, summary = :summary"
            " where id = :number"
        ),
        {
            "status": RunStatus.COMPLETED.value,
            "now": now.isoformat(),
            "contacts": f"{done.contacts_checksum:016x}",
            "before": f"{done.before_checksum:016x}",
            "after": f"{done.after_checksum:016x}",
            "people": done.contacts,
            "scheduled": done.scheduled,
            "skipped": done.skipped,
            "summary": json.dumps(done.summary),
            "number": number,
        },
    )


def fail(connection: Connection, number: int, now: datetime, why: str) -> None:
    """Log the run as failed."""
    connection.execute(
        text(
            "update scheduler_checkpoints set status = :status, completed_at = :now, error_message = :why"
            " where id = :number"
        ),
        {"status": RunStatus.FAILED.value, "now": now.isoformat(), "why": why, "number": number},
    )


def any_changes(connection: Connection) -> bool:
    """Whether somebody or something has changed since the last run."""
    return connection.execute(text("select 1 from changes limit 1")).first() is not None
