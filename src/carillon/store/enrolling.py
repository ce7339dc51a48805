"""Contacts enrolled in a sequence, a whole list with a constant number of statements (03-sequences §2).

Nobody is left out in silence: who cannot be written to, or is on the way already, is returned with the
reason. All writing happens in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import Connection, text

from carillon.errors import InputError
from carillon.sequences import Sequence
from carillon.store import audit, meant, suppressions
from carillon.store.completion import reopen
from carillon.store.engine import scalar
from carillon.store.enrollments import OPEN
from carillon.store.frames import read_named
from carillon.store.moments import as_moment, stamp
from carillon.store.sequence_starts import stage_starts
from carillon.words import SEQUENCE_EMAIL, ContactStatus, EnrollmentStatus, SequenceStatus


class Refusal(StrEnum):
    """Why a contact is not enrolled."""

    NO_ADDRESS = "without_address"
    OPTED_OUT = "opted_out"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    ENROLLED = "already_enrolled"
    TWICE = "twice_in_the_list"


@dataclass(frozen=True)
class Enrolled:
    """What became of a list."""

    sequence: Sequence
    """As it stands now."""
    enrolled: int
    refused: pl.DataFrame
    """Rows whose contact is not enrolled: `meant.COLUMNS` as text and `reason` (`Refusal`), by line."""
    unknown: pl.DataFrame
    """Rows that mean no contact: `meant.COLUMNS` as text, by line."""
    unclear: pl.DataFrame
    """Rows that could mean several contacts: the same and how many (`n`)."""


def enroll(
    connection: Connection,
    sequence: Sequence,
    rows: Iterable[pl.DataFrame],
    now: datetime,
    by: str,
    zone: ZoneInfo,
) -> Enrolled:
    """Enroll those whom rows (`meant.COLUMNS`) mean; `sequence` as `find` gives it, to be changed.

    They begin when the sequence does or, if it has begun, at once, as far as its drip lets them. One that
    was completed runs again. Raises InputError for a sequence that is archived, or has no steps.
    """
    if sequence.status is SequenceStatus.ARCHIVED:
        raise InputError(f"the sequence {sequence.name} is archived: nobody can be enrolled in it.")
    if not sequence.steps:
        raise InputError(f"the sequence {sequence.name} has no steps yet; nobody can be enrolled in it.")
    meant.match(connection, rows)
    _sort_out(connection, sequence)
    wanted = int(scalar(connection, "select count(*) from temp_entrants where refusal is null"))
    if wanted:
        sequence = reopen(connection, sequence, now, by)
    places = stage_starts(connection, sequence, wanted, now, zone)
    enrolled = connection.execute(
        text(
            "insert into sequence_enrollments (sequence_id, contact_id, status, scheduled_start_at,"
            " next_action_at, enrolled_at)"
            f" select {sequence.id}, n.contact, case when t.start <= :now then '{EnrollmentStatus.ACTIVE}'"
            f" else '{EnrollmentStatus.SCHEDULED}' end, t.start, t.start,"
            f" {as_moment(connection, now)} from (select line, contact, {places.of('line')} as place"
            " from temp_entrants where refusal is null) n left join temp_starts t on t.place = n.place"
            f" where true order by n.line on conflict (sequence_id, contact_id) where {OPEN} do nothing"
        ),
        {"now": stamp(now)},
    ).rowcount
    refused = read_named(
        connection,
        {name: f"s.{name}" for name in meant.COLUMNS} | {"reason": "e.refusal"},
        "from temp_list s join temp_entrants e on e.line = s.line where e.refusal is not null",
    )
    connection.exec_driver_sql("drop table temp_entrants")
    unknown, unclear = meant.nobody(connection)
    if enrolled:
        after = {"enrolled": enrolled, "refused": refused.height}
        audit.note(connection, by, f"enrolled in sequence {sequence.name}", now, None, after)
    return Enrolled(sequence, enrolled, refused.sort(pl.col("line").cast(pl.Int64)), unknown, unclear)


def _sort_out(connection: Connection, sequence: Sequence) -> None:
    """`temp_entrants`: each row that means a contact, and why that one cannot be enrolled, if so."""
    # What a suppression keeps back is asked of the emails that a sequence would send.
    email = f"(select '{SEQUENCE_EMAIL}' as email_type, cast(null as bigint) as campaign_instance_id)"
    run = connection.exec_driver_sql
    run("drop table if exists temp_entrants")
    run("create temp table temp_entrants (line bigint primary key, contact bigint, refusal text)")
    run(
        "insert into temp_entrants (line, contact, refusal) select p.line, p.contact, case"
        f" when p.place > 1 then '{Refusal.TWICE}'"
        f" when coalesce(c.email, '') = '' then '{Refusal.NO_ADDRESS}'"
        f" when c.status = '{ContactStatus.OPTED_OUT}' then '{Refusal.OPTED_OUT}'"
        f" when c.status = '{ContactStatus.BOUNCED}' then '{Refusal.BOUNCED}'"
        f" when c.status <> '{ContactStatus.ACTIVE}' then c.status"
        f" when {suppressions.applies('c', 'e')} then '{Refusal.SUPPRESSED}'"
        " when exists (select 1 from sequence_enrollments o where o.contact_id = p.contact"
        f" and o.sequence_id = {sequence.id} and {OPEN}) then '{Refusal.ENROLLED}' end"
        " from (select m.line, m.contact, row_number() over (partition by m.contact order by m.line) as place"
        f" {meant.MATCHED}) p cross join contacts c cross join {email} e where c.id = p.contact"
    )
