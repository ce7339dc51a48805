"""Who has which slot: statements that give slots to emails, take them back and note what became of them.

A slot belongs to an email while it names it, of the same account and moment; whatever changes the email
(a stop, a deferral, a restore) need not know of slots: `settle` looks at what has changed, set at a time.
Whoever gives slots away is alone at it until the transaction ends (`alone`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl
from sqlalchemy import Connection, text

from carillon.days import day_number
from carillon.slotting import Slots, milliseconds
from carillon.store.bulk import is_sqlite, read_strings, stage_arrays
from carillon.store.dispatch import OPEN, WAITING
from carillon.store.moments import moment_of, stamp
from carillon.store.planning import Ints
from carillon.words import AccountKind, SlotStatus, Status

_ALONE = 0x510
"""The number of PostgreSQL's lock of those who give slots away."""
HAS_SLOT = (
    "exists (select 1 from send_slots s where s.schedule_id = outbox.id and s.account_id = outbox.account_id"
    f" and s.status = '{SlotStatus.PENDING}' and s.send_at = outbox.send_at)"
)
"""A condition on rows of `outbox`."""
_AT_WORK = f"o.status in ('{Status.PROCESSING}', '{Status.IN_DOUBT}')"
# The plus and `coalesce` keep SQLite from the index of all slots that ever had an email: few are pending.
_TAKEN = f"send_slots.status = '{SlotStatus.PENDING}' and +send_slots.schedule_id is not null"
_ITS_EMAIL = "coalesce(send_slots.schedule_id, 0)"
WAITERS = ("id", "contact_id", "send", "account_id", "domain", "kind", "followup", "campaign_instance_id",
           "enrollment_id", "metadata", "priority", "ideal")  # fmt: skip


@dataclass(frozen=True)
class Free:
    """Free slots, ascending by time."""

    id: Ints
    slots: Slots

    def of(self, accounts: Iterable[int]) -> Free:
        """Those of some accounts."""
        some = np.isin(self.slots.account, list(accounts))
        return Free(self.id[some], self.slots.take(some))


def alone(connection: Connection, wait: bool) -> bool:
    """Be the only one who gives slots away. False, where one need not `wait`: somebody else is at it."""
    if is_sqlite(connection):
        return True
    if wait:
        connection.exec_driver_sql(f"select pg_advisory_xact_lock({_ALONE})")
        return True
    return bool(connection.exec_driver_sql(f"select pg_try_advisory_xact_lock({_ALONE})").scalar())


def any_slots(connection: Connection) -> bool:
    """Whether there is anything to do about slots: there is a mailbox, or was one."""
    found = connection.execute(
        text(
            "select 1 where exists (select 1 from accounts where kind = :mailbox)"
            " or exists (select 1 from send_slots where status = :pending)"
        ),
        {"mailbox": AccountKind.MAILBOX.value, "pending": SlotStatus.PENDING.value},
    )
    return found.first() is not None


def settle(connection: Connection, now: datetime, missed_before: datetime) -> None:
    """Note what became of slots; those that were missed are `skipped`, lost ones are free again.

    `missed_before`: slots before this moment are not used any more.
    """
    pending = {"now": stamp(now), "late": stamp(missed_before)}

    def run(statement: str) -> None:
        used = {name: value for name, value in pending.items() if f":{name}" in statement}
        connection.execute(text(statement), used)

    ended = ", ".join(f"'{one}'" for one in (Status.SENT, Status.DELIVERED, Status.BOUNCED, Status.FAILED))
    run(
        "update send_slots set sent_at = o.actual_send_datetime,"
        f" status = case when o.actual_send_datetime is null then '{SlotStatus.FAILED}'"
        f" else '{SlotStatus.SENT}' end,"
        " last_error = case when o.actual_send_datetime is null then o.last_error end"
        f" from outbox o where {_TAKEN} and o.id = {_ITS_EMAIL}"
        f" and o.account_id = send_slots.account_id and o.status in ({ended})"
    )
    run(
        f"update send_slots set status = '{SlotStatus.FAILED}', last_error = o.last_error from outbox o"
        f" where {_TAKEN} and send_slots.send_at <= :now and o.id = {_ITS_EMAIL}"
        f" and o.status = '{Status.SCHEDULED}' and o.attempts > 0 and o.last_error is not null"
        " and o.send_at > send_slots.send_at"
    )
    run(
        f"update send_slots set schedule_id = null, retry_count = 0 where {_TAKEN} and not exists ("
        "select 1 from outbox o where o.id = send_slots.schedule_id and o.account_id = send_slots.account_id"
        f" and ({_AT_WORK} or (o.status = '{Status.SCHEDULED}' and o.send_at = send_slots.send_at)))"
    )
    run(
        f"update send_slots set status = '{SlotStatus.SKIPPED}', schedule_id = null"
        f" where status = '{SlotStatus.PENDING}' and send_at < :late and not exists ("
        f"select 1 from outbox o where o.id = send_slots.schedule_id and {_AT_WORK})"
    )


