"""What the database can tell about the state of a workspace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.store.engine import Database, scalar
from carillon.store.moments import moment_of
from carillon.words import RunStatus, Status


@dataclass(frozen=True)
class State:
    """Counts and runs, all of one moment."""

    contacts: int
    pending: int
    """Emails that are pre-scheduled."""
    overdue: int
    """Those of them whose day has passed."""
    last_run: datetime | None
    """When the last completed run ended."""
    last_failure: str | None
    """Why the run after it failed, if one did."""
    attempted: int
    """Emails whose sending ended since the moment asked about, well or not."""
    failed: int


def read(connection: Connection, today: int, since: datetime) -> State:
    """`today`: a day number; `since`: from when on sendings are counted."""
    pending = connection.execute(
        text(
            "select coalesce(sum(n), 0), coalesce(sum(case when day < :today then n end), 0)"
            " from plan_days where reason = 0"
        ),
        {"today": today},
    ).one()
    last = connection.execute(
        text(
            "select id, completed_at from scheduler_checkpoints where status = :done order by id desc limit 1"
        ),
        {"done": RunStatus.COMPLETED.value},
    ).one_or_none()
    failure = connection.execute(
        text(
            "select error_message from scheduler_checkpoints where status = :failed and id > :after"
            " order by id desc limit 1"
        ),
        {"failed": RunStatus.FAILED.value, "after": 0 if last is None else last[0]},
    ).scalar()
    sendings = connection.execute(
        text(
            "select count(*), coalesce(sum(case when status = :failed then 1 end), 0) from outbox"
            " where status in (:sent, :delivered, :bounced, :failed)"
            # Only to let the index by day serve: nothing is sent that late.
            " and send > :today - 60 and coalesce(actual_send_datetime, updated_at) >= :since"
        ),
        {
            "sent": Status.SENT.value,
            "delivered": Status.DELIVERED.value,
            "bounced": Status.BOUNCED.value,
            "failed": Status.FAILED.value,
            "since": since.isoformat(),
            "today": today,
        },
    ).one()
    return State(
        int(scalar(connection, "select count(*) from contacts")),
        int(pending[0]),
        int(pending[1]),
        None if last is None else moment_of(last[1]),
        failure,
        int(sendings[0]),
        int(sendings[1]),
    )


def has_contacts(database: Database) -> bool:
    """Whether a Carillon database holds anyone."""
    with database.snapshot() as connection:
        return scalar(connection, "select 1 from contacts limit 1") is not None
