"""Statements of the dispatcher about claims: take, keep, give back, reap. Each is one transaction.

A row is claimed (`processing`, with a token and a lease), gets an intent right before the network sees it,
and an outcome after (`store.intents`). A token belongs to one claim and is never used again: `HOLDER`
characters that name the dispatcher, then a number. Tokens, leases and rates use the database's clock;
`send_at` the workspace's. Longer than others: the steps of one protocol are read side by side.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Text, bindparam, text

from carillon.rates import SECOND, Limits, Used, take
from carillon.store.bulk import is_sqlite, read_integers, read_strings
from carillon.store.moments import database_micros, database_now, stamp
from carillon.store.planning import Ints
from carillon.store.slot_claims import ON_ITS_SLOT, OnSlots
from carillon.words import (
    AccountKind,
    EnrollmentStatus,
    InstanceStatus,
    OutreachStatus,
    SequenceStatus,
    SkipReason,
    SlotStatus,
    Status,
)

LEASE_SECONDS = 60
HORIZON = 5_000_000
"""Permits are given for the next so many microseconds."""
LATE = 2_000_000
"""For so many microseconds after its moment a permit may still be used, by the database's clock. The next
permits are others': the later one is used, the more leave at once."""
HOLDER = 36
"""Characters of a token that are the same for all claims of one dispatcher."""
WAITING = f"outbox.status in ('{Status.SCHEDULED}', '{Status.PROCESSING}', '{Status.IN_DOUBT}')"
"""The condition of the index `outbox_waiting`: SQLite uses it only for statements that say the same words."""
OPEN = f"""
    exists (select 1 from accounts a where a.id = outbox.account_id and a.status = 'active')
    and not exists (select 1 from workspace_state w where w.paused_at is not null)
    and not exists (select 1 from campaign_instances i
        where i.id = outbox.campaign_instance_id and i.status <> '{InstanceStatus.ACTIVE}')
    and (outbox.enrollment_id is null or not exists (select 1 from sequence_enrollments e
        join sequences q on q.id = e.sequence_id
        left join outreach_campaigns o on o.id = q.outreach_campaign_id
        where e.id = outbox.enrollment_id
        and (e.status in ('{EnrollmentStatus.SCHEDULED}', '{EnrollmentStatus.PAUSED}')
            or (e.status = '{EnrollmentStatus.ACTIVE}' and (q.status <> '{SequenceStatus.ACTIVE}'
                or o.status <> '{OutreachStatus.ACTIVE}')))))
"""
"""Neither account, workspace, campaign, sequence nor enrollment is paused. What belongs to an enrollment that
has ended is open: it is claimed, gets no intent and is cancelled."""
_TIMELY = "(outbox.send >= :today or outbox.enrollment_id is not null)"
"""What was planned for a day that is over does not leave in the night: the next release returns it."""
_COLUMNS = (
    "id", "contact_id", "kind", "followup", "email_type", "event", "send", "priority",
    "campaign_instance_id", "email_template", "metadata", "parent_id", "attempts + 1", "domain",
    "enrollment_id",
)  # fmt: skip
_DOMAIN = _COLUMNS.index("domain")


# Neither is ever changed, but frozen ones take three times as long to make, and each email has one of both.
@dataclass(slots=True)
class Claimed:
    """An email that is this dispatcher's until its lease ends."""

    token: str
    wait: float
    """Seconds from now until its permit holds."""
    lapses: int | None
    """When its permit holds no more, in microseconds of the database's clock; None: never."""
    id: int
    contact_id: int
    kind: int
    followup: int
    email_type: str
    event: int | None
    send: int
    priority: int | None
    campaign_instance_id: int | None
    email_template: str | None
    metadata: object
    parent_id: int | None
    attempts: int
    domain: str | None
    enrollment_id: int | None