def free(
    connection: Connection, accounts: Iterable[int], since: datetime, until: datetime | None = None
) -> Free:
    """Slots that nobody has, of these accounts, from `since` on and before `until`."""
    listed = ", ".join(map(str, sorted(accounts))) or "0"
    rows = connection.execute(
        text(
            "select id, account_id, send_at, local_date from send_slots"
            f" where status = '{SlotStatus.PENDING}' and schedule_id is null and send_at >= :since"
            f" and account_id in ({listed}) and send_at < :until order by send_at, account_id"
        ),
        {"since": stamp(since), "until": stamp(until) if until else "9999-01-01T00:00:00.000Z"},
    ).all()
    days = {one: day_number(date.fromisoformat(one)) for one in {row[3] for row in rows}}
    found = np.array(
        [(number, one, _milliseconds(at), days[day]) for number, one, at, day in rows], np.int64
    ).reshape(-1, 4)
    return Free(found[:, 0], Slots(found[:, 1], found[:, 2], found[:, 3]))


def used(connection: Connection, since: date) -> dict[tuple[int, int], int]:
    """By account and its local day (a day number), from `since` on: slots that emails have or have had."""
    rows = connection.execute(
        text(
            "select account_id, local_date, count(*) from send_slots"
            " where local_date >= :since and schedule_id is not null group by account_id, local_date"
        ),
        {"since": since.isoformat()},
    )
    return {(int(one), day_number(date.fromisoformat(day))): int(n) for one, day, n in rows}


def written(connection: Connection, accounts: Iterable[int], since: datetime) -> list[tuple[int, str, int]]:
    """Account, domain and moment of the emails that have slots from `since` on."""
    listed = ", ".join(map(str, sorted(accounts))) or "0"
    rows = connection.execute(
        text(
            "select s.account_id, o.domain, s.send_at from send_slots s join outbox o on o.id = s.schedule_id"
            f" where s.account_id in ({listed}) and s.send_at >= :since"
        ),
        {"since": stamp(since)},
    )
    return [(int(one), str(domain or ""), _milliseconds(at)) for one, domain, at in rows]


def give(connection: Connection, slots: Ints, emails: Ints) -> int:
    """Emails of the outbox take slots, their account and their moment; returns how many did.

    What has left or lost its place meanwhile, and slots that are not free, are passed over.
    """
    if not len(slots):
        return 0
    stage_arrays(connection, "temp_giving", ("slot", "email"), [slots, emails])
    free_ = f"s.status = '{SlotStatus.PENDING}' and s.schedule_id is null"
    connection.exec_driver_sql(
        "update outbox set account_id = s.account_id, send_at = s.send_at"
        " from temp_giving t join send_slots s on s.id = t.slot"
        f" where outbox.id = t.email and outbox.status = '{Status.SCHEDULED}' and {free_}"
    )
    return connection.exec_driver_sql(
        "update send_slots set schedule_id = o.id, retry_count = o.attempts"
        " from temp_giving t join outbox o on o.id = t.email"
        f" where send_slots.id = t.slot and send_slots.status = '{SlotStatus.PENDING}'"
        f" and send_slots.schedule_id is null and o.status = '{Status.SCHEDULED}'"
        " and o.account_id = send_slots.account_id and o.send_at = send_slots.send_at"
    ).rowcount


def redate(connection: Connection, emails: Ints, days: Ints) -> None:
    """Emails of sequences are of the day on which their slot is."""
    if len(emails):
        stage_arrays(connection, "temp_dated", ("email", "day"), [emails, days])
        connection.exec_driver_sql(
            "update outbox set send = t.day from temp_dated t where outbox.id = t.email and send <> t.day"
            f" and outbox.status = '{Status.SCHEDULED}'"
        )


