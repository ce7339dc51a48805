"""When contacts begin a sequence: its activation, and the drip of so many a day (03-sequences §2).

Whoever is enrolled before the sequence is started waits without a start of its own. With a drip, days are
those of the workspace's zone; the first begin when the sequence does, those of later days at the same time
of day. All writing happens in the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from carillon.clock import whole_minute
from carillon.errors import InputError
from carillon.sequences import Sequence
from carillon.store import outreach
from carillon.store.bulk import insert_rows, is_sqlite
from carillon.store.completion import reopen_campaign
from carillon.store.engine import scalar
from carillon.store.enrollments import OPEN
from carillon.store.moments import moment_of, stamp
from carillon.store.sequences import find, set_status
from carillon.words import EnrollmentStatus, SequenceStatus

LONGEST_DRIP = 3660
"""Days over which the contacts of a sequence may begin."""
BEGUN = (SequenceStatus.ACTIVE, SequenceStatus.SCHEDULED, SequenceStatus.PAUSED)
"""Who is enrolled now is given a start."""


@dataclass(frozen=True)
class Start:
    """How a sequence stands after its activation."""

    sequence: Sequence
    enrolled: int
    """Contacts on their way, or waiting for their start."""
    days: dict[str, int]
    """Of those who have not begun: how many do so on which day (ISO, the workspace's zone)."""
    first: datetime | None
    """When the first of these does."""


@dataclass(frozen=True)
class Places:
    """How contacts are dealt out over `temp_starts`: number n (from 0) has the place (n + used) / each."""

    each: int
    used: int

    def of(self, order: str) -> str:
        """An SQL expression for a row's place."""
        return f"(row_number() over (order by {order}) - 1 + {self.used}) / {self.each}"


def start(
    connection: Connection, name: str, now: datetime, by: str, zone: ZoneInfo, at: datetime | None = None
) -> Start:
    """Let a sequence begin now, or `at` a moment to come. Again does no harm: nobody begins twice.

    Raises InputError where it has no steps or is archived, or where it runs and is to begin later.
    """
    found = find(connection, name, to_change=True)
    if found.status is SequenceStatus.ARCHIVED:
        raise InputError(f"the sequence {name} is archived; apply its file under another name.")
    if not found.steps:
        raise InputError(
            f"the sequence {name} has no steps yet; `carillon sequence apply FILE` gives it some."
        )
    if found.campaign is not None:
        outreach.open_campaign(connection, found.campaign)
    if at is not None and at > now:
        if found.status is SequenceStatus.ACTIVE:
            raise InputError(f"the sequence {name} runs already; `carillon sequence pause` holds it up.")
        reopen_campaign(connection, found, now, by)
        found = set_status(connection, found, SequenceStatus.SCHEDULED, now, by, at)
        lay(connection, found, now, zone, again=True)
    elif found.status is SequenceStatus.ACTIVE:
        lay(connection, found, now, zone, again=False)
    else:
        was_held = found.status is SequenceStatus.PAUSED and _begin(found, now) <= now
        begin = _begin(found, now) if was_held else whole_minute(now)
        reopen_campaign(connection, found, now, by)
        found = set_status(connection, found, SequenceStatus.ACTIVE, now, by, begin)
        lay(connection, found, now, zone, again=True)
    return standing(connection, found, zone)


def resume(connection: Connection, name: str, now: datetime, by: str, zone: ZoneInfo) -> Sequence:
    """Let a sequence that is paused go on: who should have begun meanwhile is dripped from today on.

    Raises InputError where it was never started, or is over.
    """
    found = find(connection, name, to_change=True)
    if found.status in (SequenceStatus.ACTIVE, SequenceStatus.SCHEDULED):
        return found
    if found.status is not SequenceStatus.PAUSED:
        raise InputError(f"the sequence {name} is {found.status}; `carillon sequence start` lets it begin.")
    if found.scheduled_start_at is not None and found.scheduled_start_at > now:
        return set_status(connection, found, SequenceStatus.SCHEDULED, now, by)
    found = set_status(connection, found, SequenceStatus.ACTIVE, now, by)
    lay(connection, found, now, zone, again=True)
    return found


def standing(connection: Connection, sequence: Sequence, zone: ZoneInfo) -> Start:
    """Who is on their way through a sequence, and who begins when."""
    here = {"id": sequence.id}
    count = f"select count(*) from sequence_enrollments where sequence_id = :id and {OPEN}"
    rows = connection.execute(
        text(
            "select scheduled_start_at, count(*) from sequence_enrollments where sequence_id = :id"
            f" and {OPEN} and visits = 0 and scheduled_start_at is not null group by scheduled_start_at"
            " order by scheduled_start_at"
        ),
        here,
    )
    begins = [(moment, int(n)) for at, n in rows if (moment := moment_of(at)) is not None]
    days: dict[str, int] = {}
    for moment, n in begins:
        day = moment.astimezone(zone).date().isoformat()
        days[day] = days.get(day, 0) + n
    enrolled = int(connection.execute(text(count), here).scalar_one())
    return Start(sequence, enrolled, days, begins[0][0] if begins else None)


def waiting(connection: Connection, sequence: int, limit: int) -> list[tuple[str | None, str, str]]:
    """Those who begin first, of those who have not: address, time zone as imported, and ZIP code."""
    rows = connection.execute(
        text(
            "select c.email, coalesce(c.timezone, ''), coalesce(c.zip_code, '') from sequence_enrollments n"
            " join contacts c on c.id = n.contact_id where n.sequence_id = :id"
            f" and n.status = '{EnrollmentStatus.SCHEDULED}' order by n.id limit :limit"
        ),
        {"id": sequence, "limit": limit},
    )
    return [(row[0], row[1], row[2]) for row in rows]


def not_begun(connection: Connection, sequence: int) -> int:
    """How many are enrolled and have not begun."""
    return int(
        scalar(
            connection,
            "select count(*) from sequence_enrollments where sequence_id = :id"
            f" and status = '{EnrollmentStatus.SCHEDULED}'",
            id=sequence,
        )
    )


def lay(connection: Connection, sequence: Sequence, now: datetime, zone: ZoneInfo, again: bool) -> None:
    """Give those who have not begun their start; `again`: also those who have one."""
    mine = f"sequence_id = {sequence.id} and status = '{EnrollmentStatus.SCHEDULED}'"
    if not again:
        mine += " and scheduled_start_at is null"
    waiting = int(scalar(connection, f"select count(*) from sequence_enrollments where {mine}"))
    if not waiting:
        return
    places = stage_starts(connection, sequence, waiting, now, zone, mine)
    connection.execute(
        text(
            "update sequence_enrollments set scheduled_start_at = p.start, next_action_at = p.start,"
            f" status = case when p.start <= :now then '{EnrollmentStatus.ACTIVE}'"
            f" else '{EnrollmentStatus.SCHEDULED}' end"
            f" from (select n.id, t.start from (select id, {places.of('id')} as place"
            f" from sequence_enrollments where {mine}) n join temp_starts t on t.place = n.place) p"
            " where p.id = sequence_enrollments.id"
        ),
        {"now": stamp(now)},
    )


def stage_starts(
    connection: Connection,
    sequence: Sequence,
    contacts: int,
    now: datetime,
    zone: ZoneInfo,
    excepted: str = "false",
) -> Places:
    """Fill `temp_starts` (place, start) for so many contacts; empty for a sequence that has not begun.

    `excepted`: enrollments whose start is to be given anew, as an SQL condition. Raises InputError where
    the drip would take more than ten years.
    """
    run = connection.exec_driver_sql
    run("drop table if exists temp_starts")
    kind = "text" if is_sqlite(connection) else "timestamptz"
    run(f"create temp table temp_starts (place bigint primary key, start {kind})")
    if sequence.status not in BEGUN:
        return Places(contacts + 1, 0)
    begin = max(whole_minute(now), _begin(sequence, now)).astimezone(zone)
    each = sequence.settings.drip_per_day
    if each is None:
        insert_rows(connection, "temp_starts", ("place", "start"), [(0, stamp(begin))])
        return Places(contacts + 1, 0)
    first, used = begin.date(), 0
    last = _last_start(connection, sequence, excepted)
    if last is not None and last.astimezone(zone).date() >= first:
        first = last.astimezone(zone).date()
        used = _starting_on(connection, sequence, first, zone, excepted)
    days = -(-(used + contacts) // each)
    if days > LONGEST_DRIP:
        raise InputError(
            f"with {each} contacts a day the last of {contacts:,} would begin in {days:,} days; "
            "set drip_per_day higher, or enroll fewer."
        )
    usual = _begin(sequence, now).astimezone(zone)
    starts = [
        usual.replace(year=day.year, month=day.month, day=day.day)
        for day in (first + timedelta(number) for number in range(days))
    ]
    if first == begin.date():
        starts[0] = begin
    rows = [(place, stamp(moment)) for place, moment in enumerate(starts)]
    insert_rows(connection, "temp_starts", ("place", "start"), rows)
    return Places(each, used)


def _begin(sequence: Sequence, now: datetime) -> datetime:
    """When it begins or began; now where nothing is known of that."""
    return sequence.scheduled_start_at or now


def _last_start(connection: Connection, sequence: Sequence, excepted: str) -> datetime | None:
    return moment_of(
        scalar(
            connection,
            "select max(scheduled_start_at) from sequence_enrollments where sequence_id = :id"
            f" and not ({excepted})",
            id=sequence.id,
        )
    )


def _starting_on(connection: Connection, sequence: Sequence, day: date, zone: ZoneInfo, excepted: str) -> int:
    begin, end = (stamp(datetime.combine(one, time(), zone)) for one in (day, day + timedelta(1)))
    return int(
        scalar(
            connection,
            f"select count(*) from sequence_enrollments where sequence_id = :id and not ({excepted})"
            " and scheduled_start_at >= :begin and scheduled_start_at < :end",
            id=sequence.id,
            begin=begin,
            end=end,
        )
    )