@dataclass(slots=True)
class Outcome:
    """What became of a claimed email, as it is stored."""

    id: int
    token: str
    """Of the claim."""
    status: Status
    send_at: str | None = None
    """When it is tried again."""
    skip_reason: str | None = None
    error: str | None = None
    message_id: str | None = None
    provider_id: str | None = None
    render_hash: str | None = None
    sent_at: str | None = None
    refund: int = 0
    """Attempts that it did not cost after all."""
    back: SkipReason | None = None
    """The planner's again, and why it was not sent; `NONE`: it is caught up."""
    suppress: str | None = None
    """An address that nobody should write to again."""


def due_accounts(connection: Connection, now: datetime, today: int) -> set[int]:
    """Accounts that have something to send by now; of mailboxes, those for which a slot has come."""
    rows = connection.execute(
        text(
            "select a.id from accounts a where exists (select 1 from outbox where outbox.account_id = a.id"
            f" and {WAITING} and outbox.status = '{Status.SCHEDULED}' and send_at <= :now and {_TIMELY})"
            f" and (a.kind <> '{AccountKind.MAILBOX}' or exists (select 1 from send_slots s"
            f" where s.account_id = a.id and s.status = '{SlotStatus.PENDING}'"
            " and s.schedule_id is not null and s.send_at <= :now))"
        ),
        {"now": stamp(now), "today": today},
    )
    return {int(row[0]) for row in rows}


def claim(
    connection: Connection,
    account: int,
    limits: Limits,
    days: tuple[int, int],
    now: datetime,
    token: str,
    batch: int,
    slots: OnSlots | None = None,
) -> list[Claimed]:
    """Take up to `batch` due emails of an account, as far as its limits allow.

    `days`: the account's local day, by which its limit counts, and the workspace's, whose mail goes; `now`:
    the workspace's clock; `slots`: for a mailbox. Others' claims are passed over.
    """
    day, today = days
    used, micros = _lock_rates(connection, account, day), database_micros(connection)
    if slots is not None:
        batch = slots.most(connection, account, now, batch)
    due = _due(connection, account, now, today, batch, micros, slots)
    if limits.domain_interval:
        used.domains = _domains(connection, account, {row[_DOMAIN] or "" for row in due})
    granted = dict(take([(row[0], row[_DOMAIN] or "") for row in due], limits, used, micros, HORIZON))
    mine = [row for row in due if row[0] in granted]
    if not mine:
        return []
    connection.execute(
        text(
            f"update outbox set status = '{Status.PROCESSING}', claim_token = :token, intent_at = null,"
            f" attempts = attempts + 1, lease_until = {database_now(connection, LEASE_SECONDS)}"
            f" where id in ({_listed(row[0] for row in mine)})"
        ),
        {"token": token},
    )
    _store_rates(connection, account, day, used, limits)
    if not (limits.interval or limits.domain_interval):
        return [Claimed(token, 0.0, None, *row) for row in mine]
    moments = [max(granted[row[0]], micros) for row in mine]
    return [
        Claimed(token, (at - micros) / SECOND, at + LATE, *row) for row, at in zip(mine, moments, strict=True)
    ]


def heartbeat(connection: Connection, ids: Iterable[int], holder: str) -> None:
    """Extend the leases of emails that a dispatcher holds."""
    connection.execute(
        text(
            f"update outbox set lease_until = {database_now(connection, LEASE_SECONDS)}"
            f" where id in ({_listed(ids)}) and status = '{Status.PROCESSING}'"
            f" and substr(claim_token, 1, {HOLDER}) = :holder"
        ),
        {"holder": holder},
    )


def release_claims(connection: Connection, ids: Iterable[int], holder: str) -> int:
    """Give back what a dispatcher holds and did not intend to send; returns how many."""
    return connection.execute(
        text(
            f"update outbox set status = '{Status.SCHEDULED}', claim_token = null, lease_until = null,"
            f" attempts = attempts - 1 where id in ({_listed(ids)}) and status = '{Status.PROCESSING}'"
            f" and intent_at is null and substr(claim_token, 1, {HOLDER}) = :holder"
        ),
        {"holder": holder},
    ).rowcount