def skip(connection: Connection, emails: Ints, reason: str, now: datetime) -> None:
    """Emails of sequences that no day with slots can take: their sequence finds them another day."""
    if len(emails):
        stage_arrays(connection, "temp_skipping", ("email",), [emails])
        connection.execute(
            text(
                f"update outbox set status = '{Status.SKIPPED}', skip_reason = :reason, updated_at = :now"
                f" where id in (select email from temp_skipping) and status = '{Status.SCHEDULED}'"
            ),
            {"reason": reason, "now": stamp(now)},
        )


def waiters(connection: Connection, today: int, until: datetime, limit: int) -> pl.DataFrame:
    """Emails of mailboxes that may leave and have no slot, the earliest first: `WAITERS`, and seconds `at`.

    `until`: those that are not to leave before it are not looked at; nor is what is paused. `limit`: of each
    account.
    """
    mailboxes = f"select id from accounts where kind = '{AccountKind.MAILBOX}' and status = 'active'"
    seconds = (
        "strftime('%s', outbox.send_at)"
        if is_sqlite(connection)
        else ("cast(extract(epoch from outbox.send_at) as bigint)")
    )
    columns = [*(f"outbox.{name}" for name in WAITERS), f"coalesce({seconds}, 0)"]
    columns[-3:-1] = ["coalesce(outbox.priority, 10)", "coalesce(outbox.ideal, outbox.send)"]
    before = f"'{stamp(until)}'" + ("" if is_sqlite(connection) else "::timestamptz")
    # A turn each: who waits in a crowd for one mailbox holds up nobody at another.
    waiting = (
        "select outbox.*, row_number() over (partition by account_id order by send_at, id) as turn"
        f" from outbox where account_id in ({mailboxes}) and {WAITING}"
        f" and outbox.status = '{Status.SCHEDULED}' and channel = 'email' and {OPEN}"
        f" and (send >= {today} or enrollment_id is not null) and (send_at is null or send_at < {before})"
        f" and not {HAS_SLOT}"
    )
    frame = read_strings(connection, columns, f"from ({waiting}) outbox where turn <= {limit}")
    frame.columns = [*WAITERS, "at"]
    numbers = ("id", "contact_id", "send", "account_id", "kind", "followup", "at", "priority", "ideal")
    return frame.with_columns(pl.col(*numbers).cast(pl.Int64))


def readers(connection: Connection, contacts: Ints) -> pl.DataFrame:
    """What windows, time zones and the choice of hours ask of contacts, as strings."""
    stage_arrays(connection, "temp_readers", ("id",), [contacts])
    columns = ("id", "zip_code", "birth_date", "effective_date", "timezone", "industry")
    frame = read_strings(
        connection, [f"c.{name}" for name in columns], "from temp_readers r join contacts c on c.id = r.id"
    )
    frame.columns = list(columns)
    return frame.sort(pl.col("id").cast(pl.Int64))


def left_over(connection: Connection, now: datetime) -> dict[int, int]:
    """By mailbox: free slots to come, less the emails that wait for one."""
    rows = connection.execute(
        text(
            "select account_id, sum(n) from ("
            " select account_id, count(*) as n from send_slots"
            f" where status = '{SlotStatus.PENDING}' and schedule_id is null and send_at >= :now"
            " group by account_id"
            f" union all select account_id, -count(*) from outbox where {WAITING}"
            f" and outbox.status = '{Status.SCHEDULED}' and not {HAS_SLOT}"
            f" and account_id in (select id from accounts where kind = '{AccountKind.MAILBOX}')"
            " group by account_id) counted group by account_id"
        ),
        {"now": stamp(now)},
    )
    return {int(account): int(n) for account, n in rows}


def usual(connection: Connection) -> dict[int, int]:
    """By mailbox, how many slots the last of its days had that had any."""
    rows = connection.exec_driver_sql(
        "select d.account_id, d.slots from slot_days d where d.slots > 0 and d.local_date = (select"
        " max(l.local_date) from slot_days l where l.account_id = d.account_id and l.slots > 0)"
    )
    return {int(account): int(n) for account, n in rows}


def _milliseconds(stored: str | datetime) -> int:
    moment = moment_of(stored)
    assert moment is not None, f"{stored!r} is no moment"
    return milliseconds(moment)
