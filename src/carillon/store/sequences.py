"""Sequences with their steps: read, held up, ended. Started: `sequence_starts`; made: `sequence_edits`.

All writing happens in the caller's transaction, and each deed is in the audit log with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.errors import InputError
from carillon.sequences import Sequence, Step, settings_from, step_from
from carillon.store import audit
from carillon.store.bulk import is_sqlite
from carillon.store.campaigns import did_you_mean
from carillon.store.enrollments import OPEN, stop
from carillon.store.json_values import object_of
from carillon.store.moments import moment, moment_of, stamp
from carillon.words import ExitReason, SequenceStatus

_COLUMNS = "s.id, s.name, s.status, s.scheduled_start_at, s.settings, s.source, s.version, c.name as campaign"
_FROM = "from sequences s left join outreach_campaigns c on c.id = s.outreach_campaign_id"


def find(connection: Connection, name: str, *, to_change: bool = False) -> Sequence:
    """The sequence of this name. Raises InputError, with the nearest name there is, where there is none.

    `to_change`: keep others from changing it until the transaction ends.
    """
    if to_change and not is_sqlite(connection):
        connection.execute(text("select 1 from sequences where name = :name for update"), {"name": name})
    found = _read(connection, "s.name = :name", {"name": name})
    if found:
        return found[0]
    names = connection.execute(text("select name from sequences")).scalars().all()
    hint = "`carillon sequence list` shows them." if names else "`carillon sequence apply FILE` makes one."
    raise InputError(f"there is no sequence {name!r}.{did_you_mean(name, names)} {hint}")


def sequences(connection: Connection, ids: Collection[int] | None = None) -> dict[int, Sequence]:
    """Sequences by id, in the order in which they were made; `ids`: these, else all."""
    if ids is not None and not ids:
        return {}
    where = "true" if ids is None else f"s.id in ({', '.join(str(int(one)) for one in ids)})"
    return {one.id: one for one in _read(connection, where, {})}


def name_of(connection: Connection, number: int) -> str | None:
    """The name of the sequence with this id."""
    found = connection.execute(text("select name from sequences where id = :id"), {"id": number}).scalar()
    return None if found is None else str(found)


def set_status(
    connection: Connection,
    sequence: Sequence,
    status: SequenceStatus,
    now: datetime,
    by: str,
    start: datetime | None = None,
) -> Sequence:
    """Give a sequence another status; `start`: its new moment of activation, if it has one."""
    new = replace(sequence, status=status, scheduled_start_at=start or sequence.scheduled_start_at)
    if new == sequence:
        return sequence
    begins = new.scheduled_start_at
    connection.execute(
        text(
            "update sequences set status = :status, scheduled_start_at = :start, updated_at = :now"
            " where id = :id"
        ),
        {
            "status": status.value,
            "start": None if begins is None else stamp(begins),
            "now": moment(now),
            "id": sequence.id,
        },
    )
    after: dict[str, object] = {"status": status.value}
    if begins != sequence.scheduled_start_at and begins is not None:
        after["scheduled_start_at"] = stamp(begins)
    audit.note(connection, by, f"sequence {sequence.name}", now, {"status": sequence.status.value}, after)
    return new


def pause(connection: Connection, name: str, now: datetime, by: str) -> Sequence:
    """Hold a sequence up: nobody moves and no email leaves until it is resumed.

    Raises InputError where it has not been started, or is over.
    """
    found = find(connection, name, to_change=True)
    if found.status not in (SequenceStatus.ACTIVE, SequenceStatus.SCHEDULED, SequenceStatus.PAUSED):
        raise InputError(f"the sequence {name} is {found.status}: there is nothing to hold up.")
    return set_status(connection, found, SequenceStatus.PAUSED, now, by)


def archive(connection: Connection, name: str, now: datetime, by: str) -> int:
    """End a sequence for good, for everybody on their way through it. Returns how many those were."""
    found = find(connection, name, to_change=True)
    set_status(connection, found, SequenceStatus.ARCHIVED, now, by)
    waiting = connection.execute(
        text(f"select id from sequence_enrollments where sequence_id = :id and {OPEN}"), {"id": found.id}
    )
    return stop(connection, [int(one) for one in waiting.scalars()], ExitReason.SEQUENCE_ARCHIVED, now)


def _read(connection: Connection, where: str, values: Mapping[str, object]) -> list[Sequence]:
    rows = connection.execute(text(f"select {_COLUMNS} {_FROM} where {where} order by s.id"), values).all()
    if not rows:
        return []
    listed = ", ".join(str(int(row.id)) for row in rows)
    steps: dict[int, list[Step]] = {}
    for row in connection.execute(
        text(
            "select sequence_id, step_key, type, settings, next, otherwise from sequence_steps"
            f" where sequence_id in ({listed}) order by sequence_id, position"
        )
    ):
        step = step_from(row.step_key, row.type, object_of(row.settings) or {}, row.next, row.otherwise)
        steps.setdefault(int(row.sequence_id), []).append(step)
    return [
        Sequence(
            name=row.name,
            steps=tuple(steps.get(int(row.id), ())),
            settings=settings_from(object_of(row.settings) or {}),
            campaign=row.campaign,
            id=int(row.id),
            status=SequenceStatus(row.status),
            scheduled_start_at=moment_of(row.scheduled_start_at),
            version=int(row.version),
            source=row.source,
        )
        for row in rows
    ]
