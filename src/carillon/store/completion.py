"""Sequences that are through, the outreach campaigns that are with them, and their running again.

A sequence is completed when somebody has come to an end in it since it was started last and nobody is on the
way any more. One that nobody was enrolled in yet, one that is held up and one that begins later are not:
what they are there for is still to come. Enrolling runs it again, and so does its start.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from carillon.sequences import Sequence
from carillon.store import outreach
from carillon.store.bulk import is_sqlite
from carillon.store.enrollments import OPEN
from carillon.store.moments import stamp
from carillon.store.sequences import set_status
from carillon.words import OutreachStatus, SequenceStatus

_THROUGH = (
    f"s.status = '{SequenceStatus.ACTIVE}' and not exists (select 1 from sequence_enrollments e"
    f" where e.sequence_id = s.id and {OPEN.replace('status', 'e.status')})"
    " and exists (select 1 from sequence_enrollments e where e.sequence_id = s.id"
    " and e.ended_at is not null"
    " and (s.scheduled_start_at is null or e.ended_at >= s.scheduled_start_at))"
)
_MEMBERS = "(select q.status from sequences q where q.outreach_campaign_id = c.id)"
_OVER = (
    f"'{SequenceStatus.COMPLETED}' in {_MEMBERS} and not exists (select 1 from sequences q"
    " where q.outreach_campaign_id = c.id"
    f" and q.status not in ('{SequenceStatus.COMPLETED}', '{SequenceStatus.ARCHIVED}'))"
)
_TO_COMPLETE = f"c.status = '{OutreachStatus.ACTIVE}' and {_OVER}"
_TO_REOPEN = f"c.status = '{OutreachStatus.COMPLETED}' and not ({_OVER})"


def is_to_do(connection: Connection) -> bool:
    """Whether `complete` would change anything: asked without a lock."""
    return bool(_through(connection)) or (
        connection.exec_driver_sql(
            f"select 1 from outreach_campaigns c where ({_TO_COMPLETE}) or ({_TO_REOPEN}) limit 1"
        ).first()
        is not None
    )


def complete(connection: Connection, now: datetime) -> tuple[int, int]:
    """Complete what is through. Returns how many sequences and campaigns; at once again it does nothing.

    A campaign is completed when its sequences are, those that are archived aside; with a new one in it, it is
    active again.
    """
    sequences = 0
    if ids := _through(connection):
        listed = ", ".join(map(str, ids))
        if not is_sqlite(connection):
            # Who enrolls holds the sequence: once it is ours, the next statement sees whom they enrolled.
            connection.exec_driver_sql(
                f"select id from sequences where id in ({listed}) order by id for update"
            )
        sequences = connection.execute(
            text(
                f"update sequences as s set status = '{SequenceStatus.COMPLETED}', updated_at = :now"
                f" where s.id in ({listed}) and {_THROUGH}"
            ),
            {"now": stamp(now)},
        ).rowcount
    counts = []
    for status, which in ((OutreachStatus.COMPLETED, _TO_COMPLETE), (OutreachStatus.ACTIVE, _TO_REOPEN)):
        done = connection.execute(
            text(f"update outreach_campaigns as c set status = '{status}', updated_at = :now where {which}"),
            {"now": stamp(now)},
        )
        counts.append(done.rowcount)
    return sequences, counts[0]


def reopen(connection: Connection, sequence: Sequence, now: datetime, by: str) -> Sequence:
    """Let a sequence that was completed run again; any other is given back as it is."""
    if sequence.status is not SequenceStatus.COMPLETED:
        return sequence
    reopen_campaign(connection, sequence, now, by)
    return set_status(connection, sequence, SequenceStatus.ACTIVE, now, by)


def reopen_campaign(connection: Connection, sequence: Sequence, now: datetime, by: str) -> None:
    """The same for the outreach campaign of a sequence, if it has one."""
    if sequence.campaign is None:
        return
    campaign = outreach.find(connection, sequence.campaign)
    if campaign.status is OutreachStatus.COMPLETED:
        outreach.set_status(connection, campaign.name, OutreachStatus.ACTIVE, now, by)


def _through(connection: Connection) -> list[int]:
    return [
        int(one)
        for one in connection.exec_driver_sql(f"select s.id from sequences s where {_THROUGH}").scalars()
    ]
