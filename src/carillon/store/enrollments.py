"""Contacts on their way through sequences: begun, ended, looked up. `store.advance` moves them.

Everything happens in the caller's transaction and set at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.store.bulk import is_sqlite
from carillon.store.moments import as_moment, moment_of, stamp
from carillon.words import EnrollmentStatus, ExitReason, Status

OPEN = f"""status in ('{EnrollmentStatus.SCHEDULED}', '{EnrollmentStatus.ACTIVE}',
    '{EnrollmentStatus.PAUSED}')"""
"""The condition of the index `sequence_enrollments_open`."""
ENDED = "enrollment_ended"
"""`skip_reason` of emails whose enrollment ended before they left."""
EXITED = "exited"
"""`outcome` of the last row of a history that was stopped."""
AT_A_TIME = 5_000
"""Ids in one statement."""


@dataclass(frozen=True)
class Way:
    """A contact's way through one sequence."""

    id: int
    sequence_id: int
    sequence: str
    status: EnrollmentStatus
    current_step: str | None
    next_action_at: datetime | None
    exit_reason: str | None

    @property
    def is_open(self) -> bool:
        return self.status in (EnrollmentStatus.SCHEDULED, EnrollmentStatus.ACTIVE, EnrollmentStatus.PAUSED)


def of_contact(connection: Connection, contact: int) -> list[Way]:
    """All ways of a contact, the latest first."""
    rows = connection.execute(
        text(
            "select e.id, e.sequence_id, s.name, e.status, e.current_step, e.next_action_at, e.exit_reason"
            " from sequence_enrollments e join sequences s on s.id = e.sequence_id"
            " where e.contact_id = :id order by e.id desc"
        ),
        {"id": contact},
    )
    return [
        Way(int(row[0]), int(row[1]), row[2], EnrollmentStatus(row[3]), row[4], moment_of(row[5]), row[6])
        for row in rows
    ]


def stop(
    connection: Connection,
    enrollments: Sequence[int],
    reason: ExitReason | str,
    now: datetime,
    detail: str | None = None,
) -> int:
    """End enrollments, as far as they are open, and cancel what is `scheduled` for them. Returns how many.

    The enrollment is ended before its emails are looked at, so that none is added behind: `advance` locks
    it before inserting. What is being sent right now is for the dispatcher's intent to stop. `detail`: what
    happened, for the history.
    """
    return sum(
        _stop(connection, some, str(reason), now, detail) for some in _groups(sorted(set(enrollments)))
    )


def open_of(connection: Connection, sequence: int, contacts: Iterable[int]) -> list[int]:
    """The open enrollments of contacts in a sequence."""
    listed = ", ".join(str(int(one)) for one in contacts) or "0"
    rows = connection.execute(
        text(
            f"select id from sequence_enrollments where sequence_id = :id and contact_id in ({listed})"
            f" and {OPEN} order by id"
        ),
        {"id": sequence},
    )
    return [int(one) for one in rows.scalars()]


def _stop(connection: Connection, ids: Sequence[int], reason: str, now: datetime, detail: str | None) -> int:
    listed = ", ".join(str(int(one)) for one in ids)
    if not is_sqlite(connection):
        # Always in the same order, so that two who stop the same ones do not wait for each other.
        connection.exec_driver_sql(
            f"select id from sequence_enrollments where id in ({listed}) order by id for update"
        )
    status = EnrollmentStatus.COMPLETED if reason == ExitReason.COMPLETED else EnrollmentStatus.EXITED
    values = {
        "now": stamp(now),
        "status": status.value,
        "reason": reason,
        "detail": f"{reason}: {detail}" if detail else reason,
    }
    ended = connection.execute(
        text(
            "update sequence_enrollments set status = :status, exit_reason = :reason, ended_at = :now,"
            " next_action_at = null, visits = visits + 1"
            f" where id in ({listed}) and {OPEN} returning id"
        ),
        values,
    ).scalars()
    found = ", ".join(str(one) for one in ended)
    if not found:
        return 0
    connection.execute(
        text(
            "insert into sequence_step_executions"
            " (enrollment_id, step_key, visit, outcome, detail, executed_at)"
            f" select id, coalesce(current_step, ''), visits, '{EXITED}', cast(:detail as text),"
            f" {as_moment(connection, now)} from sequence_enrollments where id in ({found})"
        ),
        values,
    )
    waiting = f"where enrollment_id in ({found}) and status = '{Status.SCHEDULED}'"
    connection.exec_driver_sql(
        f"insert into changes (contact_id) select distinct contact_id from outbox {waiting}"
    )
    connection.execute(
        text(
            f"update outbox set status = '{Status.CANCELLED}', skip_reason = '{ENDED}', updated_at = :now,"
            f" noticed_at = :now {waiting}"
        ),
        values,
    )
    return found.count(",") + 1


def _groups(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for begin in range(0, len(ids), AT_A_TIME):
        yield ids[begin : begin + AT_A_TIME]
