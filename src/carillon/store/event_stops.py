"""Enrollments that end, or wait longer, because something came back. Sequences say what ends them.

All writing happens in the caller's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from importlib import resources

import numpy as np
from sqlalchemy import Connection

from carillon.days import day_number
from carillon.local_time import instant_of
from carillon.sequences import SequenceSettings
from carillon.store import enrollments, sequences
from carillon.store.advance import moment_from
from carillon.store.bulk import insert_rows, is_sqlite, stage_arrays
from carillon.store.contact_lookup import BY_ADDRESS
from carillon.store.dispatch import WAITING
from carillon.store.moments import as_moment, moment_of, stamp
from carillon.words import EventKind, ExitReason, Status

_STOPS: Mapping[str, tuple[ExitReason, str]] = {
    EventKind.REPLIED: (ExitReason.REPLIED, "stop_on_reply"),
    EventKind.BOUNCED: (ExitReason.BOUNCED, "stop_on_bounce"),
    EventKind.COMPLAINED: (ExitReason.COMPLAINED, "stop_on_complaint"),
    EventKind.UNSUBSCRIBED: (ExitReason.UNSUBSCRIBED, "stop_on_unsubscribe"),
    EventKind.OPTED_OUT: (ExitReason.OPTED_OUT, "stop_on_opt_out"),
}
"""By kind of event: why an enrollment ends, and the setting of its sequence that wants it."""
_WEIGHT = {reason: place for place, (reason, _) in enumerate(_STOPS.values())}
"""Of several reasons at once the last is the one that is noted."""
_REPLIES = (EventKind.REPLIED, EventKind.OPTED_OUT)
"""What ends it for a whole company, too, where a sequence wants that."""
_MORNING = time(12, tzinfo=UTC)
"""When the next step may be taken after an absence: early in America, the working day in Europe."""


def stop(
    connection: Connection,
    kinds: Iterable[tuple[int, str]],
    silenced: Iterable[tuple[str, str]],
    now: datetime,
) -> int:
    """End the enrollments of contacts to whom something happened. Returns how many ended.

    `kinds`: contact and kind of event; `silenced`: addresses suppressed just now, with the kind of the event
    that did it: it ends the enrollments of everybody who shares the address.
    """
    reasons: dict[str, set[str]] = defaultdict(set)
    for address, kind in silenced:
        reasons[address].add(kind)
    happened = {(contact, kind) for contact, kind in kinds if kind in _STOPS and contact}
    sharing = _sharing(connection, reasons)
    happened |= {(contact, kind) for contact, address in sharing for kind in reasons[address]}
    if not happened:
        return 0
    found = _enrollments(connection, {contact for contact, _ in happened})
    settings = _settings(connection, {sequence for _, _, sequence, _ in found})
    ends: dict[int, ExitReason] = {}
    for number, contact, sequence, is_open in found:
        wanted = [
            reason
            for kind, (reason, setting) in _STOPS.items()
            if (contact, kind) in happened and getattr(settings[sequence], setting)
        ]
        if wanted and is_open:
            ends[number] = max(wanted, key=_WEIGHT.__getitem__)
    repliers = {contact for contact, kind in happened if kind in _REPLIES}
    theirs = {(sequence, contact) for _, contact, sequence, _ in found if contact in repliers}
    companies = {one for one in theirs if settings[one[0]].company_stop}
    for number in _colleagues(connection, companies):
        ends.setdefault(number, ExitReason.COMPANY_REPLIED)
    by_reason: dict[ExitReason, list[int]] = defaultdict(list)
    for number, reason in ends.items():
        by_reason[reason].append(number)
    return sum(enrollments.stop(connection, ids, reason, now) for reason, ids in sorted(by_reason.items()))


def postpone(
    connection: Connection, absences: Iterable[tuple[int, date]], now: datetime, zone: tzinfo
) -> None:
    """Let the next step of contacts who are away wait until the day after they are back.

    An email that is scheduled for earlier waits, too; `zone`: the workspace's, whose days count. If that day
    lies in a window of the contact's state, the dispatcher finds that out, as of any other day.
    """
    until: dict[int, date] = {}
    for contact, back in absences:
        until[contact] = max(back, until.get(contact, back))
    if not until:
        return
    found = [one for one in _enrollments(connection, set(until)) if one[3]]
    settings = _settings(connection, {sequence for _, _, sequence, _ in found})
    rows = [
        (number, stamp(datetime.combine(until[contact] + timedelta(days=1), _MORNING)))
        for number, contact, sequence, _ in found
        if settings[sequence].postpone_on_out_of_office
    ]
    run = connection.exec_driver_sql
    run("drop table if exists temp_absences")
    run("create temp table temp_absences (id bigint primary key, until text)")
    insert_rows(connection, "temp_absences", ("id", "until"), rows)
    moment = "a.until" if is_sqlite(connection) else "a.until::timestamptz"
    run(
        f"update sequence_enrollments set away_until = {moment},"
        f" next_action_at = case when next_action_at < {moment} then {moment} else next_action_at end"
        f" from temp_absences a where a.id = sequence_enrollments.id and {enrollments.OPEN}"
    )
    # Only now: whoever was about to schedule an email held the enrollment until it was there.
    lock = "" if is_sqlite(connection) else " for update of outbox"
    waiting = run(
        f"select outbox.id, outbox.send_at, {moment} from outbox join temp_absences a"
        f" on a.id = outbox.enrollment_id where {WAITING} and outbox.status = '{Status.SCHEDULED}'"
        f" and outbox.send_at < {moment} order by outbox.id{lock}"
    ).all()
    moved = [(int(number), *_put_off(moment_of(at), moment_of(end), zone)) for number, at, end in waiting]
    if not moved:
        return
    stage_arrays(connection, "temp_put_off", ("id", "send", "at"), list(np.array(moved, np.int64).T))
    run(
        f"update outbox set send = p.send, send_at = {moment_from(connection, 'p.at')},"
        f" updated_at = {as_moment(connection, now)} from temp_put_off p where p.id = outbox.id"
    )
    run(
        "insert into changes (contact_id) select distinct contact_id from outbox"
        " where id in (select id from temp_put_off)"
    )


def _put_off(at: datetime | None, until: datetime | None, zone: tzinfo) -> tuple[int, int]:
    """The day, and the moment in milliseconds since 1970: the same time of day, not before `until`."""
    assert at is not None
    assert until is not None
    day, wall = until.astimezone(zone).date(), at.astimezone(zone).time()
    found = instant_of(day, wall, zone)
    if found < until:
        day += timedelta(days=1)
        found = instant_of(day, wall, zone)
    return day_number(day), round(found.timestamp() * 1000)


def _sharing(connection: Connection, addresses: Iterable[str]) -> list[tuple[int, str]]:
    """All contacts with these addresses, and the address of each."""
    rows = [(one,) for one in addresses]
    if not rows:
        return []
    run = connection.exec_driver_sql
    run("drop table if exists temp_addresses")
    run("create temp table temp_addresses (address text)")
    insert_rows(connection, "temp_addresses", ("address",), rows)
    parts = (f"select c.id, a.address from temp_addresses a {join}" for join in BY_ADDRESS)
    return [(int(contact), str(address)) for contact, address in run(" union all ".join(parts))]


def _enrollments(connection: Connection, contacts: Iterable[int]) -> list[tuple[int, int, int, bool]]:
    """Enrollment, contact, sequence, and whether it is open."""
    stage_arrays(connection, "temp_receivers", ("id",), [np.array(sorted(contacts), np.int64)])
    rows = connection.exec_driver_sql(
        f"select e.id, e.contact_id, e.sequence_id, {enrollments.OPEN} from temp_receivers r"
        " join sequence_enrollments e on e.contact_id = r.id order by e.id"
    )
    return [(int(row[0]), int(row[1]), int(row[2]), bool(row[3])) for row in rows]


def _settings(connection: Connection, ids: set[int]) -> dict[int, SequenceSettings]:
    known = sequences.sequences(connection, ids)
    return {one: known[one].settings if one in known else SequenceSettings() for one in ids}


def _colleagues(connection: Connection, companies: set[tuple[int, int]]) -> list[int]:
    """Open enrollments in a sequence of everybody whose address has the same domain as the contact's.

    `companies`: sequence and contact. At a domain where anybody can have a mailbox nobody is a colleague.
    """
    if not companies:
        return []
    run = connection.exec_driver_sql
    contacts = np.array(sorted({contact for _, contact in companies}), np.int64)
    stage_arrays(connection, "temp_receivers", ("id",), [contacts])
    emails = run("select c.id, c.email from temp_receivers r join contacts c on c.id = r.id")
    domains = {int(row[0]): _domain(row[1]) for row in emails}
    wanted = {(sequence, domains.get(contact, "")) for sequence, contact in companies}
    listed = ", ".join(str(one) for one in sorted({sequence for sequence, _ in wanted}))
    rows = run(
        "select e.id, e.sequence_id, c.email from sequence_enrollments e"
        f" join contacts c on c.id = e.contact_id where e.sequence_id in ({listed})"
        f" and {enrollments.OPEN.replace('status', 'e.status')}"
    )
    return [
        int(number)
        for number, sequence, email in rows
        if (domain := _domain(email)) and (int(sequence), domain) in wanted and domain not in public_domains()
    ]


def _domain(email: str | None) -> str:
    return (email or "").strip().lower().rpartition("@")[2]


@cache
def public_domains() -> frozenset[str]:
    """Domains of providers where anybody can have a mailbox."""
    listed = resources.files("carillon").joinpath("data", "public_domains.txt").read_text(encoding="utf-8")
    return frozenset(line.strip() for line in listed.splitlines() if line.strip() and line[0] != "#")