def refund(connection: Connection, account: int, day: int, emails: int) -> None:
    """Emails that did not leave on this day after all leave their room in its limit to others."""
    connection.execute(
        text(
            "update rate_state set sent = case when sent > :n then sent - :n else 0 end"
            " where account_id = :id and domain = '' and day = :day"
        ),
        {"n": emails, "id": account, "day": day},
    )


def permit(
    connection: Connection,
    account: int,
    limits: Limits,
    day: tuple[int, datetime],
    now: datetime,
    domain: str,
) -> bool:
    """A permit, to be used at once, for mail that is no email of the outbox; it counts with the others.

    `day`: the account's local day and its end; `domain`: the recipient's. False where a limit is used up, or
    where emails of the outbox are due or need what is left of the day: they go first.
    """
    used, micros = _lock_rates(connection, account, day[0]), database_micros(connection)
    waiting, is_due = connection.execute(
        text(
            "select count(*), coalesce(max(case when send_at <= :now then 1 else 0 end), 0) from outbox"
            f" where account_id = :account and {WAITING} and status = '{Status.SCHEDULED}' and send_at < :end"
        ),
        {"account": account, "now": stamp(now), "end": stamp(day[1])},
    ).one()
    if is_due or (limits.per_day is not None and used.sent + waiting >= limits.per_day):
        return False
    if limits.domain_interval:
        used.domains = _domains(connection, account, {domain})
    if not take([(0, domain)], limits, used, micros, 0):
        return False
    _store_rates(connection, account, day[0], used, limits)
    return True


def any_over(connection: Connection) -> bool:
    """Whether there are claims whose lease is over."""
    return (
        connection.execute(text(f"select 1 from outbox where {_over(connection)} limit 1")).first()
        is not None
    )


def reap(connection: Connection) -> tuple[int, int]:
    """Claims whose lease is over: back to `scheduled`, or `in_doubt` with an intent. Counts of both."""
    over = _over(connection)
    contacts = (
        connection.execute(
            text(
                f"update outbox set status = '{Status.IN_DOUBT}', lease_until = null, last_error ="
                " 'the dispatcher ended before the server''s answer was recorded'"
                f" where {over} and intent_at is not null returning contact_id"
            )
        )
        .scalars()
        .all()
    )
    if contacts:
        connection.execute(
            text("insert into changes (contact_id) values (:id)"), [{"id": one} for one in contacts]
        )
    back = connection.execute(
        text(
            f"update outbox set status = '{Status.SCHEDULED}', claim_token = null, lease_until = null,"
            f" attempts = attempts - 1 where {over} and intent_at is null"
        )
    ).rowcount
    return back, len(contacts)


def checked(connection: Connection, contacts: Iterable[int]) -> pl.DataFrame:
    """What the last check reads of contacts, as strings: id, ZIP, dates, time zone; ascending by id."""
    columns = ("id", "zip_code", "birth_date", "effective_date", "timezone")
    frame = read_strings(connection, columns, f"from contacts where id in ({_listed(contacts)})")
    return frame.sort(pl.col("id").cast(pl.Int64))


def sent_lately(
    connection: Connection,
    contacts: Iterable[int],
    since: int,
    besides: Iterable[int] = (),
    sequences: bool = False,
) -> tuple[Ints, Ints]:
    """Emails that count for frequency and have left, may have or are about to: contact and day of each.

    `besides`: emails that are being judged; `sequences`: whether those of sequences count.
    """
    contact, day = read_integers(
        connection,
        ("o.contact_id", "o.send"),
        f"from outbox o where o.contact_id in ({_listed(contacts)})"
        f" and o.send > {since} and o.followup = 0 and o.channel = 'email'"
        f"{'' if sequences else ' and o.enrollment_id is null'}"
        f" and o.status in ('{Status.SENT}', '{Status.DELIVERED}', '{Status.BOUNCED}', '{Status.IN_DOUBT}',"
        f" '{Status.PROCESSING}') and o.id not in ({_listed(besides)})",
    )
    return contact, day


def workspace_paused(connection: Connection) -> bool:
    """Whether someone has stopped all mail."""
    return (
        connection.execute(text("select 1 from workspace_state where paused_at is not null")).first()
        is not None
    )


def pause_workspace(connection: Connection, now: datetime | None, by: str | None) -> None:
    """Stop all mail from `now` on; None: let it go again."""
    connection.execute(
        text("update workspace_state set paused_at = :now, paused_by = :by"),
        {"now": None if now is None else stamp(now), "by": by},
    )


def _over(connection: Connection) -> str:
    return f"{WAITING} and status = '{Status.PROCESSING}' and lease_until < {database_now(connection)}"


def _listed(ids: Iterable[int]) -> str:
    """Ids written out; 0 is nobody's."""
    return ", ".join(str(int(one)) for one in ids) or "0"


def _due(
    connection: Connection,
    account: int,
    now: datetime,
    today: int,
    batch: int,
    micros: int,
    slots: OnSlots | None,
) -> list[tuple[Any, ...]]:
    skip = "" if is_sqlite(connection) else " for update of outbox skip locked"
    rows = connection.execute(
        text(
            f"select {', '.join(_COLUMNS)} from outbox where account_id = :account and {WAITING}"
            f" and status = '{Status.SCHEDULED}' and send_at <= :now and {_TIMELY} and {OPEN}"
            " and not exists (select 1 from rate_state r where r.account_id = outbox.account_id"
            "  and r.domain = outbox.domain and r.domain <> '' and r.earliest > :late)"
            f"{'' if slots is None else ON_ITS_SLOT}"
            f" order by send_at, id limit :batch{skip}"
        ),
        {
            "account": account,
            "now": stamp(now),
            "today": today,
            "late": micros + HORIZON,
            "batch": batch,
        }
        | ({} if slots is None else slots.values(now)),
    )
    return [tuple(row) for row in rows.all()]


def _lock_rates(connection: Connection, account: int, day: int) -> Used:
    """The account's use of its limits; all who claim for it wait here for each other."""
    connection.execute(
        text(
            "insert into rate_state (account_id, domain, earliest, day, sent) values (:id, '', 0, :day, 0)"
            " on conflict (account_id, domain) do nothing"
        ),
        {"id": account, "day": day},
    )
    lock = "" if is_sqlite(connection) else " for update"
    row = connection.execute(
        text(f"select earliest, day, sent from rate_state where account_id = :id and domain = ''{lock}"),
        {"id": account},
    ).one()
    return Used(int(row[0]), int(row[2]) if row[1] == day else 0)


def _domains(connection: Connection, account: int, names: set[str]) -> dict[str, int]:
    """The same of recipient domains: their earliest next moments."""
    rows = connection.execute(
        text(
            "select domain, earliest from rate_state where account_id = :id and domain in :names"
        ).bindparams(bindparam("names", type_=Text, expanding=True)),
        {"id": account, "names": sorted(names)},
    )
    return {str(name): int(earliest) for name, earliest in rows}


def _store_rates(connection: Connection, account: int, day: int, used: Used, limits: Limits) -> None:
    connection.execute(
        text(
            "update rate_state set earliest = :earliest, day = :day, sent = :sent"
            " where account_id = :id and domain = ''"
        ),
        {"earliest": used.earliest, "day": day, "sent": used.sent, "id": account},
    )
    if limits.domain_interval and used.domains:
        connection.execute(
            text(
                "insert into rate_state (account_id, domain, earliest, day, sent)"
                " values (:id, :domain, :earliest, :day, 0)"
                " on conflict (account_id, domain) do update set earliest = excluded.earliest"
            ),
            [
                {"id": account, "domain": domain, "earliest": earliest, "day": day}
                for domain, earliest in used.domains.items()
            ],
        )
